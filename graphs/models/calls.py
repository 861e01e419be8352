"""The one door to every model.

`Calls.ask` looks a call up in the ledger, waits for the gate, performs it under a total deadline, tries again where
that can help, and keeps the answer in the ledger before it returns. So a call that was finished is never paid again:
not after a crash, not on a retry, not in the next batch that shares a document. Failures are never kept as answers, and
equal calls in flight are one call.
"""

import asyncio
import hashlib
import random
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple, Protocol

from graphs.models.failures import (
    AnswerCut,
    BudgetSpent,
    CallFailed,
    CallTimedOut,
    LedgerEntryLost,
    LedgerUnavailable,
    Overloaded,
    RunStopped,
    Transient,
)
from graphs.models.gate import Gate, Limits, Place
from graphs.models.spending import NOTHING, Bill, Bound, Spending
from graphs.models.wire import json_bytes

ATTEMPTS = 5  # of one call, waits that the provider asked for not counted
BACKOFF_SECONDS = 0.5  # before the second attempt; doubles, with full jitter
BACKOFF_LIMIT_SECONDS = 20.0
DEADLINE_SECONDS = 120.0  # of one attempt, from the request's first byte to the answer's last
FIRST_CALL_SECONDS = 5.0  # that others wait for the first call to a model
LATE_SECONDS = 0.05  # that a deadline may come late before the process counts as held up
STALL_SECONDS = 0.5  # more, at most, to read the answers that came while it was
ROOM = (1, 2, 4)  # times the planned length that an answer may have, as long as it is cut
RECENT_ANSWERS = 2_000  # kept in memory, so that a merge seldom reads back what its maps have just written


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model wrote, as the ledger keeps it."""

    text: str
    spans: tuple[
        tuple[str, int, int], ...
    ] = ()  # (document, start, end) of the sentences quoted, where the model quotes
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0  # from the request to the answer, of the attempt that succeeded
    remembered: bool = False  # it came from the ledger and cost nothing
    key: str = ""  # the call's key in the ledger


def no_bound(room: int) -> Bound:
    """Say nothing about a call's cost: its run has no budget, its provider no limit of tokens."""
    return NOTHING


@dataclass(frozen=True, slots=True)
class Call:
    """One question to a model.

    `identity` holds everything that the answer depends on (messages, parameters, version of the prompt), as JSON
    values. How long an answer may be is no part of it: an answer that was cut is never kept. `perform` asks the model
    once, with room for so many times the planned answer, adds to the bill what that cost, and raises `CallFailed`,
    `RunStopped` or `Transient`; `bound` says what that costs at most.
    """

    model: str  # provider:name
    identity: Mapping[str, Any]
    perform: Callable[[int], Awaitable[Answer]]
    owner: str = ""  # whose ledger entries it may use
    run: str = ""  # runs take turns at the gate
    step: str = ""  # of the run; its budget may hold something back for it
    goes_ahead: bool = False  # of the run's other calls: it finishes something
    bound: Callable[[int], Bound] = no_bound
    bill: Bill = field(default_factory=Bill)
    spending: Spending | None = None
    key: str = field(init=False)

    def __post_init__(self) -> None:
        identity = json_bytes([self.owner, self.model, self.identity], sorts_keys=True)
        object.__setattr__(self, "key", hashlib.sha256(identity).hexdigest())

    @property
    def provider(self) -> str:
        """The part of the model's name before the colon."""
        return self.model.partition(":")[0]


class Ledger(Protocol):
    """Keeps finished calls."""

    async def find(self, keys: Sequence[str]) -> dict[str, Answer]:
        """Return the answers that are kept under these keys."""

    async def keep(self, call: Call, answer: Answer) -> None:
        """Store an answer; return when it survives a crash. Raises `LedgerUnavailable`."""


