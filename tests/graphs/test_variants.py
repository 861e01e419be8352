"""Variants: several summaries of the same, side by side; the best is the summary, all are returned."""

import pytest

from graphs.models import Calls
from graphs.summarize import Context
from graphs.summarize.prompts import MOST_VARIANTS
from tests.graphs.summaries import EMBEDDED, ContextOf, batch, is_merge, prompts_of, run
from tests.model_server import ModelServer

ONE_CALL = {"strategy": "auto", "chunk_tokens": 3_000, "words": 30}
SECOND, THIRD = "Begin with what matters most", "Follow the course of events"
GOOD = (
    "In year 1 the town of Ansan counted 10 boats and wrote qAnsan0001 into its book [2]. "
    "In year 4 the town of Ansan counted 31 boats and wrote qAnsan0004 into its book [5]."
)
BAD = "Zorro sold 77 whales to the emperor of the moon, and nobody in the land of Oz was ever told of it again."


async def test_each_variant_is_one_call_more_beside_the_others(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    output = await run(context_of(batch(Ansan=20, Busan=20), variants=3))
    finals = [prompt for prompt in prompts_of(model_server) if "Partial summary 2: The town of Busan\n" in prompt]
    assert len(set(finals)) == len(finals) == 3
    assert sum(SECOND in prompt for prompt in prompts_of(model_server)) == 1
    assert len(output["variants"]) == 3
    assert output["summary"] == output["variants"][0]
    assert output["status"] == "succeeded"
    single = await run(context_of(batch(Ansan=20, Busan=20)))
    assert output["usage"]["calls"] == single["usage"]["calls"] + 2
    assert single["variants"] == []


async def test_a_document_of_one_call_has_variants_too(context_of: ContextOf, model_server: ModelServer) -> None:
    output = await run(context_of(batch(Ansan=20), variants=MOST_VARIANTS, **ONE_CALL))
    assert len({call["messages"][1]["content"] for call in model_server.calls()}) == MOST_VARIANTS
    assert len(output["variants"]) == MOST_VARIANTS
    assert output["results"][0]["summary"] == output["summary"] == output["variants"][0]


@pytest.mark.parametrize("best", [None, SECOND, THIRD])
async def test_the_one_with_the_best_support_coverage_and_length_is_the_summary(
    best: str | None, context_of: ContextOf, model_server: ModelServer
) -> None:
    for angle in (SECOND, THIRD):
        model_server.fault("say", match=angle, times=-1, content=GOOD if angle == best else BAD)
    model_server.fault("say", times=-1, content=GOOD if best is None else BAD)
    output = await run(context_of(batch(Ansan=20), variants=3, **ONE_CALL))
    assert output["summary"] is not None
    assert output["summary"]["text"].startswith("In year 1 the town of Ansan")
    assert [variant["text"].startswith("Zorro") for variant in output["variants"]] == [False, True, True]


async def test_a_variant_that_fails_loses_itself_alone(context_of: ContextOf, model_server: ModelServer) -> None:
    model_server.fault("refusal", match=SECOND, times=-1)
    output = await run(context_of(batch(Ansan=20), variants=3, **ONE_CALL))
    assert output["status"] == output["results"][0]["status"] == "succeeded"
    assert len(output["variants"]) == 2
    assert output["coverage"]["failed"] == []


@pytest.mark.parametrize("documents", [{"Ansan": 20}, {"Ansan": 20, "Busan": 20}])
async def test_the_first_may_fail_while_another_is_written(
    documents: dict[str, int], context_of: ContextOf, model_server: ModelServer
) -> None:
    model_server.fault("say", match=SECOND, content=GOOD)
    match = "Partial summary 1" if len(documents) > 1 else "qAnsan"
    model_server.fault("refusal", match=match)
    output = await run(context_of(batch(**documents), variants=2, calls=Calls(), **ONE_CALL))
    assert output["status"] == "succeeded"
    assert len(output["variants"]) == 1
    assert output["summary"] == output["variants"][0]
    assert output["coverage"]["failed"] == []
    assert all(result["summary"] for result in output["results"])


async def test_all_failing_is_a_failure(context_of: ContextOf, model_server: ModelServer) -> None:
    model_server.fault("refusal", times=-1)
    output = await run(context_of(batch(Ansan=20), variants=3, min_coverage=0.0, **ONE_CALL))
    assert (output["status"], output["summary"], output["variants"]) == ("failed", None, [])


async def test_variants_are_remembered_and_their_order_is_the_same_again(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    context = context_of(batch(Ansan=20, Busan=20), variants=3, style="bullets", verify="llm")
    first = await run(context)
    calls = Calls(context.calls.ledger)
    again = await run(context_of(batch(Ansan=20, Busan=20), variants=3, style="bullets", verify="llm", calls=calls))
    assert again["variants"] == first["variants"]
    assert again["usage"]["calls"] == 0
    assert model_server.stats()["repeats"] == 0


async def test_every_variant_of_a_report_is_a_whole_report(context_of: ContextOf) -> None:
    output = await run(context_of(batch(Ansan=20, Busan=20), variants=2, style="report"))
    assert len(output["variants"]) == 2
    for variant in output["variants"]:
        assert variant["text"].startswith("## The town of Ansan\n\n")
        assert "## The town of Busan\n\n" in variant["text"]


async def test_the_embedded_model_has_one_way_to_quote_and_gives_it_as_often_as_asked() -> None:
    output = await run(Context(documents=batch(Ansan=20, Busan=20), variants=2, **EMBEDDED))
    assert output["status"] == "succeeded"
    assert len(output["variants"]) == 2
    assert not any(is_merge(variant["text"]) for variant in output["variants"])
