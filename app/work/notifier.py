"""Ends waits early. It may forget or be missed: whoever waits looks again after `POLL_SECONDS` anyway."""

import asyncio
from weakref import WeakValueDictionary

POLL_SECONDS = 1.0


class Notifier:
    """Tells those who wait for a run that something about it has been committed."""

    def __init__(self) -> None:
        # A run that has ended is notified no more: its waiter goes with the last who holds it.
        self._waiters: WeakValueDictionary[tuple[str, bool], asyncio.Event] = WeakValueDictionary()

    def waiter(self, run_id: str, *, of_end: bool = False) -> asyncio.Event:
        """Return what the next notification sets; `of_end`: what the run's end sets, as a run tells of thousands of
        steps. Take it before looking at the database, so that nothing falls in between.
        """
        return self._waiters.setdefault((run_id, of_end), asyncio.Event())

    @property
    def waited_for(self) -> int:
        """How many runs, and ends of runs, somebody waits for."""
        return len(self._waiters)

    def notify(self, run_id: str, *, has_ended: bool = False) -> None:
        """Wake everyone who waits for this run, and those who wait for its end if it has ended."""
        for of_end in (False, True) if has_ended else (False,):
            waiter = self._waiters.pop((run_id, of_end), None)
            if waiter is not None:
                waiter.set()

    def notify_all(self) -> None:
        """Wake everyone."""
        for run_id, _ in list(self._waiters):
            self.notify(run_id, has_ended=True)


async def wait(waiter: asyncio.Event, seconds: float = POLL_SECONDS) -> None:
    """Wait for a notification, but no longer than `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            await waiter.wait()
    except TimeoutError:
        pass
