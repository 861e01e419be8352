"""The one door: what was finished is never asked again, what is asked twice at once is asked once, failures are not kept."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from graphs.models import (
    Answer,
    Bound,
    Call,
    CallFailed,
    Calls,
    ChatModel,
    LedgerEntryLost,
    LedgerUnavailable,
    Limits,
    MemoryLedger,
    RunStopped,
    model_facts,
)
from graphs.models.calls import ATTEMPTS, RECENT_ANSWERS
from graphs.models.failures import (
    AnswerCut,
    AnswerRefused,
    BudgetSpent,
    CallTimedOut,
    Overloaded,
    ProviderUnavailable,
    QuotaExhausted,
    Transient,
)
from graphs.models.spending import Spending
from tests.model_server import ModelServer


class Model:
    """Answers calls as a test says, and counts them."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.peak = self.in_flight = 0
        self.called = asyncio.Event()

    def call(
        self,
        question: str = "q",
        does: Callable[[], Awaitable[Answer | None]] | None = None,
        *,
        model: str = "test:model",
        owner: str = "",
    ) -> Call:
        async def perform(_: int) -> Answer:
            self.calls.append(question)
            self.called.set()
            self.in_flight += 1
            self.peak = max(self.peak, self.in_flight)
            try:
                found = await does() if does else None
            finally:
                self.in_flight -= 1
            return found or Answer(f"answer to {question}", prompt_tokens=3, completion_tokens=2)

        return Call(model=model, identity={"messages": [question]}, perform=perform, owner=owner)

    def failing(self, *errors: Exception) -> Callable[[], Awaitable[None]]:
        """Fail with these errors in turn, then answer."""
        left = list(errors)

        async def does() -> None:
            if left:
                raise left.pop(0)

        return does


def transient() -> Transient:
    return Transient("503", gives_up_as=ProviderUnavailable)


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def calls() -> Calls:
    return Calls(limits=Limits(most=4), deadline_seconds=5, backoff_seconds=0.001)


# ---------------------------------------------------------------- the ledger


async def test_a_finished_call_is_never_made_again(model: Model, calls: Calls) -> None:
    first = await calls.ask(model.call())
    again = await calls.ask(model.call())
    elsewhere = await Calls(calls.ledger).ask(model.call())
    assert model.calls == ["q"]
    assert first.text == again.text == elsewhere.text == "answer to q"
    assert [first.remembered, again.remembered, elsewhere.remembered] == [False, True, True]
    assert first.key == again.key == elsewhere.key == model.call().key


async def test_a_remembered_call_waits_for_no_gate(model: Model) -> None:
    calls = Calls(limits=Limits(most=1))
    await calls.ask(model.call("known"))
    async with calls.gate("test").turn(), asyncio.timeout(5):
        calls.gate("test").pause(3_600)
        assert (await calls.ask(model.call("known"))).remembered


async def test_an_answer_is_given_out_only_when_it_is_kept(model: Model) -> None:
    class SlowLedger(MemoryLedger):
        def __init__(self) -> None:
            super().__init__()
            self.keeping, self.may_keep = asyncio.Event(), asyncio.Event()

        async def keep(self, call: Call, answer: Answer) -> None:
            self.keeping.set()
            await self.may_keep.wait()
            await super().keep(call, answer)

    ledger = SlowLedger()
    asking = asyncio.create_task(Calls(ledger).ask(model.call()))
    await ledger.keeping.wait()
    await asyncio.wait([asking], timeout=0.05)
    assert not asking.done()
    ledger.may_keep.set()
    answer = await asking
    assert ledger.answers[answer.key].text == answer.text


async def test_an_answer_that_cannot_be_kept_stops_the_run(model: Model) -> None:
    class FullLedger(MemoryLedger):
        async def keep(self, call: Call, answer: Answer) -> None:
            raise LedgerUnavailable("disk full")

    with pytest.raises(RunStopped, match="disk full"):
        await Calls(FullLedger()).ask(model.call())
    assert model.calls == ["q"]


