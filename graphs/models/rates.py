"""So many a minute: token buckets, filled by the operator's settings or by what a provider's headers state."""

import re
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

ROUNDING = 1e-8  # of a bucket: what floating point may lose of a clock that runs for years
MINUTE_SECONDS = 60.0
_ROUNDING_SECONDS = 1e-7  # what it may lose of a time: so short a wait might change no clock, and be asked for again
BURST_SHARE = 0.1  # of a minute's allowance may go at once; the rest of the minute is that much slower
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def _now() -> float:
    return time.monotonic()  # looked up each time, for tests that move it


@dataclass(slots=True)
class Bucket:
    """Refills steadily up to its capacity; what is taken must be there, or all of it if more is wanted."""

    capacity: float
    per_second: float
    level: float
    filled_at: float = field(default_factory=_now)
    most: float | None = None
    """In any minute. The refilling keeps to it by itself unless calls are larger than the bucket."""
    _taken: deque[tuple[float, float]] = field(default_factory=deque)  # in the last minute: when, how many
    _in_minute: float = 0.0

    @classmethod
    def of(cls, per_minute: int) -> "Bucket":
        """Return a bucket that lets no more than `per_minute` through in any minute, its first included; what alone is
        more than that goes alone.
        """
        burst = max(1.0, per_minute * BURST_SHARE)
        per_second = max(per_minute - burst, per_minute * (1 - BURST_SHARE) / 2) / MINUTE_SECONDS
        return cls(burst, per_second, burst, most=per_minute)

    @property
    def per_minute(self) -> float:
        """How many go through in a minute in the long run."""
        return self.per_second * MINUTE_SECONDS

    def wait_seconds(self, size: float) -> float:
        """Return how long it takes until so many may be taken; 0: now."""
        self._fill()
        missing = min(size, self.capacity) - self.level
        # A wait so short that adding it changes no clock would be asked for again and again.
        wait_seconds = missing / self.per_second if missing > ROUNDING * self.capacity else 0.0
        return wait_seconds if self.most is None else max(wait_seconds, self._minute_seconds(size, self.most))

    def take(self, size: float) -> None:
        """Take so many; more than there are leaves a debt, which a single call larger than the bucket needs."""
        self._fill()
        self.level -= size
        if self.most is not None:
            self._taken.append((self.filled_at, size))
            self._in_minute += size

    def correct(self, least: float, most: float) -> None:
        """Note how much is there, as far as it is known."""
        self._fill()
        self.level = min(max(self.level, least), most)

    def _minute_seconds(self, size: float, most: float) -> float:
        """Return how long it takes until so many more are within a minute's."""
        minute_ago = self.filled_at - MINUTE_SECONDS
        while self._taken and self._taken[0][0] <= minute_ago + _ROUNDING_SECONDS:
            self._in_minute -= self._taken.popleft()[1]
        excess, wait_seconds = self._in_minute + size - most, 0.0
        for at, taken in self._taken:
            if excess <= 0:
                break
            excess -= taken
            wait_seconds = at - minute_ago
        return wait_seconds

    def _fill(self) -> None:
        now = _now()
        self.level = min(self.capacity, self.level + (now - self.filled_at) * self.per_second)
        self.filled_at = now


def stated_bucket(headers: Mapping[str, str], kind: str, bucket: Bucket | None, in_flight: int = 0) -> Bucket | None:
    """Return the bucket of requests or tokens as an answer's `x-ratelimit-*` headers state it; unchanged without them.

    `remaining` of `limit` are left and all of them are back after `reset`, so (limit - remaining) / reset come back a
    second: that holds for limits per minute and per day alike. Where they come back all at once, `remaining` says so;
    the provider may or may not have counted what is in flight.
    """
    limit, remaining = (_number(headers.get(f"x-ratelimit-{name}-{kind}")) for name in ("limit", "remaining"))
    if limit is None or remaining is None or limit < 1:
        return bucket
    reset = duration_seconds(headers.get(f"x-ratelimit-reset-{kind}", ""))
    per_second = limit / MINUTE_SECONDS
    if reset and limit > remaining:
        per_second = min(per_second, (limit - remaining) / reset)
    if bucket is None:
        bucket = Bucket(limit, per_second, remaining)
    bucket.capacity, bucket.per_second = limit, max(per_second, 1e-6)
    bucket.correct(remaining - in_flight, remaining)
    return bucket


def duration_seconds(text: str) -> float | None:
    """Return the seconds of a duration as providers write it: `6m0s`, `120ms`, `1.5`; None for anything else."""
    parts = _DURATION.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text.strip():
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)
    return _number(text)


def _number(text: str | None) -> float | None:
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
