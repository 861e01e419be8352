"""The limits in front of one provider, shared by every run of the process.

A call waits here for its turn: runs take turns, and within a run the first to come goes first. Calls in flight follow
the provider's answers by additive increase and multiplicative decrease (Chiu & Jain, "Analysis of the increase and
decrease algorithms for congestion avoidance", 1989): each round of good answers adds a sixteenth of the upper bound, a
refusal for overload halves.
"""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from graphs.models.rates import Bucket, stated_bucket

STEPS = 16  # rounds of good answers from the least to the most calls in flight
PROBE_SECONDS = 5.0  # that the first call after a pause may take before others follow without its answer
PAUSE_SECONDS = (1.0, 60.0)  # after a refusal that states no time: the first, doubling up to the last
STATED_SECONDS = (0.05, 1.0)  # likewise, that a stated pause lasts at least: some state 0 and refuse again
DOUBLINGS = 10  # of either, at most
UNSETTLED_SHARE = 1.0  # of the limit: answers that may wait for the ledger before new calls are held back
TIGHT_SECONDS = 0.25  # between two looks at the memory while it is tight
LATENCIES = 256  # recent ones, for the hedge
LEAST_LATENCIES = 20  # fewer say nothing about the slowest twentieth
HEDGE_SHARE = 0.05  # of the calls, at most


@dataclass(frozen=True, slots=True)
class Limits:
    """What an operator allows a process to ask of one provider."""

    most: int = 16
    """Calls in flight at most."""
    start: int | None = None
    """Calls in flight at first; None: the most."""
    least: int = 1
    """Calls in flight however often the provider refuses."""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    hedge: bool = False
    """Ask a second time what takes longer than 95 % of the recent calls did, and take the first answer."""

    def __post_init__(self) -> None:
        if not 1 <= self.least <= (self.start or self.most) <= self.most:
            raise ValueError("calls in flight: 1 <= least <= start <= most")


@dataclass(slots=True, eq=False)
class Place:
    """A call's place inside a gate."""

    gate: "Gate"
    tokens: int = 0  # of the call, at most
    started: float = field(default_factory=time.monotonic)
    is_answered: bool = False

    def answered(self) -> None:
        """The provider has answered well: another call may start while this one's answer is made durable."""
        self.is_answered = True
        self.gate.answered(self)


@dataclass(slots=True, eq=False)
class _Waiter:
    turn: asyncio.Future[Place]
    tokens: int


