"""Claims runs and keeps several going; renews their leases, and stops those whose caller cancelled them or that another
worker took.
"""

import asyncio
import logging
import sqlite3
import time
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from app.store import runs
from app.store.calls import trim
from app.store.models import Run
from app.work.executor import cancel_run, execute_run, sweep_checkpoints
from app.work.notifier import wait
from app.work.presence import Presence
from app.work.resources import Resources
from graphs.models import LedgerUnavailable

logger = logging.getLogger(__name__)


TIDY_SECONDS = (60.0, 3_600.0)  # from the start to the first look at what may go, and between two
AGAIN_SECONDS = 5.0  # before a run that storage has stopped is taken up again


@dataclass(slots=True)
class _Driven:
    """A run that this worker drives."""

    attempt: int
    task: asyncio.Task[None] | None = None
    is_cancelled: bool = False  # by its caller


class Worker:
    """Drives the runs of one process."""

    def __init__(self, resources: Resources, presence: Presence, id: str) -> None:
        self.id = id
        self._resources = resources
        self._presence = presence
        self._driven: dict[str, _Driven] = {}
        self._woken = asyncio.Event()
        self._is_stopping = False
        self._renew_at = 0.0  # monotonic seconds
        self._tidy_at = time.monotonic() + TIDY_SECONDS[0]

    def wake(self) -> None:
        """Look at the database now rather than at the next poll."""
        self._woken.set()

    def drives(self, run_id: str) -> bool:
        """Tell whether a run is being driven here, and not waiting or in another process."""
        return run_id in self._driven

    def stop(self) -> None:
        """Make `run` give back what is under way, and return.

        Not by cancelling it: a cancellation in the middle of a statement may come out as an error of the database.
        """
        self._is_stopping = True
        self.wake()

    async def run(self) -> None:
        """Claim and drive runs until told to stop."""
        try:
            while not self._is_stopping:
                self._woken.clear()
                try:
                    await self._look()
                except (SQLAlchemyError, sqlite3.Error) as error:  # locked or full: runs wait, and so do we
                    logger.error("the database does not answer: %s", error)
                if not self._is_stopping:
                    await wait(self._woken)
        finally:
            await self._stop()

    async def _look(self) -> None:
        database = self._resources.database
        if self._driven and time.monotonic() >= self._renew_at:
            async with database.begin() as session:
                await runs.renew(session, self.id)
            self._renew_at = time.monotonic() + runs.LEASE_SECONDS / 3
        if self._driven:
            await self._check()
        if time.monotonic() >= self._tidy_at:
            self._tidy_at = time.monotonic() + TIDY_SECONDS[1]
            settings = self._resources.settings
            gone = await trim(database, days=settings.ledger_days, most_bytes=settings.ledger_bytes)
            logger.info("the ledger: %d calls forgotten for their age or size", gone)
            await sweep_checkpoints(self._resources)
        while len(self._driven) < self._resources.settings.runs_at_once and not self._is_stopping:
            async with database.read() as session:
                dead = self._presence.dead(await runs.workers_of_running(session))
                if not await runs.has_claimable(session, dead):
                    return
            async with database.begin() as session:
                run = await runs.claim(session, self.id, dead)
            if run is None:
                return
            logger.info("run %s: attempt %d begins", run.id, run.attempt)
            driven = self._driven[run.id] = _Driven(run.attempt)
            driven.task = asyncio.create_task(self._drive(run, driven), name=f"run {run.id}")

    async def _check(self) -> None:
        """Stop runs that were cancelled or lost."""
        async with self._resources.database.read() as session:
            held = await runs.held_by(session, self.id)
        for id, driven in self._driven.items():
            attempt, wants_cancel = held.get(id, (None, False))
            if driven.task is None or driven.task.done() or driven.is_cancelled:
                continue
            if attempt != driven.attempt:
                driven.task.cancel()
            elif wants_cancel:
                driven.is_cancelled = True
                driven.task.cancel()

    async def _drive(self, run: Run, driven: _Driven) -> None:
        """Drive one run to its end, or to where it was cancelled or storage stopped it."""
        try:
            await execute_run(run, self._resources)
        except (asyncio.CancelledError, SQLAlchemyError, LedgerUnavailable) as error:
            if driven.is_cancelled:  # whatever the cancellation came out as
                await cancel_run(run.id, run.attempt, self._resources)
                return
            if self._is_stopping or isinstance(error, asyncio.CancelledError):
                raise
            logger.error("run %s waits for storage: %s", run.id, error)
            await asyncio.sleep(AGAIN_SECONDS)
            async with self._resources.database.begin() as session:
                await runs.release(session, self.id, run.id)
        finally:
            del self._driven[run.id]
            self.wake()

    async def _stop(self) -> None:
        """Stop what is under way, without ending it: the next worker resumes it."""
        tasks = [driven.task for driven in self._driven.values() if driven.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with self._resources.database.begin() as session:
            await runs.release(session, self.id)