async def test_no_call_is_made_when_the_ledger_cannot_be_read(model: Model) -> None:
    class LockedLedger(MemoryLedger):
        async def find(self, keys: Sequence[str]) -> dict[str, Answer]:
            raise LedgerUnavailable("locked")

    with pytest.raises(LedgerUnavailable):
        await Calls(LockedLedger()).ask(model.call())
    assert model.calls == []


@pytest.mark.parametrize("error", [AnswerRefused(), CallFailed("x"), QuotaExhausted()])
async def test_a_failure_is_never_kept(error: Exception, model: Model) -> None:
    ledger = MemoryLedger()
    calls = Calls(ledger)
    failing = model.failing(error)
    with pytest.raises(type(error)):
        await calls.ask(model.call(does=failing))
    assert ledger.answers == {}
    answer = await calls.ask(model.call(does=failing))
    assert (answer.text, answer.remembered, len(model.calls)) == ("answer to q", False, 2)


def test_a_key_tells_apart_everything_an_answer_depends_on(model: Model) -> None:
    identities: list[dict[str, Any]] = [
        {"messages": ["a", "b"]},
        {"messages": ["ab"]},
        {"messages": ["a", "b"], "max_tokens": 1},
        {"messages": ["a", "b"], "prompt": "2"},
        {"messages": ["\ud800"]},
    ]
    perform = model.call().perform
    keys = {Call(model="m:1", identity=identity, perform=perform).key for identity in identities}
    keys |= {Call(model=name, identity=identities[0], perform=perform).key for name in ("m:2", "n:1")}
    keys.add(Call(model="m:1", identity=identities[0], perform=perform, owner="somebody").key)
    assert len(keys) == len(identities) + 3
    turned = {"max_tokens": 1, "messages": ["a", "b"]}
    assert Call(model="m:1", identity=turned, perform=perform).key in keys


async def test_one_owner_never_gets_the_answer_of_another(model: Model, calls: Calls) -> None:
    await calls.ask(model.call(owner="one"))
    assert not (await calls.ask(model.call(owner="other"))).remembered
    assert model.calls == ["q", "q"]


async def test_finished_calls_are_recalled_also_when_memory_has_let_them_go(model: Model, calls: Calls) -> None:
    keys = [(await calls.ask(model.call(f"q{number}"))).key for number in range(RECENT_ANSWERS + 3)]
    wanted = [keys[-1], keys[0], keys[-1], keys[1]]
    found = await calls.recall(wanted)
    assert list(found) == [keys[-1], keys[0], keys[1]]
    assert [answer.text for answer in found.values()] == [
        f"answer to q{RECENT_ANSWERS + 2}",
        "answer to q0",
        "answer to q1",
    ]
    with pytest.raises(LedgerEntryLost):
        await calls.recall([keys[0], "unknown"])


# ---------------------------------------------------------------- calls in flight


async def test_equal_calls_in_flight_are_one(model: Model, calls: Calls) -> None:
    release = asyncio.Event()

    async def wait() -> None:
        await release.wait()

    asked = [asyncio.create_task(calls.ask(model.call(does=wait))) for _ in range(50)]
    await model.called.wait()
    release.set()
    answers = await asyncio.gather(*asked)
    assert model.calls == ["q"]
    assert {answer.text for answer in answers} == {"answer to q"}
    assert sum(not answer.remembered for answer in answers) == 1  # it is paid once, and billed once


async def test_a_failure_reaches_everyone_who_waits(model: Model, calls: Calls) -> None:
    asked = [calls.ask(model.call(does=model.failing(AnswerRefused()))) for _ in range(5)]
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(result) for result in results] == [AnswerRefused] * 5
    assert model.calls == ["q"]


async def test_one_waiter_who_leaves_does_not_take_the_call_from_the_others(model: Model, calls: Calls) -> None:
    release = asyncio.Event()

    async def wait() -> None:
        await release.wait()

    first, *others = [asyncio.create_task(calls.ask(model.call(does=wait))) for _ in range(3)]
    await model.called.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    release.set()
    assert [(await other).text for other in others] == ["answer to q"] * 2
    assert model.calls == ["q"]


