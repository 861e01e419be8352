"""Claims runs and keeps several going; renews their leases, and stops those whose caller cancelled them or that another
worker took.
"""

import asyncio
import logging
import sqlite3
import time
from dataclasses import dataclass
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from app.store import runs
from app.store.models import Run
from app.work.executor import OfLaterVersion, cancel_run, execute_run, journal_of
from app.work.housekeeping import Housekeeping
from app.work.lease import Lease, Watch
from app.work.notifier import wait
from app.work.presence import Presence
from app.work.resources import Resources
from graphs.models import LedgerUnavailable

logger = logging.getLogger(__name__)


AGAIN_SECONDS = 5.0  # before a run that storage has stopped is taken up again
SILENT_SECONDS = 90.0  # without a look, after which something is wrong: the database says within 30 that it is locked


@dataclass(slots=True)
class _Driven:
    """A run that this worker drives."""

    attempt: int
    task: asyncio.Task[None] | None = None
    is_cancelled: bool = False  # by its caller


class Worker:
    """Drives the runs of one process."""

    def __init__(self, resources: Resources, presence: Presence, lease: Lease, id: str) -> None:
        self.id = id
        self.lease = lease
        self.housekeeping = Housekeeping(resources)
        self._resources = resources
        self._presence = presence
        self._watch = Watch(lease.seconds)
        self._driven: dict[str, _Driven] = {}
        self._left: set[str] = set()  # runs for a later version of the service to do
        self._woken = asyncio.Event()
        self._is_stopping = False
        self._renew_at = 0.0  # monotonic seconds
        self._looked_at = time.monotonic()

    @property
    def is_at_work(self) -> bool:
        """Whether it has looked after its runs lately, or was told by the database why it cannot."""
        return time.monotonic() - self._looked_at < SILENT_SECONDS

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
                    self._looked_at = time.monotonic()
                except (SQLAlchemyError, sqlite3.Error) as error:  # locked or full: runs wait, and so do we
                    logger.error("the database does not answer: %s", error)
                    self._looked_at = time.monotonic()
                except Exception:  # whatever it is, without this loop no run would be driven any more
                    logger.exception("the worker could not look for runs")
                if not self._is_stopping:
                    await wait(self._woken)
        finally:
            await self._stop()

    async def _look(self) -> None:
        self.housekeeping.look()
        if self._driven:
            await self._renew()
        while len(self._driven) < self._resources.settings.runs_at_once and not self._is_stopping:
            run = await self._claim()
            if run is None:
                return
            logger.info("run %s: attempt %d begins", run.id, run.attempt)
            driven = self._driven[run.id] = _Driven(run.attempt)
            driven.task = asyncio.create_task(self._drive(run, driven), name=f"run {run.id}")
            driven.task.add_done_callback(partial(self._let_go, run.id))  # even if cancelled before it begins

    async def _renew(self) -> None:
        """Prolong the lease when it is time, and stop runs that were cancelled or lost."""
        began = time.monotonic()
        is_due = began >= self._renew_at
        if is_due:
            async with self._resources.database.begin() as session:
                await runs.renew(session, self.id, self.lease.seconds)
        async with self._resources.database.read() as session:
            attempts = await runs.attempts_of(session, list(self._driven))
        lost = []
        for id, driven in self._driven.items():
            attempt, wants_cancel = attempts.get(id, (None, False))
            if driven.task is None or driven.task.done() or driven.is_cancelled:
                continue
            if attempt != driven.attempt:
                logger.warning("run %s was taken over; its attempt %d ends here", id, driven.attempt)
                driven.task.cancel()
                lost.append(driven.task)
            elif wants_cancel:
                driven.is_cancelled = True
                driven.task.cancel()
        if lost:
            await asyncio.wait(lost)  # before those of their calls that wait for the lease could go on
        if is_due:
            self._renew_at = began + self.lease.seconds / 3
            self.lease.renew(began)

    async def _claim(self) -> Run | None:
        """Take a run that waits, whose worker is gone, or that storage made this one let go of."""
        began = time.monotonic()
        async with self._resources.database.read() as session:
            leases = await runs.leases(session, other_than=self.id)
            gone = [*self._presence.dead(leases), *self._watch.silent(leases)]
            others = [*self._driven, *self._left]
            if not await runs.has_claimable(session, self.id, gone, others):
                return None
        async with self._resources.database.begin() as session:
            run = await runs.claim(session, self.id, gone, others, self.lease.seconds)
        if run is not None and not self._driven:
            self.lease.renew(began)
        return run

    async def _drive(self, run: Run, driven: _Driven) -> None:
        """Drive one run to its end, or to where it was cancelled or storage stopped it."""
        try:
            await self._execute(run, driven)
        except (SQLAlchemyError, sqlite3.Error, LedgerUnavailable) as error:
            if not self._is_stopping:
                logger.error("run %s waits for storage: %s", run.id, error)
                await asyncio.sleep(AGAIN_SECONDS)
        except runs.LeaseLost:
            logger.warning("run %s was taken over; its attempt %d ends here", run.id, run.attempt)
        except OfLaterVersion:
            logger.error("run %s waits for a later version of the service: its options are not known here", run.id)
            self._left.add(run.id)
            await self._give_back(run.id)
        except Exception:  # whatever it is, it may come again: not at once, or nothing else would be done
            logger.exception("run %s could not be ended", run.id)
            await asyncio.sleep(AGAIN_SECONDS)

    def _let_go(self, run_id: str, _: asyncio.Task[None]) -> None:
        """Drive a run no longer: unless it has ended, it is claimed again by whoever comes first."""
        del self._driven[run_id]
        self.wake()

    async def _execute(self, run: Run, driven: _Driven) -> None:
        journal = journal_of(run, self._resources)
        if run.cancel_requested_at is not None:  # whoever held it before did not come to that
            await cancel_run(run, self._resources, journal)
            return
        try:
            await execute_run(run, self._resources, journal)
        except (asyncio.CancelledError, SQLAlchemyError, sqlite3.Error, LedgerUnavailable):
            if not driven.is_cancelled:  # whatever the cancellation came out as
                raise
            await cancel_run(run, self._resources, journal)

    async def _give_back(self, run_id: str) -> None:
        """Let another worker have a run; if storage stops that, when this one is gone."""
        try:
            async with self._resources.database.begin() as session:
                await runs.release(session, self.id, run_id)
        except SQLAlchemyError as error:
            logger.error("run %s could not be given back: %s", run_id, error)

    async def _stop(self) -> None:
        """Stop what is under way, without ending it: the next worker resumes it."""
        await self.housekeeping.stop()
        tasks = [driven.task for driven in self._driven.values() if driven.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            async with self._resources.database.begin() as session:
                await runs.release(session, self.id)
        except SQLAlchemyError as error:  # whoever comes next sees that this worker is gone
            logger.error("runs could not be given back: %s", error)
