"""The budget of a run: nothing is promised that could go over it, and merges find what was held back for them."""

import asyncio
import random

import pytest

from graphs.models import Bound
from graphs.models.failures import BudgetSpent
from graphs.models.spending import Bill, Spending


def paid(tokens: int, calls: int = 1, usd: float | None = 0.0) -> Bill:
    return Bill(calls, tokens, 0, 0, usd)


@pytest.mark.parametrize("budget", [{"calls": 2}, {"tokens": 20}, {"usd": 0.2}])
async def test_what_could_go_over_a_limit_is_not_promised(budget: dict[str, float]) -> None:
    spending = Spending(**budget)  # type: ignore[arg-type]  # whole numbers where they are wanted
    bound = Bound(1, 10, 0.1)
    for _ in range(2):
        await spending.promise(bound)
        spending.settle(bound, paid(10, usd=0.1))
    with pytest.raises(BudgetSpent):
        await spending.promise(bound)


async def test_a_call_waits_for_those_that_may_cost_less_than_was_promised() -> None:
    spending, bound = Spending(tokens=100), Bound(1, 80)
    await spending.promise(bound)
    waiting = [asyncio.create_task(spending.promise(Bound(1, 30))) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    spending.settle(bound, paid(40))
    await asyncio.sleep(0.01)
    assert [task.done() for task in waiting] == [True, True, False]
    spending.settle(Bound(1, 30), paid(30))
    spending.settle(Bound(1, 30), paid(30))
    with pytest.raises(BudgetSpent):
        await waiting[2]
    assert (spending.spent.tokens, spending.promised) == (100, Bound())


async def test_one_who_is_cancelled_while_waiting_holds_nothing() -> None:
    spending = Spending(calls=1)
    await spending.promise(Bound(1))
    waiting = asyncio.create_task(spending.promise(Bound(1)))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    spending.settle(Bound(1), Bill())
    await spending.promise(Bound(1))


async def test_maps_leave_what_is_held_back_and_each_merge_finds_its_own() -> None:
    spending = Spending(tokens=100)
    spending.hold_back({"m1": Bound(1, 30), "m2": Bound(1, 30)})
    await spending.promise(Bound(1, 40), "map")
    spending.settle(Bound(1, 40), paid(40))
    with pytest.raises(BudgetSpent):
        await spending.promise(Bound(1, 1), "map")
    for merge in ("m1", "m2"):
        await spending.promise(Bound(1, 30), merge)
        spending.settle(Bound(1, 30), paid(30))
    assert spending.held_back == Bound()


async def test_a_merge_that_is_asked_again_takes_nothing_from_the_others() -> None:
    spending = Spending(tokens=60)
    spending.hold_back({"m1": Bound(1, 30), "m2": Bound(1, 30)})
    await spending.promise(Bound(1, 30), "m1")
    spending.settle(Bound(1, 30), paid(30))
    with pytest.raises(BudgetSpent):
        await spending.promise(Bound(1, 30), "m1")
    spending.forgo("m1")
    assert spending.held_back == Bound(1, 30)
    await spending.promise(Bound(1, 30), "m2")


async def test_a_merge_that_need_not_be_made_leaves_its_share_to_the_maps() -> None:
    spending = Spending(calls=1)
    spending.hold_back({"m": Bound(1)})
    with pytest.raises(BudgetSpent):
        await spending.promise(Bound(1), "map")
    spending.forgo("m")
    spending.forgo("m")
    await spending.promise(Bound(1), "map")
    assert spending.held_back == Bound()


@pytest.mark.parametrize("seed", range(5))
async def test_what_is_spent_never_exceeds_the_budget_and_merges_are_always_made(seed: int) -> None:
    rng = random.Random(seed)
    spending = Spending(calls=40, tokens=10_000, usd=1.0)
    bounds = {f"m{number}": Bound(1, rng.randrange(100, 500), 0.02) for number in range(8)}
    spending.hold_back(bounds)

    async def call(step: str, bound: Bound) -> bool:
        await asyncio.sleep(rng.random() / 100)
        try:
            await spending.promise(bound, step)
        except BudgetSpent:
            return False
        try:
            await asyncio.sleep(rng.random() / 100)
        finally:
            spending.settle(bound, paid(rng.randrange(bound.tokens // 2, bound.tokens + 1), rng.choice([0, 1]), 0.02))
        return True

    maps = [asyncio.create_task(call("map", Bound(1, rng.randrange(100, 900), 0.03))) for _ in range(60)]
    for task in maps[::7]:
        asyncio.get_running_loop().call_later(rng.random() / 50, task.cancel)
    merges = [call(step, bound) for step, bound in bounds.items()]
    made = await asyncio.gather(*merges, *maps, return_exceptions=True)
    assert made[: len(merges)] == [True] * len(merges)
    assert spending.spent.fits(40, 10_000, 1.0)
    assert spending.promised.calls == spending.promised.tokens == 0


def test_a_bill_with_a_call_of_unknown_price_has_an_unknown_price() -> None:
    bill = Bill()
    bill.add(Bill(1, 10, 5, 0, 0.5))
    before = Bill(bill.calls, bill.prompt_tokens, bill.completion_tokens, bill.estimated, bill.usd)
    bill.add(Bill(1, 10, 5, 1, None))
    assert bill == Bill(2, 20, 10, 1, None)
    assert bill.since(before) == Bill(1, 10, 5, 1, None)
