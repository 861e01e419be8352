"""A prompt that is longer than the model's real window is split into smaller ones, through the whole graph."""

import pytest

from graphs.evidence.marks import read_marks
from graphs.models import Calls
from graphs.models.failures import Unauthorized
from graphs.summarize import StepReport
from tests.graphs.summaries import ContextOf, batch, is_merge, marks, prompts_of, run, story
from tests.model_server import ModelServer

WINDOW = {"window_tokens": 128_000, "chunk_tokens": 3_000}


@pytest.mark.parametrize("wording", ["openai", "azure", "vllm", "vllm_old", "llamacpp", "ollama"])
async def test_a_chunk_that_overflows_is_summarised_by_halves(
    wording: str, context_of: ContextOf, model_server: ModelServer
) -> None:
    model_server.fault("400_context", times=2, match="qAnsan0010", wording=wording)
    reports: list[StepReport] = []
    context = context_of(batch(Ansan=40), strategy="auto", report=reports.append, **WINDOW)
    output = await run(context)
    assert output["status"] == "succeeded"
    assert output["coverage"]["failed"] == []
    stats = model_server.stats()
    # the whole, its first half, that one's two quarters and their merge, the second half, the merge of both
    assert stats["calls"] == 2 + 5
    assert output["usage"]["calls"] == stats["finished"] == 5  # a refused prompt is not paid
    assert output["summary"] == output["results"][0]["summary"]
    assert output["summary"] is not None
    read = [mark for prompt in prompts_of(model_server)[-5:] if not is_merge(prompt) for mark in marks(prompt)]
    assert sorted(read) == sorted(marks(story("Ansan", 40)))  # each sentence is still read once
    (report,) = reports
    assert report["usage"]["calls"] == 5
    answer = (await context.calls.recall([str(report["key"])]))[str(report["key"])]
    assert read_marks(answer.text).text == report["text"] == output["summary"]["text"]


async def test_a_merge_that_overflows_is_made_of_merges_of_its_halves(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    model_server.fault("400_context", match="Partial summary 6: ")
    output = await run(context_of(batch(Ansan=40), window_tokens=128_000))
    assert output["status"] == "succeeded"
    assert output["summary"]
    stats = model_server.stats()
    assert stats["by_fault"] == {"400_context": 1}
    chunks = output["results"][0]["chunks"]
    assert chunks > 6
    assert output["usage"]["calls"] == stats["finished"] == chunks + 3


async def test_a_chunk_that_never_fits_is_given_up_after_a_bounded_number_of_calls(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    model_server.fault("400_context", times=-1)
    output = await run(context_of(batch(Ansan=40), strategy="auto", min_coverage=0.0, **WINDOW))
    assert output["status"] == "failed"
    assert [lost["error"] for lost in output["coverage"]["failed"]] == ["context_overflow"]
    assert model_server.stats()["calls"] <= 31
    assert output["usage"]["calls"] == 0


async def test_what_the_pieces_of_a_lost_chunk_cost_is_counted(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    model_server.fault("400_context", match="qAnsan0010")
    model_server.fault("content_filter", times=-1, match="qAnsan0010")
    model_server.fault("delay", times=-1, match="qAnsan0030", seconds=1)  # still under way when the other has failed
    output = await run(context_of(batch(Ansan=40), strategy="auto", min_coverage=0.0, **WINDOW))
    assert [lost["error"] for lost in output["coverage"]["failed"]] == ["answer_filtered"]
    stats = model_server.wait_for(lambda counts: counts["in_flight"] == 0)
    assert stats["calls"] == 3
    assert output["usage"]["calls"] == 2


async def test_a_refusal_of_the_run_in_a_piece_stops_the_run(context_of: ContextOf, model_server: ModelServer) -> None:
    model_server.fault("400_context", match="qAnsan0010")
    model_server.fault("401", times=-1)
    with pytest.raises(Unauthorized):
        await run(context_of(batch(Ansan=40), strategy="auto", **WINDOW))


async def test_the_pieces_of_a_split_chunk_are_remembered(context_of: ContextOf, model_server: ModelServer) -> None:
    model_server.fault("400_context", match="qAnsan0010")
    context = context_of(batch(Ansan=40), strategy="auto", **WINDOW)
    first = await run(context)
    model_server.fault("400_context", match="qAnsan0010")
    again = await run(context_of(batch(Ansan=40), strategy="auto", calls=Calls(context.calls.ledger), **WINDOW))
    assert again["summary"] == first["summary"]
    assert (first["usage"]["calls"], again["usage"]["calls"], again["usage"]["remembered"]) == (3, 0, 3)
    assert model_server.stats()["repeats"] == 0
