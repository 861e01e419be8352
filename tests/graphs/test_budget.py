"""A run's budget: checked against the plan before the first call, kept while it runs, and no reason for an empty end."""

import asyncio
from typing import Any

import pytest

from graphs.models import Bound, BudgetTooSmall, Calls, MemoryLedger
from graphs.summarize import make_plan, plan_cost
from graphs.summarize.context import Budget
from tests.graphs.summaries import EMBEDDED, ContextOf, batch, is_merge, prompts_of, run
from tests.model_server import ModelServer

PRICES = {"openai:fake": (1_000.0, 2_000.0)}
PRICED = {"prices": PRICES}


def cost(context: Any) -> tuple[int, int]:
    """Calls of a plan, and the tokens of its prompts."""
    planned = plan_cost(make_plan(context.documents, context, context.facts, context.chunk_tokens))
    return planned.maps + planned.merges, planned.prompt_tokens


@pytest.mark.parametrize("limit", ["calls", "tokens", "usd"])
async def test_a_plan_that_needs_more_than_the_budget_is_refused_before_the_first_call(
    limit: str, context_of: ContextOf, model_server: ModelServer
) -> None:
    calls, tokens = cost(context_of(batch(Ansan=60, Busan=20)))
    budget = {"calls": calls - 1, "tokens": tokens - 1, "usd": tokens * 0.001 - 0.01}[limit]
    with pytest.raises(BudgetTooSmall, match="answers not counted"):
        await run(context_of(batch(Ansan=60, Busan=20), budget={limit: budget}, **PRICED))
    assert model_server.stats()["calls"] == 0


