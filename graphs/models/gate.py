"""The limits in front of one provider, shared by every run of the process."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """Bounds the calls in flight to one provider and holds all of them back while the provider asks for a pause."""

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError("a gate lets at least one call through")
        self.limit = limit
        self.in_flight = 0
        self._turns = asyncio.Semaphore(limit)
        self._open_at = 0.0  # monotonic seconds

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a free place and for the end of any pause, then hold the place."""
        async with self._turns:
            while (wait_seconds := self._open_at - time.monotonic()) > 0:  # noqa: ASYNC110  # a pause is a time, not an event
                await asyncio.sleep(wait_seconds)
            self.in_flight += 1
            try:
                yield
            finally:
                self.in_flight -= 1

    def pause(self, seconds: float) -> None:
        """Start no call for so long; a pause never ends an earlier, longer one."""
        self._open_at = max(self._open_at, time.monotonic() + seconds)

    @property
    def paused_seconds(self) -> float:
        """How long the present pause still lasts; 0 if there is none."""
        return max(0.0, self._open_at - time.monotonic())
