"""The graph alone, where something fails or says nothing: what it says it lost, and what stays."""

import pytest

from graphs.models.failures import Unauthorized
from graphs.summarize import StepReport
from tests.graphs.summaries import ContextOf, batch, is_merge, prompts_of, run
from tests.model_server import ModelServer


@pytest.mark.parametrize(("min_coverage", "status"), [(0.5, "partial"), (0.99, "failed")])
async def test_a_failing_chunk_is_recorded_and_the_coverage_decides(
    min_coverage: float, status: str, context_of: ContextOf, model_server: ModelServer
) -> None:
    model_server.fault("content_filter", times=-1, match="qAnsan0007")
    documents = batch(Ansan=30, Busan=30)
    reports: list[StepReport] = []
    output = await run(context_of(documents, min_coverage=min_coverage, report=reports.append))
    assert output["status"] == status
    (lost,) = output["coverage"]["failed"]
    assert (lost["document"], lost["error"]) == ("Ansan", "answer_filtered")
    assert "qAnsan0007" in documents["Ansan"].text[lost["start"] : lost["end"]]
    missing = output["coverage"]["characters"] - output["coverage"]["summarised"]
    assert missing == lost["end"] - lost["start"]
    ansan, busan = output["results"]
    assert (ansan["status"], ansan["failed_chunks"], busan["status"], busan["failed_chunks"]) == (
        "partial", 1, "succeeded", 0,
    )  # fmt: skip
    assert ansan["summary"]
    assert busan["summary"]
    (failure,) = [report for report in reports if report["status"] == "failed"]
    assert (failure["error"], failure["key"], failure["text"]) == ("answer_filtered", None, None)
    assert all("content filter" not in prompt for prompt in prompts_of(model_server))  # an error is no partial


async def test_every_chunk_failing_ends_as_failed_and_not_as_an_empty_success(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    model_server.fault("400", times=-1)
    output = await run(context_of(batch(Ansan=20, Busan=20), min_coverage=0.0))
    assert (output["status"], output["summary"]) == ("failed", None)
    assert {result["status"] for result in output["results"]} == {"failed"}
    assert all("call_rejected" in str(result["error"]) for result in output["results"])
    assert output["coverage"]["summarised"] == 0
    assert len(output["coverage"]["failed"]) == sum(result["chunks"] for result in output["results"])
    assert not any(is_merge(prompt) for prompt in prompts_of(model_server))


async def test_a_document_that_is_lost_as_a_whole_fails_alone(context_of: ContextOf, model_server: ModelServer) -> None:
    model_server.fault("400_context", times=-1, match="qBusan")
    output = await run(context_of(batch(Ansan=30, Busan=3), min_coverage=0.5))
    assert output["status"] == "partial"
    assert [(result["status"], bool(result["summary"])) for result in output["results"]] == [
        ("succeeded", True),
        ("failed", False),
    ]
    assert str(output["results"][1]["error"]).startswith("context_overflow")
    assert output["summary"]


async def test_a_merge_that_fails_loses_all_that_is_beneath_it(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    model_server.fault("refusal", times=-1, match="The town of Ansan, part 1 of")
    output = await run(context_of(batch(Ansan=30, Busan=30), min_coverage=0.3))
    ansan, busan = output["results"]
    assert (ansan["status"], busan["status"], output["status"]) == ("failed", "succeeded", "partial")
    assert sum(lost["document"] == "Ansan" for lost in output["coverage"]["failed"]) == ansan["chunks"]


async def test_a_last_merge_that_fails_leaves_the_documents_summaries(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    model_server.fault("refusal", times=-1, match="Partial summary 2: The town of Busan\n")
    output = await run(context_of(batch(Ansan=20, Busan=20), min_coverage=0.0))
    assert output["summary"] is None
    assert output["status"] in ("partial", "failed")
    assert all(result["summary"] for result in output["results"])


async def test_an_answer_longer_than_its_source_is_no_summary(context_of: ContextOf, model_server: ModelServer) -> None:
    model_server.fault("echo_long", times=-1, match="qAnsan0001")
    output = await run(context_of(batch(Ansan=60), min_coverage=0.5, words=5_000, chunk_tokens=400))
    assert [lost["error"] for lost in output["coverage"]["failed"]] == ["answer_too_long"]


async def test_what_has_nothing_to_do_with_the_focus_is_skipped_and_said_so(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    model_server.fault("say", times=-1, match="qBusan", content="NOTHING RELEVANT.")
    output = await run(context_of(batch(Ansan=20, Busan=20), focus="Ansan's boats"))
    assert output["status"] == "succeeded"
    assert output["summary"]
    assert "Busan" not in output["summary"]["text"]
    ansan, busan = output["results"]
    assert (ansan["summary"] is None, busan["summary"]) == (False, None)
    skipped = output["coverage"]["skipped"]
    assert len(skipped) == busan["chunks"]
    assert {(lost["document"], lost["error"]) for lost in skipped} == {("Busan", "not_relevant")}
    assert not any("NOTHING RELEVANT." in prompt.split("answer exactly")[0] for prompt in prompts_of(model_server))


async def test_a_batch_that_has_nothing_to_do_with_the_focus_says_so_and_has_no_summary(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    model_server.fault("say", times=-1, content="Nothing relevant")
    output = await run(context_of(batch(Ansan=20, Busan=20), focus="whales"))
    assert output["summary"] is None
    assert output["coverage"]["failed"] == []
    assert len(output["coverage"]["skipped"]) == sum(result["chunks"] for result in output["results"])


async def test_the_words_of_the_agreed_sentence_are_an_answer_where_no_focus_was_given(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    model_server.fault("say", match="qAnsan0000", content="NOTHING RELEVANT")
    output = await run(context_of(batch(Ansan=20)))
    assert output["coverage"]["skipped"] == []


async def test_a_passing_fault_costs_a_call_and_loses_nothing(context_of: ContextOf, model_server: ModelServer) -> None:
    undisturbed = await run(context_of(batch(Ansan=40)))
    calls = model_server.stats()["calls"]
    model_server.reset()
    for kind in ("500", "reset", "broken_json", "empty"):
        model_server.fault(kind, match="part")
    output = await run(context_of(batch(Ansan=40)))
    assert output["summary"] == undisturbed["summary"]
    assert model_server.stats()["calls"] == calls + 4


async def test_a_wrong_key_stops_the_run_after_at_most_two_calls(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    model_server.fault("401", times=-1)
    with pytest.raises(Unauthorized):
        await run(context_of(batch(Ansan=60)))
    model_server.wait_for(lambda counts: counts["in_flight"] == 0)
    assert model_server.stats()["calls"] <= 2
