"""Where no call can help, the run is given up: a refusal, a ledger that takes nothing, a spent budget."""

import asyncio
from dataclasses import replace

import pytest

from graphs.models import Answer, Bound, Call, Calls, LedgerUnavailable, Limits, MemoryLedger
from graphs.models.failures import AnswerCut, BudgetSpent, QuotaExhausted
from graphs.models.spending import Spending
from tests.graphs.door.model import Model


async def test_calls_that_wait_when_the_run_is_refused_are_not_made(model: Model) -> None:
    calls = Calls(limits=Limits(most=2))
    await calls.ask(model.call("first"))  # the key was good so far
    release = asyncio.Event()

    async def refuse() -> None:
        await release.wait()
        raise QuotaExhausted("no credit")

    asked = [asyncio.create_task(calls.ask(model.call(f"q{number}", refuse))) for number in range(30)]
    while calls.gate("test").waiting < 28:  # noqa: ASYNC110  # nobody tells
        await asyncio.sleep(0.001)
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
