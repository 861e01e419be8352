"""Ends waits early. It may forget or be missed: whoever waits looks again after `POLL_SECONDS` anyway."""

import asyncio
from weakref import WeakValueDictionary

POLL_SECONDS = 1.0


class Notifier:
    """Tells those who wait for a run that something about it has been committed."""

    def __init__(self) -> None:
        # A run that has ended is notified no more: its waiter goes with the last who holds it.
        self._waiters: WeakValueDictionary[str, asyncio.Event] = WeakValueDictionary()

    def waiter(self, run_id: str) -> asyncio.Event:
        """Return what the next notification sets. Take it before looking at the database, so that nothing falls in
        between.
        """
        return self._waiters.setdefault(run_id, asyncio.Event())

    @property
    def waited_for(self) -> int:
        """How many runs somebody waits for."""
        return len(self._waiters)

    def notify(self, run_id: str) -> None:
        """Wake everyone who waits for this run."""
        waiter = self._waiters.pop(run_id, None)
        if waiter is not None:
            waiter.set()

    def notify_all(self) -> None:
        """Wake everyone."""
        for run_id in list(self._waiters):
            self.notify(run_id)


async def wait(waiter: asyncio.Event, seconds: float = POLL_SECONDS) -> None:
    """Wait for a notification, but no longer than `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            await waiter.wait()
    except TimeoutError:
        pass
