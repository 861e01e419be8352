"""Refine: chunk after chunk, each call continuing the summary so far."""

import re

import pytest

from graphs.models import Calls
from graphs.summarize import StepReport
from tests.graphs.summaries import ContextOf, batch, chunk_in, marks, prompts_of, run, story
from tests.model_server import ModelServer

REFINE = {"strategy": "refine", "scope": "document", "length": "short"}


def so_far(prompt: str) -> str:
    """The summary that a call continues; nothing for the first."""
    found = re.search(r"Summary so far:\n(.*?)\n\nNext part:\n", prompt, re.DOTALL)
    return found[1] if found else ""


def next_part(prompt: str) -> list[str]:
    return marks(chunk_in(prompt.partition("Next part:\n")[2] or prompt))


async def test_each_chunk_is_one_call_in_the_order_of_the_source(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    output = await run(context_of(batch(Ansan=40), **REFINE))
    prompts = prompts_of(model_server)
    assert output["status"] == "succeeded"
    assert len(prompts) == output["results"][0]["chunks"] == output["usage"]["calls"] > 5
    assert [mark for prompt in prompts for mark in next_part(prompt)] == marks(story("Ansan", 40))
    assert [f"Part {number} of {len(prompts)}" in prompt for number, prompt in enumerate(prompts, 1)] == [True] * len(
        prompts
    )


async def test_each_call_continues_what_the_one_before_has_written(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    reports: list[StepReport] = []
    context = context_of(batch(Ansan=30), report=reports.append, **REFINE)
    await run(context)
    prompts = prompts_of(model_server)
    answers = await context.calls.recall(str(report["key"]) for report in reports)
    assert so_far(prompts[0]) == ""
    for report, prompt in zip(reports, prompts[1:], strict=False):
        before = re.sub(r"\s*\[\d+\]", "", answers[str(report["key"])].text)
        assert re.sub(r"\s*\[\d+\]", "", so_far(prompt)) == before


async def test_numbers_are_carried_from_call_to_call_and_lead_to_their_sentences_in_the_end(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    documents = batch(Ansan=20)
    model_server.fault("say", match="Part 1 of", content="Year 0 of Ansan saw 3 boats [1].")
    model_server.fault("say", match="Part 2 of", content="Year 0 of Ansan saw 3 boats [1]. Later more [2].")
    model_server.fault("say", times=-1, match="Next part:", content="Year 0 of Ansan saw 3 boats [1]. Later more [2].")
    output = await run(context_of(documents, **REFINE))
    summary = output["results"][0]["summary"]
    assert summary is not None
    first, second = ([citation["quote"] for citation in sentence["citations"]] for sentence in summary["sentences"])
    assert marks(" ".join(first))[0] == "qAnsan0000"
    assert second
    (early,) = summary["sentences"][0]["citations"][:1]
    assert documents["Ansan"].text[early["start"] : early["end"]] == early["quote"]


async def test_a_chunk_that_fails_loses_itself_alone(context_of: ContextOf, model_server: ModelServer) -> None:
    model_server.fault("content_filter", times=-1, match="qAnsan0017 ")
    documents = batch(Ansan=40)
    output = await run(context_of(documents, min_coverage=0.5, **REFINE))
    (result,) = output["results"]
    assert (output["status"], result["status"], result["failed_chunks"]) == ("partial", "partial", 1)
    (lost,) = output["coverage"]["failed"]
    assert "qAnsan0017" in documents["Ansan"].text[lost["start"] : lost["end"]]
    assert result["summary"]
    prompts = prompts_of(model_server)
    (place,) = [number for number, prompt in enumerate(prompts) if "qAnsan0017 " in prompt]
    assert so_far(prompts[place + 1]) == so_far(prompts[place])  # the summary so far goes on


@pytest.mark.parametrize("part", [1, 14])
async def test_the_first_and_the_last_chunk_may_fail_too(
    part: int, context_of: ContextOf, model_server: ModelServer
) -> None:
    model_server.fault("refusal", times=-1, match=f"Part {part} of 14 of:")
    output = await run(context_of(batch(Ansan=40), min_coverage=0.5, **REFINE))
    assert output["results"][0]["chunks"] == 14
    assert (output["status"], len(output["coverage"]["failed"])) == ("partial", 1)
    assert output["results"][0]["summary"]


async def test_all_chunks_failing_is_a_failure(context_of: ContextOf, model_server: ModelServer) -> None:
    model_server.fault("400", times=-1)
    output = await run(context_of(batch(Ansan=20), min_coverage=0.0, **REFINE))
    assert (output["status"], output["results"][0]["summary"]) == ("failed", None)
    assert output["coverage"]["summarised"] == 0


async def test_a_chunk_with_nothing_relevant_leaves_the_summary_as_it_was(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    model_server.fault("say", times=-1, match="qAnsan0017 ", content="NOTHING RELEVANT [1].")
    output = await run(context_of(batch(Ansan=40), focus="boats", **REFINE))
    assert output["status"] == "succeeded"
    assert [lost["error"] for lost in output["coverage"]["skipped"]] == ["not_relevant"]
    prompts = prompts_of(model_server)
    (place,) = [number for number, prompt in enumerate(prompts) if "qAnsan0017 " in prompt]
    assert so_far(prompts[place + 1]) == so_far(prompts[place]) != ""
    assert not any("NOTHING RELEVANT [" in prompt for prompt in prompts)


async def test_a_document_without_anything_relevant_has_no_summary(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    model_server.fault("say", times=-1, content="NOTHING RELEVANT")
    output = await run(context_of(batch(Ansan=20), focus="whales", **REFINE))
    assert (output["status"], output["results"][0]["summary"]) == ("succeeded", None)
    assert len(output["coverage"]["skipped"]) == output["results"][0]["chunks"]
    assert [so_far(prompt) for prompt in prompts_of(model_server)] == [""] * output["results"][0]["chunks"]


async def test_a_chunk_that_overflows_is_taken_in_by_halves_each_writing_the_whole_summary(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    whole = await run(context_of(batch(Ansan=40), **REFINE))
    summary = whole["results"][0]["summary"]
    assert summary is not None
    model_server.reset()
    last = whole["results"][0]["chunks"]
    model_server.fault("400_context", match=f"Part {last} of")
    model_server.fault("say", match="qAnsan0039", content="Too short [1].")  # the second half of it
    output = await run(context_of(batch(Ansan=40), style="bullets", **REFINE))
    assert output["status"] == "succeeded"
    assert output["coverage"]["failed"] == []
    *_, overflowed, first, second, again = prompts_of(model_server)
    assert next_part(first) + next_part(second) == next_part(overflowed)
    assert "in about 80 words" in first
    assert "in about 80 words" in second
    assert "Markdown list" not in first  # a summary on its way
    assert "Markdown list" in second
    assert "Write it again" in again  # the last is fitted like any summary
    assert output["results"][0]["summary"] is not None


async def test_a_document_of_three_hundred_chunks_is_read_to_its_end(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    output = await run(context_of(batch(Ansan=1_300), **REFINE))
    (result,) = output["results"]
    assert output["status"] == "succeeded"
    assert result["chunks"] >= 300
    assert model_server.stats()["calls"] == result["chunks"]
    assert output["coverage"]["summarised"] == output["coverage"]["characters"]


async def test_documents_are_refined_side_by_side_and_merged_in_their_order(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    output = await run(context_of(batch(Ansan=20, Busan=3, Chuncheon=20), strategy="refine"))
    last = prompts_of(model_server)[-1]
    titles = re.findall(r"^Partial summary \d: The town of (\w+)", last, re.MULTILINE)
    assert titles == ["Ansan", "Busan", "Chuncheon"]
    assert output["summary"] is not None


async def test_what_was_refined_is_remembered(context_of: ContextOf, model_server: ModelServer) -> None:
    context = context_of(batch(Ansan=40), **REFINE)
    first = await run(context)
    again = await run(context_of(batch(Ansan=40), calls=Calls(context.calls.ledger), **REFINE))
    assert again["results"] == first["results"]
    assert again["usage"]["calls"] == 0
    longer = await run(context_of(batch(Ansan=40, Busan=5), calls=Calls(context.calls.ledger), **REFINE))
    assert longer["usage"]["remembered"] == first["usage"]["calls"]
