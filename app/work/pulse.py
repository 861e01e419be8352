"""How long the event loop lets its tasks wait: what every client feels."""

import asyncio
import time

TICK_SECONDS = 0.01
WINDOW_SECONDS = 10.0


class Pulse:
    """Wakes every `TICK_SECONDS` and notes how late it was."""

    def __init__(self) -> None:
        self._worst = [0.0, 0.0]  # seconds; in the window under way, and in the one before
        self._since = time.monotonic()

    @property
    def worst_seconds(self) -> float:
        """The longest wait of the last ten to twenty seconds."""
        return max(self._worst)

    async def beat(self) -> None:
        """Watch until cancelled."""
        while True:
            due = time.monotonic() + TICK_SECONDS
            await asyncio.sleep(TICK_SECONDS)
            now = time.monotonic()
            if now - self._since > WINDOW_SECONDS:
                self._worst = [0.0, self._worst[0]]
                self._since = now
            self._worst[0] = max(self._worst[0], now - due)
