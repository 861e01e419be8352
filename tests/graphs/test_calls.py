"""The one door: what was finished is never asked again, what is asked twice at once is asked once, failures are not kept."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from graphs.models import Answer, Call, CallFailed, Calls, LedgerEntryLost, LedgerUnavailable, MemoryLedger, RunStopped
from graphs.models.calls import ATTEMPTS, RECENT_ANSWERS
from graphs.models.failures import AnswerCut, CallTimedOut, ProviderUnavailable, QuotaExhausted, Transient


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
        async def perform() -> Answer:
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


def transient(wait_seconds: float | None = None) -> Transient:
    return Transient("503", gives_up_as=ProviderUnavailable, wait_seconds=wait_seconds)


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def calls() -> Calls:
    return Calls(concurrency=4, deadline_seconds=5, backoff_seconds=0.001)


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
    calls = Calls(concurrency=1)
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


@pytest.mark.parametrize("error", [AnswerCut(), CallFailed("x"), QuotaExhausted()])
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
    asked = [calls.ask(model.call(does=model.failing(AnswerCut()))) for _ in range(5)]
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(result) for result in results] == [AnswerCut] * 5
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
    calls = Calls(ledger, concurrency=1)
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
    calls = Calls(concurrency=1)
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


@pytest.mark.parametrize("error", [AnswerCut(), QuotaExhausted()])
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
    calls = Calls(concurrency=1, deadline_seconds=0.1, backoff_seconds=0.001)

    async def pause() -> None:
        await asyncio.sleep(0.03)

    answers = await asyncio.gather(*[calls.ask(model.call(f"q{number}", pause)) for number in range(8)])
    assert len(answers) == len(model.calls) == 8


async def test_the_place_is_free_while_a_call_waits_for_its_next_attempt(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: high)  # the longest wait that the jitter may choose
    calls = Calls(concurrency=1, backoff_seconds=0.1)
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
            raise transient(wait_seconds=0.03)

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