async def test_a_call_that_nobody_waits_for_is_aborted_and_can_be_made_again(model: Model) -> None:
    ledger = MemoryLedger()
    calls = Calls(ledger, limits=Limits(most=1))
    aborted, may_end = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            aborted.set()
            await may_end.wait()  # the connection takes its time to close

    asked = [asyncio.create_task(calls.ask(model.call(does=hang))) for _ in range(3)]
    await model.called.wait()
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    async with asyncio.timeout(5):
        await aborted.wait()
        again = asyncio.create_task(calls.ask(model.call()))  # must not join the one that is being aborted
        may_end.set()
        assert (await again).text == "answer to q"
    assert model.calls == ["q", "q"]
    assert len(ledger.answers) == 1
    assert calls.gate("test").in_flight == 0


async def test_no_more_calls_are_in_flight_than_allowed(model: Model, calls: Calls) -> None:
    async def pause() -> None:
        await asyncio.sleep(0.001)

    await asyncio.gather(*[calls.ask(model.call(f"q{number}", pause)) for number in range(60)])
    assert model.peak == 4
    assert len(model.calls) == 60


async def test_providers_have_gates_of_their_own(model: Model) -> None:
    calls = Calls(limits=Limits(most=1))
    calls.gate("slow").pause(3_600)
    async with asyncio.timeout(5):
        assert (await calls.ask(model.call(model="quick:model"))).text == "answer to q"


# ---------------------------------------------------------------- attempts


async def test_a_transient_fault_is_tried_again(model: Model, calls: Calls) -> None:
    answer = await calls.ask(model.call(does=model.failing(transient(), transient())))
    assert answer.text == "answer to q"
    assert len(model.calls) == 3


async def test_a_call_is_given_up_after_its_last_attempt(model: Model, calls: Calls) -> None:
    with pytest.raises(ProviderUnavailable, match="503") as caught:
        await calls.ask(model.call(does=model.failing(*[transient() for _ in range(ATTEMPTS + 5)])))
    assert len(model.calls) == ATTEMPTS
    assert isinstance(caught.value.__cause__, Transient)


@pytest.mark.parametrize("error", [AnswerRefused(), QuotaExhausted()])
async def test_what_cannot_help_is_not_tried_again(error: Exception, model: Model, calls: Calls) -> None:
    with pytest.raises(type(error)):
        await calls.ask(model.call(does=model.failing(error)))
    assert len(model.calls) == 1


async def test_an_attempt_ends_at_its_deadline(model: Model) -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    calls = Calls(deadline_seconds=0.02, backoff_seconds=0.001)
    with pytest.raises(CallTimedOut, match=r"0\.02 s"):
        await calls.ask(model.call(does=hang))
    assert len(model.calls) == ATTEMPTS
    assert (model.in_flight, calls.gate("test").in_flight) == (0, 0)


async def test_waiting_for_the_gate_does_not_use_up_the_deadline(model: Model) -> None:
    calls = Calls(limits=Limits(most=1), deadline_seconds=0.1, backoff_seconds=0.001)

    async def pause() -> None:
        await asyncio.sleep(0.03)

    answers = await asyncio.gather(*[calls.ask(model.call(f"q{number}", pause)) for number in range(8)])
    assert len(answers) == len(model.calls) == 8


async def test_the_place_is_free_while_a_call_waits_for_its_next_attempt(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: high)  # the longest wait that the jitter may choose
    calls = Calls(limits=Limits(most=1), backoff_seconds=0.1)
    retried = asyncio.create_task(calls.ask(model.call("first", model.failing(transient()))))
    await model.called.wait()
    await calls.ask(model.call("second"))
    await retried
    assert model.calls == ["first", "second", "first"]


