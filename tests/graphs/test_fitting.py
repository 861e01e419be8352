"""Length and language of summaries: asked for again a few times, the best is kept, what is missed is said."""

from typing import Any

import pytest

from graphs.models import Calls
from graphs.summarize import Context, Output, StepReport
from graphs.summarize.fitting import TOLERANCE
from tests.graphs.summaries import EMBEDDED, ContextOf, batch, prompts_of, run
from tests.model_server import ModelServer

ONE_CALL = {"strategy": "auto", "chunk_tokens": 3_000, "words": 50}
KOREAN = "안산 마을은 해마다 배를 세어 장부에 적었고 항구의 어부들은 이른 아침마다 그 숫자를 확인하였다. " * 5


def words(number: int) -> str:
    """An English answer of so many words, told apart by their number."""
    text = " ".join(["the town of Ansan counted its boats and wrote them into the book"] * number).split()[:number]
    return " ".join([*text[:-1], f"n{number} [1]."])


def said(output: Output) -> dict[str, Any]:
    (result,) = output["results"]
    assert output["summary"] == result["summary"] is not None
    return dict(result["summary"])


def answers(server: ModelServer, *contents: str) -> None:
    for content in contents:
        server.fault("say", content=content)


@pytest.mark.parametrize("number", [41, 50, 59])
async def test_a_summary_within_a_fifth_of_its_length_is_taken_as_it_is(
    number: int, context_of: ContextOf, model_server: ModelServer
) -> None:
    answers(model_server, words(number))
    summary = said(await run(context_of(batch(Ansan=20), **ONE_CALL)))
    assert (summary["words"], summary["target_words"], summary["misses"]) == (number, 50, [])
    assert model_server.stats()["calls"] == 1


@pytest.mark.parametrize("number", [20, 90])
async def test_one_that_is_too_long_or_too_short_is_asked_for_again_in_the_same_conversation(
    number: int, context_of: ContextOf, model_server: ModelServer
) -> None:
    answers(model_server, words(number), words(52))
    output = await run(context_of(batch(Ansan=20), **ONE_CALL))
    assert said(output)["words"] == 52
    assert said(output)["misses"] == []
    assert output["usage"]["calls"] == 2
    first, second = model_server.calls()
    assert second["messages"][: len(first["messages"])] == first["messages"]  # the material is still there
    assistant, user = second["messages"][len(first["messages"]) :]
    assert (assistant["role"], assistant["content"]) == ("assistant", words(number))
    assert user["role"] == "user"
    assert f"That has {number} words" in user["content"]
    assert "about 50" in user["content"]


