"""How long a run will still take, from how fast its calls end."""

import time
from collections import deque

SEEN = 200  # ends of calls that are looked at: what was long ago says little of now
SHORTEST_SECONDS = 0.05  # that calls are seen over, before a rate is read from them


class Pace:
    """The ends of a run's latest calls."""

    def __init__(self) -> None:
        self._ends: deque[float] = deque([time.monotonic()], SEEN)
        self._seconds = 0.0  # that a call takes of late
        self._calls = 0

    def ended(self, seconds: float, *, remembered: bool) -> None:
        """Note a call that took so long; not one that the ledger remembered, which would promise too much."""
        if remembered:
            return
        self._calls += 1
        self._ends.append(time.monotonic())
        self._seconds += (seconds - self._seconds) / min(self._calls, 20)

    def eta_seconds(self, left: int, depth: int) -> float | None:
        """Return about how long `left` calls take, `depth` of them one after another; None before the first ended."""
        if not self._calls:
            return None
        span = max(self._ends[-1] - self._ends[0], SHORTEST_SECONDS)
        # A call that takes long holds the estimate up: it would else stand still until the next end.
        span = max(span, time.monotonic() - self._ends[0])
        return round(max(left * span / max(1, len(self._ends) - 1), min(left, depth) * self._seconds), 1)