class Gate:
    """Bounds the calls to one provider: in flight, per minute, not at all while the provider asks for a pause."""

    def __init__(self, limits: Limits | None = None, *, is_tight: Callable[[], bool] = lambda: False) -> None:
        self.limits = limits or Limits()
        self.limit = float(self.limits.start or self.limits.most)
        self.in_flight = 0
        self.tokens_in_flight = 0
        self.unsettled = 0  # answered, and on their way into the ledger
        self.calls = 0  # let through so far
        self.hedges = 0  # of these, second ones
        self._is_tight = is_tight
        self._queues: OrderedDict[str, deque[_Waiter]] = OrderedDict()  # by run, next run first
        self._open_at = 0.0  # monotonic seconds
        self._refusals = 0  # since the last good answer, those of calls under way together counted once
        self._is_probing = False  # after a pause one call alone tries the provider
        self._probe: Place | None = None
        self._cut_at = 0.0  # monotonic seconds; when the limit was last halved
        self._latencies: deque[float] = deque(maxlen=LATENCIES)
        self._own = [
            Bucket.of(per_minute) if per_minute else None
            for per_minute in (self.limits.requests_per_minute, self.limits.tokens_per_minute)
        ]
        self._stated: list[Bucket | None] = [None, None]  # by the provider: requests, tokens
        self._timer: tuple[asyncio.AbstractEventLoop, asyncio.TimerHandle] | None = None

    @asynccontextmanager
    async def turn(self, run: str = "", tokens: int = 0, *, ahead: bool = False) -> AsyncIterator[Place]:
        """Wait for this run's turn, a free place and the end of any pause, then hold the place.

        `tokens` are those of the call at most, prompt and answer; `ahead` goes before the run's other calls.
        """
        waiter = _Waiter(asyncio.get_running_loop().create_future(), tokens)
        queue = self._queues.setdefault(run, deque())
        (queue.appendleft if ahead else queue.append)(waiter)
        self._admit()
        try:
            place = await waiter.turn
        except asyncio.CancelledError:
            if waiter.turn.done() and not waiter.turn.cancelled():  # let in at the very moment
                self._leave(waiter.turn.result())
            elif waiter in queue:
                queue.remove(waiter)
                self._admit()  # one behind it may be small enough to go now
            raise
        try:
            yield place
        finally:
            self._leave(place)

    def pause(self, seconds: float) -> None:
        """Start no call for so long; a pause never ends an earlier, longer one. One call alone then tries whether the
        provider answers again.
        """
        self._open_at = max(self._open_at, time.monotonic() + seconds)
        self._is_probing, self._probe = True, None

    def overloaded(self, place: Place, wait_seconds: float | None) -> None:
        """Pause as long as the provider states, None: for longer each time. Halve the calls in flight, once for all
        that were under way together.
        """
        is_new = place.started >= self._cut_at
        if is_new:
            self.limit = max(float(self.limits.least), self.limit / 2)
            self._cut_at = time.monotonic()
            self._refusals += 1
        elif wait_seconds is None:
            return  # another one's refusal has been heard
        first, last = PAUSE_SECONDS if wait_seconds is None else STATED_SECONDS
        self.pause(max(wait_seconds or 0.0, min(last, first * 2 ** min(self._refusals - 1, DOUBLINGS))))

    def answered(self, place: Place) -> None:
        """Note a good answer: it makes room for the next call, and in time for more at once."""
        self._land(place)
        self.unsettled += 1
        self._latencies.append(time.monotonic() - place.started)
        if place is self._probe:
            self._is_probing, self._probe = False, None
        if place.started >= self._cut_at:
            self._refusals = 0
            most = float(self.limits.most)
            self.limit = min(most, self.limit + max(1.0, most / STEPS) / self.limit)
        self._admit()

    def observe(self, headers: Mapping[str, str]) -> None:
        """Tighten the limits per minute by what the provider says in an answer's `x-ratelimit-*` headers."""
        out = (self.in_flight, self.tokens_in_flight)
        for index, kind in enumerate(("requests", "tokens")):
            self._stated[index] = stated_bucket(headers, kind, self._stated[index], out[index])

    def hedge_seconds(self) -> float | None:
        """After how long a call is worth a second one; None: never now."""
        if not self.limits.hedge or len(self._latencies) < LEAST_LATENCIES:
            return None
        return sorted(self._latencies)[int(len(self._latencies) * 0.95)]

    def may_hedge(self) -> bool:
        """Whether a second call now is still among the few that are allowed; if so, count it."""
        if self.hedges + 1 > HEDGE_SHARE * self.calls:
            return False
        self.hedges += 1
        return True

    @property
    def paused_seconds(self) -> float:
        """How long the present pause still lasts; 0 if there is none."""
        return max(0.0, self._open_at - time.monotonic())

    @property
    def waiting(self) -> int:
        """Calls that wait for their turn."""
        return sum(len(queue) for queue in self._queues.values())

    @property
    def per_minute(self) -> tuple[float | None, float | None]:
        """Requests and tokens per minute that are allowed now, by settings and provider; None: not limited."""
        own, stated = self._own, self._stated
        rates = [
            min((bucket.per_minute for bucket in (own[kind], stated[kind]) if bucket), default=None) for kind in (0, 1)
        ]
        return rates[0], rates[1]

    def _leave(self, place: Place) -> None:
        if place.is_answered:
            self.unsettled -= 1
        else:
            self._land(place)
            if place is self._probe:  # it failed for a reason of its own: the next one tries
                self._probe = None
        self._admit()

    def _land(self, place: Place) -> None:
        self.in_flight -= 1
        self.tokens_in_flight -= place.tokens

    def _admit(self) -> None:
        """Let in whoever may go now, run by run; if time alone holds the next one back, come again then."""
        while (run := self._next_run()) is not None:
            queue = self._queues[run]
            wait_seconds = self._wait_seconds(queue[0].tokens)
            if wait_seconds > 0:
                self._come_again(wait_seconds)
                return
            waiter = queue.popleft()
            self._queues.move_to_end(run)
            for kind, size in enumerate((1, waiter.tokens)):
                for bucket in (self._own[kind], self._stated[kind]):
                    if bucket:
                        bucket.take(size)
            self.in_flight += 1
            self.tokens_in_flight += waiter.tokens
            self.calls += 1
            place = Place(self, waiter.tokens)
            if self._is_probing:
                self._probe = place
            waiter.turn.set_result(place)

    def _next_run(self) -> str | None:
        """Return the run whose turn it is, if there is room for a call at all."""
        limit = int(self.limit)
        if self.in_flight >= limit or self.in_flight + self.unsettled >= limit * (1 + UNSETTLED_SHARE):
            return None
        if self._probe is not None:
            probe_seconds = self._probe.started + PROBE_SECONDS - time.monotonic()
            if probe_seconds > 0:
                self._come_again(probe_seconds)
                return None
            self._is_probing, self._probe = False, None  # slow, but it is being answered
        for run in list(self._queues):
            queue = self._queues[run]
            while queue and queue[0].turn.done():  # it was cancelled meanwhile
                queue.popleft()
            if queue:
                return run
            del self._queues[run]
        return None

    def _wait_seconds(self, tokens: int) -> float:
        """Return how long a call of so many tokens must wait at least; 0: it may start."""
        wait_seconds = self.paused_seconds
        for kind, size in enumerate((1, tokens)):
            for bucket in (self._own[kind], self._stated[kind]):
                if bucket:
                    wait_seconds = max(wait_seconds, bucket.wait_seconds(size))
        # One call at a time goes on, so that the runs that fill the memory come to their end.
        if not wait_seconds and self.in_flight and self._is_tight():
            return TIGHT_SECONDS
        return wait_seconds

    def _come_again(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        at = loop.time() + seconds
        if self._timer is not None:
            timer_loop, timer = self._timer
            if timer_loop is loop and loop.time() < timer.when() <= at and not timer.cancelled():
                return
            timer.cancel()
        self._timer = loop, loop.call_at(at, self._come)

    def _come(self) -> None:
        self._timer = None  # it is over, though the clock may not have passed its time yet
        self._admit()