class MemoryLedger:
    """A ledger that lasts as long as its process: for notebooks and tests of the graph alone."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}

    async def find(self, keys: Sequence[str]) -> dict[str, Answer]:
        """Return the answers that are kept under these keys."""
        return {key: self.answers[key] for key in keys if key in self.answers}

    async def keep(self, call: Call, answer: Answer) -> None:
        """Store an answer."""
        self.answers[call.key] = answer


@dataclass(slots=True)
class _Flight:
    """A call under way and how many wait for it."""

    task: asyncio.Task[Answer]
    waiting: int = 0


class _Refusal(NamedTuple):
    """What made a run stop, of the calls to one model."""

    run: str
    error: type[RunStopped]
    detail: str


@asynccontextmanager
async def _deadline(seconds: float) -> AsyncIterator[None]:
    """End a call at its deadline; a little later if this process was held up meanwhile, as its answer may wait to be
    read, and is paid.
    """
    loop = asyncio.get_running_loop()
    due = loop.time() + seconds
    async with asyncio.timeout(None) as deadline:

        def expire() -> None:
            late = loop.time() - due
            deadline.reschedule(loop.time() + (min(late, STALL_SECONDS) if late > LATE_SECONDS else 0.0))

        timer = loop.call_at(due, expire)
        try:
            yield
        finally:
            timer.cancel()


class Calls:
    """The door: ledger, gates, deadline and retry for every call of a process."""

    def __init__(
        self,
        ledger: Ledger | None = None,
        *,
        limits: Limits | None = None,
        deadline_seconds: float = DEADLINE_SECONDS,
        backoff_seconds: float = BACKOFF_SECONDS,
        is_tight: Callable[[], bool] = lambda: False,
    ) -> None:
        self.ledger: Ledger = ledger or MemoryLedger()
        self.limits = limits or Limits()
        self.deadline_seconds = deadline_seconds
        self.backoff_seconds = backoff_seconds
        self.gates: dict[str, Gate] = {}
        self._is_tight = is_tight  # whether the memory is so short that calls have to wait
        self._flights: dict[str, _Flight] = {}
        self._answering: set[str] = set()  # models that have reacted with anything but a refusal of the run
        self._first_turns: dict[str, tuple[asyncio.AbstractEventLoop, asyncio.Lock]] = {}
        self._refusals: dict[str, _Refusal] = {}  # the latest, by model
        self._unkept: dict[str, tuple[Call, Answer]] = {}  # paid, but the ledger could not be written
        self._recent: OrderedDict[str, Answer] = OrderedDict()

    async def ask(self, call: Call) -> Answer:
        """Return the answer to a call, from the ledger if it was ever finished.

        Raises `CallFailed` when the call is given up and `RunStopped` when no further call can succeed.
        """
        try:
            while True:
                flight = self._flights.get(call.key)
                joins = flight is not None and not flight.task.done()
                if flight is None or not joins:
                    flight = self._flights[call.key] = _Flight(asyncio.create_task(self._answer(call)))
                    flight.task.add_done_callback(partial(self._landed, call.key, flight))
                try:
                    answer = await self._wait_for(call.key, flight)
                except BudgetSpent:
                    if not joins:
                        raise  # else it is the budget of another run, which asked first
                else:
                    return replace(answer, remembered=True) if joins else answer  # paid once, however many wait
        finally:
            if call.spending:
                call.spending.forgo(call.step)

    async def recall(self, keys: Iterable[str]) -> dict[str, Answer]:
        """Return finished calls by their keys. Raises `LedgerEntryLost`."""
        wanted = list(dict.fromkeys(keys))
        answers = {key: self._recent[key] for key in wanted if key in self._recent}
        missing = [key for key in wanted if key not in answers]
        if missing:
            answers |= await self.ledger.find(missing)
        if len(answers) < len(wanted):
            raise LedgerEntryLost
        return {key: answers[key] for key in wanted}

    def gate(self, provider: str) -> Gate:
        """Return the gate of a provider."""
        if provider not in self.gates:
            limits = Limits(most=self.limits.most) if provider == "embedded" else self.limits  # it has no account
            self.gates[provider] = Gate(limits, is_tight=self._is_tight)
        return self.gates[provider]

    async def _wait_for(self, key: str, flight: _Flight) -> Answer:
        """Return a flight's answer; the last one to leave without it ends the flight."""
        flight.waiting += 1
        try:
            # One waiter that is cancelled must not take the call away from the others.
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                # At once: whoever asks next must not join a call that is being cancelled.
                self._landed(key, flight)
                flight.task.cancel()

    def _landed(self, key: str, flight: _Flight, _: object = None) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

    async def _answer(self, call: Call) -> Answer:
        await self._keep_rest()
        known = (await self.ledger.find([call.key])).get(call.key)
        if known is not None:
            answer = replace(known, key=call.key, remembered=True)
        else:
            answer = await self._insist(call)
        self._recent[call.key] = answer
        if len(self._recent) > RECENT_ANSWERS:
            self._recent.popitem(last=False)
        return answer

    @asynccontextmanager
    async def _alone_if_first(self, model: str) -> AsyncIterator[None]:
        """Let the first call to a model go alone: a wrong key or name then costs a call or two, not one a task."""
        turn = self._first_turn(model)
        holds_turn = False
        try:
            async with asyncio.timeout(FIRST_CALL_SECONDS):
                holds_turn = await turn.acquire()
        except TimeoutError:  # a slow model is no wrong one
            self._answering.add(model)
        try:
            if holds_turn and model in self._answering:
                turn.release()
                holds_turn = False
            yield
        except (CallFailed, Overloaded):
            self._answering.add(model)  # badly, but it is there and takes the key
            raise
        else:
            self._answering.add(model)
        finally:
            if holds_turn:
                turn.release()

    def _first_turn(self, model: str) -> asyncio.Lock:
        """Return the lock of a model's first call; a lock belongs to its event loop, and there may be several."""
        loop = asyncio.get_running_loop()
        if model not in self._first_turns or self._first_turns[model][0] is not loop:
            self._first_turns[model] = loop, asyncio.Lock()
        return self._first_turns[model][1]

    async def _insist(self, call: Call) -> Answer:
        """Make a call, again and again while that can help. Raises `CallFailed` or `RunStopped`."""
        gate = self.gate(call.provider)
        attempt, room = 1, 0
        while True:
            try:
                return await self._attempt(call, gate, ROOM[room])
            except AnswerCut:
                room += 1
                if room == len(ROOM):
                    raise
            except Overloaded:
                pass  # the gate makes everyone wait, and this call with them
            except Transient as fault:
                if attempt == ATTEMPTS:
                    raise fault.gives_up_as(fault.detail) from fault
                longest = min(BACKOFF_LIMIT_SECONDS, self.backoff_seconds * 2**attempt)
                await asyncio.sleep(random.uniform(0, longest))
                attempt += 1

    async def _attempt(self, call: Call, gate: Gate, room: int) -> Answer:
        """Make a call once: wait for its turn, ask, keep the answer. Raises `Transient` too."""
        bound = call.bound(room)
        refusal = self._refusals.get(call.model)
        if call.spending:
            await call.spending.promise(bound, call.step)
        paid_before = replace(call.bill)
        try:
            async with (
                # Nearly every call is none of the first: to enter what lets it pass would cost more than the look.
                nullcontext() if call.model in self._answering else self._alone_if_first(call.model),
                gate.turn(call.run, bound.tokens, ahead=call.goes_ahead) as place,
            ):
                latest = self._refusals.get(call.model)
                if latest and latest is not refusal and latest.run == call.run:  # the run was stopped meanwhile
                    raise latest.error(latest.detail)
                await self._keep_rest()
                answer = await self._hedged(call, gate, room, place)
                answer = replace(answer, seconds=time.monotonic() - place.started, key=call.key)
                place.answered()
                # As many answers as calls in flight may be on their way into the ledger: no more are lost in a crash.
                await self._keep(call, answer)
                return answer
        except RunStopped as error:
            self._refusals[call.model] = _Refusal(call.run, type(error), error.detail)
            self._answering.discard(call.model)  # the next run finds out with one call again
            raise
        finally:
            if call.spending:
                call.spending.settle(bound, call.bill.since(paid_before))

    async def _keep(self, call: Call, answer: Answer) -> None:
        try:
            await self.ledger.keep(call, answer)
        except LedgerUnavailable:
            self._unkept[call.key] = call, answer
            raise

    async def _keep_rest(self) -> None:
        """Keep first what could not be kept: it is paid, and no call starts while the ledger cannot be written.

        Raises `LedgerUnavailable`.
        """
        for key, (call, answer) in list(self._unkept.items()):
            with suppress(CallFailed):  # what proves to be nothing that can be kept must not stop all others
                await self.ledger.keep(call, answer)
            self._unkept.pop(key, None)

    async def _hedged(self, call: Call, gate: Gate, room: int, place: Place) -> Answer:
        """Ask; if that takes longer than it nearly ever does, ask a second time and take the first answer."""
        # A budget is promised one answer.
        wait_seconds = None if call.spending else gate.hedge_seconds()
        if wait_seconds is None:
            return await self._ask_once(call, gate, room, place)
        asking = {asyncio.create_task(self._ask_once(call, gate, room, place))}
        has_begun = asyncio.Event()  # the second one
        try:
            done, _ = await asyncio.wait(asking, timeout=wait_seconds)
            if not done and gate.may_hedge():
                asking.add(asyncio.create_task(self._ask_ahead(call, gate, room, has_begun)))
            while True:
                done, asking = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
                answered = [task for task in done if task.exception() is None]
                # A failure counts when nobody else may do better. Who still waits for a place may wait for this one's.
                if answered or not has_begun.is_set() or not asking:
                    return (answered or list(done))[0].result()
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)

    async def _ask_ahead(self, call: Call, gate: Gate, room: int, has_begun: asyncio.Event) -> Answer:
        async with gate.turn(call.run, call.bound(room).tokens, ahead=True) as place:
            has_begun.set()
            return await self._ask_once(call, gate, room, place)

    async def _ask_once(self, call: Call, gate: Gate, room: int, place: Place) -> Answer:
        try:
            async with _deadline(self.deadline_seconds):
                return await call.perform(room)
        except TimeoutError:
            raise Transient(f"({self.deadline_seconds:g} s)", gives_up_as=CallTimedOut) from None
        except Overloaded as fault:
            gate.overloaded(place, fault.wait_seconds)
            raise