async def test_a_stated_wait_holds_everyone_back_and_is_no_failed_attempt(model: Model, calls: Calls) -> None:
    waits, ends = ATTEMPTS + 2, list[float]()
    early = list[float]()

    async def limited() -> None:
        if ends and time.monotonic() < ends[-1]:
            early.append(time.monotonic())
        if len(ends) < waits:
            ends.append(time.monotonic() + 0.03)
            raise Overloaded("429", wait_seconds=0.03)

    async def watch() -> None:
        if ends and time.monotonic() < ends[-1]:
            early.append(time.monotonic())

    first = asyncio.create_task(calls.ask(model.call("limited", limited)))
    await model.called.wait()  # and the gate has heard of the pause: both happen at once
    others = [calls.ask(model.call(f"q{number}", watch)) for number in range(10)]
    answers = await asyncio.gather(first, *others)
    assert len(answers) == 11
    assert model.calls.count("limited") == waits + 1
    assert early == []


async def test_an_answer_says_how_long_the_attempt_that_succeeded_took(model: Model, calls: Calls) -> None:
    async def pause() -> None:
        await asyncio.sleep(0.02)

    answer = await calls.ask(model.call(does=pause))
    assert 0.02 <= answer.seconds < 5
    assert (await calls.ask(model.call())).seconds == answer.seconds


# ---------------------------------------------------------------- more room


async def test_an_answer_that_is_cut_is_asked_for_again_with_more_room(calls: Calls) -> None:
    rooms = list[int]()

    async def perform(room: int) -> Answer:
        rooms.append(room)
        if room < 4:
            raise AnswerCut
        return Answer("whole")

    answer = await calls.ask(Call(model="test:model", identity={}, perform=perform))
    assert (answer.text, rooms) == ("whole", [1, 2, 4])


async def test_an_answer_that_is_cut_however_much_room_it_has_is_given_up(calls: Calls) -> None:
    rooms = list[int]()

    async def perform(room: int) -> Answer:
        rooms.append(room)
        raise AnswerCut

    with pytest.raises(AnswerCut):
        await calls.ask(Call(model="test:model", identity={}, perform=perform))
    assert rooms == [1, 2, 4]


# ---------------------------------------------------------------- the run is given up


async def test_calls_that_wait_when_the_run_is_refused_are_not_made(model: Model) -> None:
    calls = Calls(limits=Limits(most=2))
    await calls.ask(model.call("first"))  # the key was good so far
    release = asyncio.Event()

    async def refuse() -> None:
        await release.wait()
        raise QuotaExhausted("no credit")

    asked = [asyncio.create_task(calls.ask(model.call(f"q{number}", refuse))) for number in range(30)]
    await asyncio.sleep(0.01)
    release.set()
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert [str(result) for result in results] == [str(QuotaExhausted("no credit"))] * 30
    assert len(model.calls) == 1 + 2  # those in flight


async def test_a_wrong_key_costs_one_call_however_many_wait(model: Model, calls: Calls) -> None:
    async def refuse() -> None:
        await asyncio.sleep(0.01)
        raise QuotaExhausted

    for _ in range(2):  # also when the next run tries
        asked = [calls.ask(model.call(f"q{number}", refuse)) for number in range(30)]
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(result) for result in results] == [QuotaExhausted] * 30
    assert len(model.calls) == 2


async def test_the_refusal_of_one_run_is_not_the_others(model: Model) -> None:
    calls = Calls(limits=Limits(most=1))
    refused = calls.ask(replace(model.call("a", model.failing(QuotaExhausted())), run="one"))
    good = calls.ask(replace(model.call("b"), run="other"))
    results = await asyncio.gather(refused, good, return_exceptions=True)
    assert [type(result) for result in results] == [QuotaExhausted, Answer]


class BrokenLedger(MemoryLedger):
    """A ledger whose disk is full, until it is not."""

    is_full = True

    async def keep(self, call: Call, answer: Answer) -> None:
        if self.is_full:
            raise LedgerUnavailable("disk full")
        await super().keep(call, answer)