async def test_a_budget_that_leaves_no_chunk_beside_the_merges_is_refused_before_the_first_call(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    context = context_of(batch(Ansan=5), strategy="auto")
    (step,) = make_plan(context.documents, context, context.facts, context.chunk_tokens)["steps"].values()
    with pytest.raises(BudgetTooSmall, match="one chunk alone"):
        await run(context_of(batch(Ansan=5), strategy="auto", budget={"tokens": step["prompt_tokens"] + 1}))
    assert model_server.stats()["calls"] == 0


async def test_a_price_that_is_not_known_cannot_be_limited(context_of: ContextOf, model_server: ModelServer) -> None:
    with pytest.raises(BudgetTooSmall, match="price of openai:fake is not known"):
        await run(context_of(batch(Ansan=5), budget={"usd": 100.0}))
    assert model_server.stats()["calls"] == 0


@pytest.mark.parametrize("limit", ["calls", "tokens", "usd"])
async def test_a_budget_that_is_just_enough_changes_nothing(
    limit: str, context_of: ContextOf, model_server: ModelServer
) -> None:
    unlimited = await run(context_of(batch(Ansan=60, Busan=20), **PRICED))
    calls, tokens = cost(context_of(batch(Ansan=60, Busan=20)))
    assert unlimited["usage"]["cost_usd"] is not None
    budget = {"calls": calls, "tokens": tokens + calls * 250, "usd": tokens * 0.001 + calls * 0.5}[limit]
    limited = await run(context_of(batch(Ansan=60, Busan=20), budget={limit: budget}, **PRICED))
    assert limited == unlimited


@pytest.mark.parametrize("limit", ["tokens", "usd"])
@pytest.mark.parametrize("in_flight", [1, 8])
async def test_calls_in_flight_that_may_cost_more_than_they_do_fail_no_chunk(
    limit: str, in_flight: int, context_of: ContextOf, model_server: ModelServer
) -> None:
    """What is set aside for a call is several times what the test's model then uses."""
    documents = {"Ansan": 120}
    unlimited = await run(context_of(batch(**documents), **PRICED))
    context = context_of(batch(**documents))
    plan = make_plan(context.documents, context, context.facts, context.chunk_tokens)
    merges = [step for step in plan["steps"].values() if step["inputs"]]
    held = sum(step["prompt_tokens"] + step["max_tokens"] for step in merges)
    largest = max(step["prompt_tokens"] + step["max_tokens"] for step in plan["steps"].values())
    spent = unlimited["usage"]["prompt_tokens"] + unlimited["usage"]["completion_tokens"]
    budget = {"tokens": held + spent + largest, "usd": (held + spent + largest) * 0.002}[limit]
    output = await run(context_of(batch(**documents), budget={limit: budget}, **PRICED))
    assert output["status"] == "succeeded"
    assert output["summary"] == unlimited["summary"]


def make_expensive(model_server: ModelServer) -> None:
    """The answers of some chunks are cut twice before they are whole."""
    for number in (2, 22, 32, 42, 52):
        model_server.fault("length", times=2, match=f"qAnsan{number:04}")


@pytest.mark.parametrize("limit", ["calls", "tokens", "usd"])
@pytest.mark.parametrize("spare", [0, 0.05])
async def test_a_budget_that_runs_out_ends_in_a_valid_partial_and_is_never_exceeded(
    limit: str, spare: float, context_of: ContextOf, model_server: ModelServer
) -> None:
    context = context_of(batch(Ansan=60))
    plan = make_plan(context.documents, context, context.facts, context.chunk_tokens)
    calls, tokens = cost(context)
    merges = [step for step in plan["steps"].values() if step["inputs"]]
    answers = sum(step["max_tokens"] for step in merges)
    least: dict[str, float] = {"calls": calls, "tokens": tokens + answers, "usd": tokens * 0.001 + answers * 0.002}
    wanted = least[limit] * (1 + spare)
    budget = {limit: wanted if limit == "usd" else int(wanted)}
    make_expensive(model_server)
    output = await run(context_of(batch(Ansan=60), budget=budget, min_coverage=0.0, **PRICED))
    usage = output["usage"]
    stats = model_server.stats()
    paid = stats["finished"] + stats["by_fault"].get("length", 0)
    assert usage["calls"] == paid
    spent = {"calls": paid, "tokens": usage["prompt_tokens"] + usage["completion_tokens"], "usd": usage["cost_usd"]}
    assert spent[limit] <= budget[limit] + 1e-9
    assert output["status"] == "partial"
    assert output["summary"] is not None  # merges are always affordable
    assert any(is_merge(prompt) for prompt in prompts_of(model_server))
    assert {lost["error"] for lost in output["coverage"]["failed"]} == {"budget_spent"}
    characters = output["coverage"]["characters"] - output["coverage"]["summarised"]
    assert characters == sum(lost["end"] - lost["start"] for lost in output["coverage"]["failed"]) > 0


async def test_split_merges_take_nothing_from_the_budget_of_others(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    model_server.fault("400_context", times=-1, match="[4] ")
    calls, _ = cost(context_of(batch(Ansan=40, Busan=40), window_tokens=128_000))
    budget = {"calls": calls + 2}
    output = await run(context_of(batch(Ansan=40, Busan=40), window_tokens=128_000, budget=budget, min_coverage=0.0))
    assert model_server.stats()["finished"] == output["usage"]["calls"] <= budget["calls"]


async def test_remembered_calls_cost_nothing(context_of: ContextOf, model_server: ModelServer) -> None:
    ledger = MemoryLedger()
    first = await run(context_of(batch(Ansan=60, Busan=20), calls=Calls(ledger), **PRICED))
    model_server.reset()
    context = context_of(batch(Ansan=60, Busan=20), calls=Calls(ledger), budget={"calls": 1, "tokens": 1}, **PRICED)
    again = await run(context)
    assert model_server.stats()["calls"] == 0
    assert again["summary"] == first["summary"]
    assert (again["usage"]["calls"], again["usage"]["cost_usd"]) == (0, 0.0)
    assert again["usage"]["remembered"] == first["usage"]["calls"]
    assert (context.spending.held_back.calls, context.spending.held_back.tokens) == (0, 0)


async def test_a_budget_covers_what_is_new_and_no_more(context_of: ContextOf, model_server: ModelServer) -> None:
    ledger = MemoryLedger()
    await run(context_of(batch(Ansan=60), scope="document", calls=Calls(ledger)))
    new, _ = cost(context_of(batch(Busan=20), scope="document"))
    model_server.reset()
    both = batch(Ansan=60, Busan=20)
    with pytest.raises(BudgetTooSmall):
        await run(context_of(both, scope="document", calls=Calls(ledger), budget={"calls": new - 1}))
    assert model_server.stats()["calls"] == 0
    output = await run(context_of(both, scope="document", calls=Calls(ledger), budget={"calls": new}))
    assert output["status"] == "succeeded"
    assert output["usage"]["calls"] == new


async def test_what_earlier_attempts_of_a_run_have_paid_counts(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    calls, _ = cost(context_of(batch(Ansan=20)))
    with pytest.raises(BudgetTooSmall):
        await run(context_of(batch(Ansan=20), budget={"calls": calls}, spent=Bound(1)))
    assert (await run(context_of(batch(Ansan=20), budget={"calls": calls + 1}, spent=Bound(1))))["summary"]


async def test_the_embedded_models_calls_can_be_limited_too(context_of: ContextOf) -> None:
    context = context_of(batch(Ansan=60), strategy="map_reduce", budget={"calls": 2}, **EMBEDDED)
    with pytest.raises(BudgetTooSmall):
        await run(context)


async def test_checking_the_budget_of_many_chunks_lets_others_work(context_of: ContextOf) -> None:
    context = context_of(batch(Ansan=3_000), budget={"calls": 1})
    turns = 0

    async def watch() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    with pytest.raises(BudgetTooSmall):
        await run(context)
    watching.cancel()
    assert turns > 15


@pytest.mark.parametrize("budget", [{"calls": 0}, {"tokens": -1}, {"usd": 0.0}, {"euros": 5}])
def test_a_budget_of_nothing_is_no_budget(budget: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Budget(**budget)
