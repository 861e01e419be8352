"""What was finished is never asked again, failures are not kept, and one owner has nothing of another."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from graphs.models import (
    Answer,
    Call,
    CallFailed,
    Calls,
    LedgerEntryLost,
    LedgerUnavailable,
    Limits,
    MemoryLedger,
    RunStopped,
)
from graphs.models.calls import RECENT_ANSWERS
from graphs.models.failures import AnswerMalformed, AnswerRefused, QuotaExhausted
from tests.graphs.door.model import Model


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


async def test_a_paid_answer_that_proves_to_be_nothing_to_keep_stops_no_other_call(model: Model) -> None:
    class FullLedger(MemoryLedger):
        async def keep(self, call: Call, answer: Answer) -> None:
            if call.identity["messages"] == ["bad"]:
                raise LedgerUnavailable("locked") if not self.answers else AnswerMalformed
            await super().keep(call, answer)

    ledger = FullLedger()
    calls = Calls(ledger)
    with pytest.raises(LedgerUnavailable):
        await calls.ask(model.call("bad"))
    ledger.answers["other"] = Answer("")  # it can be written again
    for question in ("a", "b"):
        assert (await calls.ask(model.call(question))).text == f"answer to {question}"


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