async def test_no_call_starts_while_the_ledger_cannot_be_written(model: Model) -> None:
    ledger = BrokenLedger()
    calls = Calls(ledger, limits=Limits(most=2))
    asked = [calls.ask(replace(model.call(f"q{number}"), run=str(number % 3))) for number in range(20)]
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(result) for result in results] == [LedgerUnavailable] * 20
    made = len(model.calls)
    assert made <= 2
    for number in range(20):
        with pytest.raises(LedgerUnavailable):
            await calls.ask(model.call(f"later {number}"))
    assert len(model.calls) == made


async def test_what_was_paid_while_the_ledger_could_not_be_written_is_kept_afterwards(model: Model) -> None:
    ledger = BrokenLedger()
    calls = Calls(ledger)
    with pytest.raises(LedgerUnavailable):
        await calls.ask(model.call("paid"))
    ledger.is_full = False
    assert (await calls.ask(model.call("paid"))).remembered
    assert model.calls == ["paid"]
    assert len(ledger.answers) == 1


# ---------------------------------------------------------------- a second call for a straggler


class Stragglers:
    """Calls of which the first to a question can be slow, behind a gate that knows how long calls take."""

    def __init__(self, **limits: Any) -> None:
        self.calls = Calls(limits=Limits(most=8, hedge=True, **limits), backoff_seconds=0.001, deadline_seconds=5)
        self.asked: dict[str, int] = {}
        self.cancelled: list[str] = []

    def call(self, question: str, *turns: Any) -> Call:
        """Each turn is a number of seconds, an error to raise, or both."""

        async def perform(_: int) -> Answer:
            turn = self.asked[question] = self.asked.get(question, 0) + 1
            does = turns[turn - 1] if turn <= len(turns) else 0
            seconds, error = does if isinstance(does, tuple) else (does, None)
            try:
                await asyncio.sleep(seconds)
            except asyncio.CancelledError:
                self.cancelled.append(f"{question} {turn}")
                raise
            if error:
                raise error
            return Answer(f"answer {turn}")

        return Call(model="test:model", identity={"q": question}, perform=perform)

    async def warm(self, number: int) -> None:
        await asyncio.gather(*[self.calls.ask(self.call(f"warm {index}")) for index in range(number)])


async def test_the_first_answer_of_a_hedged_call_wins_and_the_other_is_cancelled() -> None:
    stragglers = Stragglers()
    await stragglers.warm(100)
    assert (await stragglers.calls.ask(stragglers.call("slow", 30, 0))).text == "answer 2"
    assert stragglers.cancelled == ["slow 1"]
    assert (await stragglers.calls.ask(stragglers.call("first after all", 0.2, 30))).text == "answer 1"
    assert stragglers.cancelled == ["slow 1", "first after all 2"]
    gate = stragglers.calls.gate("test")
    assert (gate.in_flight, gate.unsettled, gate.waiting, gate.hedges) == (0, 0, 0, 2)


@pytest.mark.parametrize(("first", "second"), [((0.1, QuotaExhausted()), 0.3), (0.3, (0.1, QuotaExhausted()))])
async def test_a_failure_of_one_waits_for_the_other(first: Any, second: Any) -> None:
    stragglers = Stragglers()
    await stragglers.warm(100)
    answer = await stragglers.calls.ask(stragglers.call("slow", first, second))
    assert answer.text.startswith("answer")
    assert stragglers.asked["slow"] == 2


async def test_when_both_fail_the_call_has_failed() -> None:
    stragglers = Stragglers()
    await stragglers.warm(100)
    with pytest.raises(AnswerRefused):
        await stragglers.calls.ask(stragglers.call("slow", (0.2, AnswerRefused()), (0.2, AnswerRefused())))
    assert stragglers.calls.gate("test").in_flight == 0


async def test_a_hedge_that_is_refused_for_overload_makes_everyone_wait() -> None:
    stragglers = Stragglers()
    await stragglers.warm(100)
    slow = stragglers.call("slow", 0.3, (0.0, Overloaded("429", wait_seconds=60)))
    await stragglers.calls.ask(slow)
    assert stragglers.calls.gate("test").paused_seconds > 50


