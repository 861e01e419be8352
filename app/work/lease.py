"""Whether this process may still take its runs for its own, and whether the others are still at work.

A worker that was frozen, or that cannot reach the database, may have lost its runs to another without knowing. So each
model call asks first whether the last renewal of the lease is younger than the lease, and waits if it is not. The
others take a run over only after they have seen the lease unchanged for as long, by a clock that nobody puts forward or
back.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from graphs.models import Answer, ChatModel, LedgerUnavailable, ModelFacts

HOLD_SECONDS = 10.0  # that a call waits to be sure again; then its run waits for storage


class Lease:
    """The lease of one worker on all of its runs."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._renewed_at = -seconds  # monotonic seconds
        self._renewed = asyncio.Event()

    @property
    def is_sure(self) -> bool:
        """Whether nobody else can have taken a run over since it was last looked at."""
        return time.monotonic() - self._renewed_at < self.seconds

    def renew(self, since: float) -> None:
        """Note that the lease was renewed, and that the runs that were lost are known; `since` is the monotonic time
        from before that was begun.
        """
        self._renewed_at = max(self._renewed_at, since)
        self._renewed.set()

    async def hold(self, seconds: float = HOLD_SECONDS) -> None:
        """Return when it is sure whose the runs are. Raises `LedgerUnavailable` when that takes too long."""
        until = time.monotonic() + seconds
        while not self.is_sure:
            self._renewed.clear()
            try:
                async with asyncio.timeout(until - time.monotonic()):
                    await self._renewed.wait()
            except TimeoutError:
                raise LedgerUnavailable("The lease on the run could not be renewed.") from None


class HeldChat(ChatModel):
    """A chat model that is asked only while it is sure whose the runs are."""

    def __init__(self, facts: ModelFacts, *, lease: Lease, hold_seconds: float = HOLD_SECONDS, **more: Any) -> None:
        super().__init__(facts, **more)
        self._lease = lease
        self._hold_seconds = hold_seconds

    async def ask(self, *asked: Any, **more: Any) -> Answer:
        """Ask once, as `ChatModel` does."""
        await self._lease.hold(self._hold_seconds)
        return await super().ask(*asked, **more)


class Watch:
    """How long other workers have been silent, as seen from here."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._seen: dict[str, tuple[float, float]] = {}  # by worker: its lease, and for how long it has been that
        self._looked_at = 0.0  # monotonic seconds

    def silent(self, leases: Mapping[str, float]) -> list[str]:
        """Return those of the workers whose lease has not changed for too long.

        `leases` are those of all that hold runs now. Ask often: what happens while nobody looks hardly counts, as this
        process may have been frozen, and they with it.
        """
        now = time.monotonic()
        gap = min(now - self._looked_at, self._seconds / 3)  # which is how often a lease is renewed
        self._looked_at = now
        seen = {}
        for worker, lease in leases.items():
            before, silent_seconds = self._seen.get(worker, (lease, -gap))
            seen[worker] = lease, silent_seconds + gap if before == lease else 0.0
        self._seen = seen
        return [worker for worker, (_, silent_seconds) in seen.items() if silent_seconds > self._seconds]
