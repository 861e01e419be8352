"""A document of a few words is its own summary: no call is made for it, unless something is to be done to its words."""

import pytest

from graphs.models import model_facts
from graphs.summarize import Context, Document, Documents, Options, StepReport, make_plan, plan_cost
from graphs.summarize.plan import VERBATIM_WORDS
from tests.graphs.summaries import EMBEDDED, ContextOf, batch, is_merge, prompts_of, run, story
from tests.model_server import ModelServer

SHORT = 'The pier of Ansan burned down in 1929. Nobody was hurt.\n\n- "It was old." So said Mayor Ruiz.'


@pytest.mark.parametrize("make", ["embedded", "openai"])
async def test_a_near_empty_document_is_its_own_summary_without_a_call(
    make: str, context_of: ContextOf, model_server: ModelServer
) -> None:
    documents = Documents([Document("a", "Pier", f"  {SHORT}\n")])
    reports: list[StepReport] = []
    settings = {"report": reports.append}
    context = context_of(documents, **settings) if make == "openai" else Context(documents=documents, **EMBEDDED)
    output = await run(context)
    summary = output["summary"]
    assert output["status"] == "succeeded"
    assert summary is not None
    assert " ".join(summary["text"].split()).endswith("So said Mayor Ruiz.")
    for sentence in summary["sentences"]:
        (citation,) = sentence["citations"]
        assert citation["quote"] in documents["a"].text
        assert sentence["text"] in " ".join(citation["quote"].split())
        assert sentence["support"] == 1.0
        assert sentence["unsupported"] == []
    assert len(summary["sentences"]) == 4
    assert model_server.stats()["calls"] == 0
    if make == "openai":
        assert (output["usage"]["calls"], output["usage"]["remembered"]) == (0, 0)
        assert summary["text"] == SHORT
        (report,) = reports
        assert (report["status"], report["text"]) == ("succeeded", SHORT)


async def test_its_words_go_into_the_merge_with_numbers_that_lead_back_to_it(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    documents = Documents([Document("a", "Pier", SHORT), *batch(Ansan=20)])
    model_server.fault("say", match="Partial summary 1: Pier", times=-1, content="The pier burned down [1].")
    output = await run(context_of(documents))
    (merge,) = [
        prompt for prompt in prompts_of(model_server) if "Partial summary 1: Pier" in prompt and is_merge(prompt)
    ][:1]
    assert "The pier of Ansan burned down in 1929. [1]" in merge
    assert output["summary"] is not None
    (citation,) = output["summary"]["sentences"][0]["citations"]
    assert (citation["document"], citation["quote"]) == ("a", "The pier of Ansan burned down in 1929.")


@pytest.mark.parametrize("settings", [{"focus": "Who was hurt?"}, {"language": "ko"}])
async def test_with_a_focus_or_in_another_language_even_a_few_words_are_a_models_work(
    settings: dict[str, str], context_of: ContextOf, model_server: ModelServer
) -> None:
    await run(context_of(Documents([Document("a", "Pier", SHORT)]), **settings))
    assert model_server.stats()["calls"] >= 1


def test_what_is_longer_is_summarised_and_the_plan_says_which() -> None:
    english = Documents([Document("a", "", SHORT), Document("b", "", story("Ansan", 3))])
    assert len(SHORT.split()) <= VERBATIM_WORDS < len(story("Ansan", 3).split())
    plan = make_plan(english, Options(scope="document"), model_facts("openai:gpt-4o"), 3_000)
    assert [plan["steps"][document["top"]]["kind"] for document in plan["documents"]] == ["verbatim", "map"]
    assert plan_cost(plan)[:3] == (1, 0, 1)
    assert plan_cost(plan).prompt_tokens == plan["steps"]["1.0"]["prompt_tokens"]


async def test_a_few_words_that_look_like_numbers_in_brackets_cite_nothing_but_themselves(
    context_of: ContextOf,
) -> None:
    text = "See [1] and [99]. The mayor said so [2]."
    output = await run(context_of(Documents([Document("a", "Notes", text)])))
    assert output["summary"] is not None
    assert output["summary"]["text"] == "See (1) and (99). The mayor said so (2)."
    quotes = [[citation["quote"] for citation in sentence["citations"]] for sentence in output["summary"]["sentences"]]
    assert quotes == [["See [1] and [99]."], ["The mayor said so [2]."]]