async def test_a_twentieth_of_the_calls_are_hedged_at_most() -> None:
    stragglers = Stragglers()
    await stragglers.warm(40)
    await asyncio.gather(*[stragglers.calls.ask(stragglers.call(f"slow {n}", 0.05, 0.05)) for n in range(60)])
    gate = stragglers.calls.gate("test")
    assert 1 <= gate.hedges <= 0.05 * gate.calls


async def test_no_call_is_hedged_unless_the_operator_wants_it() -> None:
    stragglers = Stragglers()
    stragglers.calls.limits = Limits(most=8)
    await stragglers.warm(40)
    await stragglers.calls.ask(stragglers.call("slow", 0.1))
    assert stragglers.asked["slow"] == 1


async def test_a_hedged_call_that_is_cancelled_leaves_nothing_behind() -> None:
    stragglers = Stragglers()
    await stragglers.warm(100)
    asking = asyncio.create_task(stragglers.calls.ask(stragglers.call("slow", 30, 30)))
    async with asyncio.timeout(5):
        while stragglers.asked.get("slow") != 2:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.001)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await asyncio.sleep(0.01)
    assert sorted(stragglers.cancelled) == ["slow 1", "slow 2"]
    gate = stragglers.calls.gate("test")
    assert (gate.in_flight, gate.waiting) == (0, 0)


async def test_a_run_with_a_budget_pays_for_no_second_call() -> None:
    stragglers = Stragglers()
    await stragglers.warm(100)
    await stragglers.calls.ask(replace(stragglers.call("slow", 0.1), spending=Spending(calls=5)))
    assert stragglers.asked["slow"] == 1


# ---------------------------------------------------------------- budgets


async def test_another_runs_budget_fails_no_call_of_this_one(model: Model, calls: Calls) -> None:
    poor = replace(model.call(), bound=lambda _: Bound(1), spending=Spending(calls=0))
    results = await asyncio.gather(calls.ask(poor), calls.ask(model.call()), return_exceptions=True)
    assert [type(result) for result in results] == [BudgetSpent, Answer]
    assert model.calls == ["q"]


async def test_a_remembered_call_needs_no_budget(model: Model, calls: Calls) -> None:
    await calls.ask(model.call())
    spending = Spending(calls=0)
    spending.hold_back({"merge": Bound(1)})
    again = replace(model.call(), bound=lambda _: Bound(1), spending=spending, step="merge")
    assert (await calls.ask(again)).remembered
    assert spending.held_back == Bound()


async def test_more_room_is_promised_before_it_is_asked_for(calls: Calls) -> None:
    rooms = list[int]()

    async def perform(room: int) -> Answer:
        rooms.append(room)
        raise AnswerCut

    spending = Spending(tokens=150)
    call = Call(model="t:m", identity={}, perform=perform, bound=lambda room: Bound(1, 100 * room), spending=spending)
    with pytest.raises(BudgetSpent):
        await calls.ask(call)
    assert rooms == [1]
    assert spending.promised == Bound()


# ---------------------------------------------------------------- event loops


def test_the_door_works_in_a_second_event_loop(model_server: ModelServer) -> None:
    calls = Calls(limits=Limits(most=2))
    chat = ChatModel(model_facts("openai:gpt-4o-mini"), api_key="test", base_url=model_server.base_url)

    async def ask(number: int) -> Answer:
        messages = [("user", f"Question {number}")]
        call = Call(model="openai:fake", identity={"m": messages}, perform=lambda _: chat.ask(messages, 100))
        return await calls.ask(call)

    async def ask_all(first: int) -> list[Answer]:
        calls.gate("openai").pause(0.01)  # a timer that belongs to this loop
        abandoned = asyncio.create_task(ask(-1))
        answers = await asyncio.gather(*[ask(first + number) for number in range(8)])
        abandoned.cancel()
        return answers

    for first in (0, 8, 8):
        assert len(asyncio.run(ask_all(first))) == 8
    assert calls.gate("openai").in_flight == 0
    model_server.wait_for(lambda counts: counts["in_flight"] == 0)
    assert 16 <= model_server.stats()["calls"] <= 16 + 3