async def test_length_is_asked_for_twice_at_most_and_the_nearest_is_kept_and_its_miss_reported(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    answers(model_server, words(120), words(70), words(90), words(50))
    summary = said(await run(context_of(batch(Ansan=20), **ONE_CALL)))
    assert model_server.stats()["calls"] == 3
    assert (summary["words"], summary["misses"]) == (70, ["length"])
    assert "n70" in summary["text"]


async def test_of_two_as_near_the_first_is_kept(context_of: ContextOf, model_server: ModelServer) -> None:
    answers(model_server, words(80), words(20), words(80))
    assert "n80" in said(await run(context_of(batch(Ansan=20), **ONE_CALL)))["text"]


async def test_another_language_is_asked_for_again_once_and_then_reported(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    answers(model_server, KOREAN, KOREAN, words(50))
    summary = said(await run(context_of(batch(Ansan=20), **ONE_CALL)))
    assert model_server.stats()["calls"] == 2
    assert "language" in summary["misses"]
    assert "Write it again in English (en)" in prompts_of(model_server)[-1]


async def test_a_language_that_was_set_right_is_then_fitted_in_length(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    answers(model_server, KOREAN, words(100), words(110), words(55), words(50))
    summary = said(await run(context_of(batch(Ansan=20), **ONE_CALL)))
    assert model_server.stats()["calls"] == 4  # one for the language, two for the length
    assert (summary["words"], summary["misses"]) == (55, [])


async def test_a_wanted_language_is_checked_whatever_the_source_is_in(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    answers(model_server, words(50), KOREAN)
    summary = said(await run(context_of(batch(Ansan=20), **ONE_CALL, language="ko")))
    assert summary["text"].startswith("안산 마을은")
    assert summary["language"] == "ko"
    assert "language" not in summary["misses"]


async def test_a_right_language_goes_before_a_right_length(context_of: ContextOf, model_server: ModelServer) -> None:
    fifty_korean = " ".join(KOREAN.split()[:50])
    answers(model_server, fifty_korean, words(120), words(130), words(110))
    summary = said(await run(context_of(batch(Ansan=20), **ONE_CALL)))
    assert (summary["words"], summary["misses"]) == (110, ["length"])


@pytest.mark.parametrize("fault", ["content_filter", "refusal", "400", "echo_long"])
async def test_a_step_of_fitting_that_fails_leaves_the_summary_that_is_there(
    fault: str, context_of: ContextOf, model_server: ModelServer
) -> None:
    answers(model_server, words(90))
    model_server.fault(fault, times=-1, match="That has 90 words")
    output = await run(context_of(batch(Ansan=20), **ONE_CALL))
    assert output["status"] == "succeeded"
    assert (said(output)["words"], said(output)["misses"]) == (90, ["length"])


async def test_a_budget_that_is_spent_ends_the_fitting_and_not_the_summary(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    answers(model_server, words(90), words(50))
    output = await run(context_of(batch(Ansan=20), **ONE_CALL, budget={"calls": 1}))
    assert output["status"] == "succeeded"
    assert (said(output)["words"], said(output)["misses"]) == (90, ["length"])
    assert model_server.stats()["calls"] == output["usage"]["calls"] == 1


async def test_partials_are_not_fitted_and_each_document_is(context_of: ContextOf, model_server: ModelServer) -> None:
    reports: list[StepReport] = []
    model_server.fault("say", match="Part 2 of", content="One word [1].")
    context = context_of(batch(Ansan=20, Busan=20), words=50, report=reports.append)
    await run(context)
    assert {report["usage"]["calls"] for report in reports if not report["is_summary"]} == {1}
    model_server.reset()
    model_server.fault("say", match="Partial summary 1: The town of Busan, part 1", content=words(20))
    reports.clear()
    output = await run(context_of(batch(Ansan=20, Busan=20), words=50, report=reports.append))
    fitted = [report["document"] for report in reports if report["usage"]["calls"] > 1]
    assert fitted == ["Busan"]
    assert all(result["summary"] and not result["summary"]["misses"] for result in output["results"])


async def test_what_was_fitted_is_remembered_with_every_step(context_of: ContextOf, model_server: ModelServer) -> None:
    answers(model_server, words(120), words(70), words(90))
    context = context_of(batch(Ansan=20), **ONE_CALL)
    first = await run(context)
    again = await run(context_of(batch(Ansan=20), **ONE_CALL, calls=Calls(context.calls.ledger)))
    assert again["summary"] == first["summary"]
    assert (again["usage"]["calls"], again["usage"]["remembered"]) == (0, 3)
    assert model_server.stats()["repeats"] == 0


async def test_where_the_window_has_no_room_for_a_conversation_the_first_answer_stands(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    answers(model_server, words(150))
    tight = {"strategy": "single", "window_tokens": 2_000, "words": 80, "chunk_tokens": 900}
    output = await run(context_of(batch(Ansan=30), **tight))
    assert output["status"] == "succeeded"
    assert said(output)["misses"] == ["length"]
    assert model_server.stats()["calls"] == 1


async def test_a_model_that_quotes_is_not_asked_again_and_its_length_is_reported() -> None:
    output = await run(Context(documents=batch(Ansan=20), **EMBEDDED | {"chunk_tokens": 3_000}, words=50))
    summary = said(output)
    near = abs(summary["words"] - 50) <= TOLERANCE * 50
    assert summary["misses"] == ([] if near else ["length"])
    assert output["usage"]["calls"] == 1
