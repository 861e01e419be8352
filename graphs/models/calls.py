"""The one door to every model.

`Calls.ask` looks a call up in the ledger, waits for the gate, performs it under a total deadline, tries again where
that can help, and keeps the answer in the ledger before it returns. So a call that was finished is never paid again:
not after a crash, not on a retry, not in the next batch that shares a document. Failures are never kept as answers, and
equal calls in flight are one call.
"""

import asyncio
import hashlib
import json
import random
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

from graphs.models.failures import CallFailed, CallTimedOut, LedgerEntryLost, Transient
from graphs.models.gate import Gate

ATTEMPTS = 5  # of one call, waits that the provider asked for not counted
BACKOFF_SECONDS = 0.5  # before the second attempt; doubles, with full jitter
BACKOFF_LIMIT_SECONDS = 20.0
DEADLINE_SECONDS = 120.0  # of one attempt, from the request's first byte to the answer's last
CONCURRENCY = 16  # calls in flight to one provider
FIRST_CALL_SECONDS = 5.0  # that others wait for the first call to a model
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


@dataclass(frozen=True, slots=True)
class Call:
    """One question to a model.

    `identity` holds everything that the answer depends on (messages, parameters, version of the prompt), as JSON
    values; `perform` asks the model once and raises `CallFailed`, `RunStopped` or `Transient`.
    """

    model: str  # provider:name
    identity: Mapping[str, Any]
    perform: Callable[[], Awaitable[Answer]]
    owner: str = ""
    key: str = field(init=False)

    def __post_init__(self) -> None:
        identity = json.dumps(
            [self.owner, self.model, self.identity], ensure_ascii=False, sort_keys=True, separators=(",", ":")
        )
        object.__setattr__(self, "key", hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest())

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


class Calls:
    """The door: ledger, gates, deadline and retry for every call of a process."""

    def __init__(
        self,
        ledger: Ledger | None = None,
        *,
        concurrency: int = CONCURRENCY,
        deadline_seconds: float = DEADLINE_SECONDS,
        backoff_seconds: float = BACKOFF_SECONDS,
    ) -> None:
        self.ledger: Ledger = ledger or MemoryLedger()
        self.deadline_seconds = deadline_seconds
        self.backoff_seconds = backoff_seconds
        self.concurrency = concurrency
        self.gates: dict[str, Gate] = {}
        self._flights: dict[str, _Flight] = {}
        self._answering: set[str] = set()  # models that have reacted with anything but a refusal of the run
        self._first_turns: dict[str, asyncio.Lock] = {}
        self._recent: OrderedDict[str, Answer] = OrderedDict()

    async def ask(self, call: Call) -> Answer:
        """Return the answer to a call, from the ledger if it was ever finished.

        Raises `CallFailed` when the call is given up and `RunStopped` when no further call can succeed.
        """
        flight = self._flights.get(call.key)
        joins = flight is not None
        if flight is None:
            flight = self._flights[call.key] = _Flight(asyncio.create_task(self._answer(call)))
            flight.task.add_done_callback(partial(self._landed, call.key, flight))
        flight.waiting += 1
        try:
            # One waiter that is cancelled must not take the call away from the others.
            answer = await asyncio.shield(flight.task)
            return replace(answer, remembered=True) if joins else answer  # one call is paid once, however many wait
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._landed(
                    call.key, flight
                )  # at once: whoever asks next must not join a call that is being cancelled
                flight.task.cancel()

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
        return self.gates.setdefault(provider, Gate(self.concurrency))

    def _landed(self, key: str, flight: _Flight, _: object = None) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

    async def _answer(self, call: Call) -> Answer:
        known = (await self.ledger.find([call.key])).get(call.key)
        if known is not None:
            answer = replace(known, key=call.key, remembered=True)
        else:
            answer = await self._perform(call)
        self._recent[call.key] = answer
        if len(self._recent) > RECENT_ANSWERS:
            self._recent.popitem(last=False)
        return answer

    @asynccontextmanager
    async def _alone_if_first(self, model: str) -> AsyncIterator[None]:
        """Let the first call to a model go alone: a wrong key or name then costs a call or two, not one a task."""
        turn = self._first_turns.setdefault(model, asyncio.Lock())
        holds_turn = False
        if model not in self._answering:
            try:
                async with asyncio.timeout(FIRST_CALL_SECONDS):
                    await turn.acquire()
            except TimeoutError:  # a slow model is no wrong one
                self._answering.add(model)
            else:
                holds_turn = model not in self._answering
                if not holds_turn:
                    turn.release()
        try:
            yield
        except CallFailed:
            self._answering.add(model)  # badly, but it is there and takes the key
            raise
        else:
            self._answering.add(model)
        finally:
            if holds_turn:
                turn.release()

    async def _perform(self, call: Call) -> Answer:
        gate = self.gate(call.provider)
        attempt = 1
        while True:
            async with self._alone_if_first(call.model), gate.turn():
                started = time.monotonic()
                try:
                    async with asyncio.timeout(self.deadline_seconds):
                        written = await call.perform()
                    answer = replace(written, seconds=time.monotonic() - started, key=call.key)
                    # It keeps its place at the gate until it is durable: a crash loses no more than the gate holds.
                    await self.ledger.keep(call, answer)
                    return answer
                except TimeoutError:
                    fault = Transient(f"({self.deadline_seconds:g} s)", gives_up_as=CallTimedOut)
                except Transient as error:
                    fault = error
            if fault.wait_seconds is not None:
                gate.pause(fault.wait_seconds)
                continue
            if attempt == ATTEMPTS:
                raise fault.gives_up_as(fault.detail) from fault
            await asyncio.sleep(random.uniform(0, min(BACKOFF_LIMIT_SECONDS, self.backoff_seconds * 2**attempt)))
            attempt += 1
