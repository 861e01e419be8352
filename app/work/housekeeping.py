"""What goes by itself: old runs and calls, checkpoints of ended runs, room in the files that nothing needs.

It has a task of its own: deleting much takes longer than a lease lasts.
"""

import asyncio
import logging
import sqlite3
import time

from sqlalchemy.exc import SQLAlchemyError

from app.errors import RunIsActive, RunNotFound
from app.store import runs
from app.store.calls import trim
from app.work.executor import forget_checkpoints, give_room_back, sweep_checkpoints
from app.work.resources import Resources

logger = logging.getLogger(__name__)

TIDY_SECONDS = (60.0, 3_600.0)  # from the start, or from a deletion, to the next look at what may go; between two


class Housekeeping:
    """Looks after what is kept, once an hour, and soon after something was deleted."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._task: asyncio.Task[None] | None = None
        self._due_at = time.monotonic() + TIDY_SECONDS[0]

    def soon(self) -> None:
        """Tidy up in a while, together with what else will be deleted until then."""
        self._due_at = min(self._due_at, time.monotonic() + TIDY_SECONDS[0])

    def look(self) -> None:
        """Begin to tidy up if it is time."""
        if time.monotonic() >= self._due_at and (self._task is None or self._task.done()):
            self._due_at = time.monotonic() + TIDY_SECONDS[1]
            self._task = asyncio.create_task(self._tidy(), name="housekeeping")

    async def stop(self) -> None:
        """Leave the rest for another time."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _tidy(self) -> None:
        try:
            if not await tidy(self._resources):
                self.soon()
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            logger.error("tidying up is put off: %s", error)
            self.soon()


async def tidy(resources: Resources) -> bool:
    """Delete what is older or more than the settings allow, and give its room back; tell whether that could be done
    now. Raises `SQLAlchemyError` and `sqlite3.Error`.
    """
    database, settings = resources.database, resources.settings
    for id in await runs.outdated(database, days=settings.run_days, most_bytes=settings.run_bytes):
        try:
            async with database.begin() as session:
                await runs.remove(session, id)
        except (RunNotFound, RunIsActive):  # deleted or tried again since
            continue
        await forget_checkpoints(id, resources)
        logger.info("run %s: deleted for its age or the size of all", id)
    gone = await trim(database, days=settings.ledger_days, most_bytes=settings.ledger_bytes)
    if gone:
        logger.info("the ledger: %d calls forgotten for their age or size", gone)
    await sweep_checkpoints(resources)
    return await give_room_back(resources)
