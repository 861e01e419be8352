"""The last summary is shown while a language model writes it; what is shown is what will be read, as far as it goes."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphs.evidence.marks import read_marks, text_so_far
from graphs.models.failures import AnswerFiltered, Overloaded
from graphs.summarize import Writing
from graphs.summarize.writing import MOST_CHARACTERS, Pen
from tests.graphs.summaries import ContextOf, batch, is_merge, run
from tests.graphs.test_authors import step
from tests.model_server import ModelServer

GOOD = "The river rose [1]. It fell [2][3] again [4-6], said [sic] the keeper [7].\n- A list [8]\n- of two [9]"

LAST = "Partial summary 2: The town of Busan\n"  # stands in the prompt of the last merge


@pytest.fixture
def shown() -> list[Writing]:
    return []


def streams(model_server: ModelServer) -> list[bool]:
    return [bool(call["parameters"].get("stream")) for call in model_server.calls(1_000)]


# ---------------------------------------------------------------- which


async def test_of_a_batch_the_last_merge_alone_is_streamed(
    context_of: ContextOf, model_server: ModelServer, shown: list[Writing]
) -> None:
    output = await run(context_of(batch(Ansan=20, Busan=20), show=shown.append))
    finals = [writing for writing in shown if writing.document is None]
    assert shown == finals
    assert sum(streams(model_server)) == len(finals) > 0
    calls = model_server.calls(1_000)
    assert all(is_merge(call["messages"][1]["content"]) for call in calls if call["parameters"].get("stream"))
    assert output["summary"] is not None
    assert finals[-1].text
    assert output["summary"]["text"] in [writing.text for writing in finals]


async def test_of_documents_alone_each_summary_is_streamed(context_of: ContextOf, shown: list[Writing]) -> None:
    output = await run(context_of(batch(Ansan=20, Busan=20), show=shown.append, scope="document"))
    last = {writing.document: writing.text for writing in shown}
    assert set(last) == {"Ansan", "Busan"}
    assert {result["id"] for result in output["results"]} == set(last)


async def test_the_one_call_of_a_small_document_is_streamed_and_variants_are_not(
    context_of: ContextOf, model_server: ModelServer, shown: list[Writing]
) -> None:
    context = context_of(batch(Ansan=20), show=shown.append, variants=3, strategy="auto", chunk_tokens=3_000, words=30)
    await run(context)
    assert {writing.document for writing in shown} == {"Ansan"}
    asked = [call for call in model_server.calls() if call["parameters"].get("stream")]
    assert len(asked) == len(shown)
    assert not any("Begin with what matters most" in call["messages"][1]["content"] for call in asked)


@pytest.mark.parametrize("strategy", ["single", "map_reduce", "refine"])
async def test_a_streamed_run_ends_as_one_whose_server_does_not_stream(
    strategy: str, context_of: ContextOf, model_server: ModelServer
) -> None:
    settings: dict[str, Any] = {"strategy": strategy, "chunk_tokens": 3_000 if strategy == "single" else 100}
    streamed = await run(context_of(batch(Ansan=12), **settings))
    assert any(streams(model_server))
    model_server.reset()
    model_server.fault("no_stream", times=-1)
    assert await run(context_of(batch(Ansan=12), **settings)) == streamed


async def test_a_reports_end_is_not_shown_before_it_is_put_together(
    context_of: ContextOf, model_server: ModelServer, shown: list[Writing]
) -> None:
    await run(context_of(batch(Ansan=20, Busan=20), show=shown.append, style="report"))
    assert shown == []
    assert not any(streams(model_server))


# ---------------------------------------------------------------- when it goes wrong


async def test_a_summary_that_is_asked_for_again_begins_anew(
    context_of: ContextOf, model_server: ModelServer, shown: list[Writing]
) -> None:
    model_server.fault("say", match=LAST, content="Too short [1].")
    output = await run(context_of(batch(Ansan=20, Busan=20), show=shown.append))
    assert [writing.step for writing in shown] == [shown[0].step] * len(shown)
    assert shown[0].text != shown[1].text
    assert output["summary"] is not None
    assert output["summary"]["text"] in [writing.text for writing in shown]


@pytest.mark.parametrize("kind", ["content_filter", "refusal", "length"])
async def test_what_cannot_be_used_is_not_left_standing(
    kind: str, context_of: ContextOf, model_server: ModelServer, shown: list[Writing]
) -> None:
    model_server.fault(kind, match=LAST, times=-1)
    output = await run(context_of(batch(Ansan=20, Busan=20), show=shown.append))
    assert output["summary"] is None
    assert len(shown) == (3 if kind == "length" else 1)  # twice with more room, in which it is heard again
    assert [writing.text for writing in shown] == [""] * len(shown)


async def test_what_breaks_off_is_asked_for_again_as_a_whole(
    context_of: ContextOf, model_server: ModelServer, shown: list[Writing]
) -> None:
    model_server.fault("break_off", match=LAST, times=1)
    output = await run(context_of(batch(Ansan=20, Busan=20), show=shown.append, words=60))
    assert output["status"] == "succeeded"
    asked = [call for call in model_server.calls(1_000) if call["fault"] or call["parameters"].get("stream")]
    assert asked[0]["fault"] == "break_off"
    first, second = (call for call in model_server.calls(1_000) if call["key"] == asked[0]["key"])
    assert [bool(call["parameters"].get("stream")) for call in (first, second)] == [True, False]
    assert shown[0].text == ""


def test_the_second_of_two_calls_that_race_is_not_shown(shown: list[Writing]) -> None:
    pen = Pen(step(), shown.append)
    with pen.writing() as first, pen.writing() as second:
        assert first is not None
        assert second is None
    with pen.writing() as third:
        assert third is not None
    assert len(shown) == 2


@pytest.mark.parametrize(
    ("error", "streams_again"),
    [
        (AnswerFiltered(), True),
        (Overloaded("", wait_seconds=1), True),
        (TimeoutError(), False),
        (asyncio.CancelledError(), False),
    ],
)
def test_what_was_written_is_dropped_with_its_call(
    error: BaseException, streams_again: bool, shown: list[Writing]
) -> None:
    pen = Pen(step(), shown.append)

    def write_and_fail() -> None:
        with pen.writing() as hear:
            assert hear is not None
            hear("The river rose.")
            assert shown[0].text == "The river rose."
            raise error

    with pytest.raises(type(error)):
        write_and_fail()
    assert shown[0].text == ""
    with pen.writing() as hear:
        assert (hear is not None) == streams_again


# ---------------------------------------------------------------- what is shown


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("", ""),
        ("The river rose", "The river rose"),
        ("The river rose [", "The river rose"),
        ("The river rose [12", "The river rose"),
        ("The river rose [12, ", "The river rose"),
        ("The river rose [1][2] [3", "The river rose"),
        ("The river rose [1].", "The river rose."),
        ("The river rose【3", "The river rose"),
        ("The river [sic", "The river [sic"),
        ("The river [19th", "The river [19th"),
        ("[1] The river", "The river"),
        ("- [1", "-"),
        ("The river" + "[" * 100_000, "The river" + "[" * 99_999),
    ],
)
def test_no_mark_is_shown_nor_what_may_become_one(answer: str, text: str) -> None:
    assert text_so_far(answer) == text


@given(st.integers(0, len(GOOD)))
def test_what_is_shown_stays_until_the_end(size: int) -> None:
    assert read_marks(GOOD).text.startswith(text_so_far(GOOD[:size]))


def test_a_writing_says_nothing_while_it_may_say_that_nothing_is_relevant() -> None:
    writing = Writing("m1.0", None)
    for word in ("NOTHING", " RELEVANT"):
        writing.hear(word)
        assert writing.text == ""
    writing.hear(" was said of the river.")
    assert writing.text == "NOTHING RELEVANT was said of the river."


def test_a_writing_without_an_end_keeps_within_bounds() -> None:
    writing = Writing("m1.0", None)
    for _ in range(1_000):
        writing.hear("words " * 1_000)
    assert MOST_CHARACTERS <= len(writing.text) < MOST_CHARACTERS + 6_000
