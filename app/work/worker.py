"""Claims runs and keeps several going; renews their leases, and stops those whose caller cancelled them or that another
worker took.
"""

import asyncio
import logging
import time
from dataclasses import dataclass
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from app.store import runs
from app.work.executor import cancel_run, execute_run
from app.work.notifier import wait
from app.work.presence import Presence
from app.work.resources import Resources

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Driven:
    """A run that this worker drives."""

    attempt: int
    task: asyncio.Task[None]
    is_cancelled: bool = False


class Worker:
    """Drives the runs of one process."""

    def __init__(self, resources: Resources, presence: Presence, id: str) -> None:
        self.id = id
        self._resources = resources
        self._presence = presence
        self._driven: dict[str, _Driven] = {}
        self._woken = asyncio.Event()
        self._renew_at = 0.0  # monotonic seconds

    def wake(self) -> None:
        """Look at the database now rather than at the next poll."""
        self._woken.set()

    async def run(self) -> None:
        """Claim and drive runs until cancelled; give back what is under way then."""
        try:
            while True:
                self._woken.clear()
                try:
                    await self._look()
                except SQLAlchemyError as error:  # locked or full: runs wait, and so do we
                    logger.error("the database does not answer: %s", error)
                await wait(self._woken)
        finally:
            await self._stop()

    async def _look(self) -> None:
        database = self._resources.database
        if time.monotonic() >= self._renew_at:
            if self._driven:
                async with database.begin() as session:
                    await runs.renew(session, self.id)
            self._renew_at = time.monotonic() + runs.LEASE_SECONDS / 3
        if self._driven:
            await self._check()
        while len(self._driven) < self._resources.settings.runs_at_once:
            async with database.read() as session:
                workers = await runs.workers_of_running(session)
                if not await runs.has_claimable(session, dead := self._presence.dead(workers)):
                    return
            async with database.begin() as session:
                run = await runs.claim(session, self.id, dead)
            if run is None:
                return
            task = asyncio.create_task(execute_run(run, self._resources), name=f"run {run.id}")
            self._driven[run.id] = _Driven(run.attempt, task)
            task.add_done_callback(partial(self._ended, run.id))
            logger.info("run %s: attempt %d begins", run.id, run.attempt)

    async def _check(self) -> None:
        """Stop runs that were cancelled or lost."""
        async with self._resources.database.read() as session:
            held = await runs.held_by(session, self.id)
        for id, driven in list(self._driven.items()):
            attempt, wants_cancel = held.get(id, (None, False))
            if driven.task.done():
                continue
            if attempt != driven.attempt:
                driven.task.cancel()
            elif wants_cancel and not driven.is_cancelled:
                driven.is_cancelled = True
                driven.task.cancel()

    def _ended(self, id: str, _: object) -> None:
        driven = self._driven.pop(id)
        if driven.is_cancelled and driven.task.cancelled():
            self._driven[id] = _Driven(driven.attempt, asyncio.create_task(self._write_cancel(id, driven.attempt)))
        elif not driven.task.cancelled() and (error := driven.task.exception()):
            logger.error("run %s could not be ended; it is taken up again when its lease is over", id, exc_info=error)
        self.wake()

    async def _write_cancel(self, id: str, attempt: int) -> None:
        try:
            await cancel_run(id, attempt, self._resources)
        except runs.LeaseLost:
            logger.warning("run %s was taken over before it could be cancelled", id)
        finally:
            del self._driven[id]

    async def _stop(self) -> None:
        """Stop what is under way, without ending it: the next worker resumes it."""
        tasks = [driven.task for driven in self._driven.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with self._resources.database.begin() as session:
            await runs.release(session, self.id)
