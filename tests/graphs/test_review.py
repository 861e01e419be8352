"""From answers to evidence: citations are carried, mended and checked, and sentences that do not hold are repaired."""

from typing import Any

import pytest

from graphs.models import Calls
from graphs.summarize import Document, Documents, Output, StepReport
from graphs.summarize.state import Sentence
from graphs.text.sentences import split_sentences
from tests.graphs.summaries import ContextOf, batch, marks, run
from tests.model_server import Json, ModelServer

TEXT = (
    "The pier of Ansan was opened by Mayor Ruiz in 1923. A storm tore the lighthouse down six winters later. "
    "Fishermen rebuilt it with timber from the northern woods. The school got a library in 1951. "
    "Nurses fought a fever that came with the ships. Trains reached the valley before the war. "
    "Bakers struck for shorter nights and won. The mill burned twice and was never insured. "
    "Every spring the river floods the lower market. An old clock still shows the wrong hour."
)
ONE_CALL = {"strategy": "auto", "chunk_tokens": 3_000, "words": 12, "scope": "document"}
CHECK, MEND = "You check statements", "You mend statements"
TRUE = "Mayor Ruiz opened the pier of Ansan in 1923 [1]."
FALSE = "Mayor Zorro sold 77 whales [2]."


def documents() -> Documents:
    return Documents([Document("a", "Ansan", TEXT)])


def place(number: int) -> tuple[int, int]:
    return split_sentences(TEXT)[number - 1]


def sentences(output: Output) -> list[Sentence]:
    summary = output["results"][0]["summary"]
    assert summary is not None
    return summary["sentences"]


def cited(sentence: Sentence) -> list[tuple[int, int]]:
    return [(citation["start"], citation["end"]) for citation in sentence["citations"]]


def asked(server: ModelServer, system: str) -> list[str]:
    calls: list[Json] = server.calls(1_000)
    return [call["messages"][1]["content"] for call in calls if call["messages"][0]["content"].startswith(system)]


async def reviewed(context_of: ContextOf, server: ModelServer, answer: str, **settings: Any) -> Output:
    """A run whose one answer is given; what is asked of statements is answered as the test has said."""
    server.fault("say", match="You summarise material", times=-1, content=answer)
    return await run(context_of(documents(), **ONE_CALL | settings))


# ---------------------------------------------------------------- attribute


@pytest.mark.parametrize("strategy", ["map_reduce", "refine"])
async def test_what_a_model_cites_is_carried_through_every_level_to_its_own_sentence(
    strategy: str, context_of: ContextOf
) -> None:
    sources = batch(Ansan=60, Busan=30, Chuncheon=3)
    output = await run(context_of(sources, strategy=strategy, verify="off"))
    summaries = [output["summary"], *[result["summary"] for result in output["results"]]]
    seen = 0
    for summary in summaries:
        assert summary is not None
        for sentence in summary["sentences"]:
            for mark in marks(sentence["text"]):
                seen += 1
                assert mark in " ".join(citation["quote"] for citation in sentence["citations"])
    assert seen > 10


async def test_numbers_that_the_prompt_does_not_hold_are_dropped_and_the_sentence_aligned(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    output = await reviewed(context_of, model_server, "Trains reached the valley before the war [77][0].")
    assert [cited(sentence) for sentence in sentences(output)] == [[place(6)]]


async def test_a_sentence_without_numbers_is_aligned_and_one_like_nothing_stays_without(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    output = await reviewed(context_of, model_server, "Bakers struck and won shorter nights. Quarks have colour.")
    bakers, quarks = sentences(output)
    assert cited(bakers) == [place(7)]
    assert (cited(quarks), quarks["support"]) == ([], 0.0)


async def test_a_sentence_that_cites_poorly_gets_better_places(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    output = await reviewed(context_of, model_server, "An old clock still shows the wrong hour [2].")
    (clock,) = sentences(output)
    assert place(10) in cited(clock)
    assert clock["support"] == 1.0


async def test_a_sentence_that_cites_well_keeps_its_places_alone(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    output = await reviewed(context_of, model_server, "The storm took the lighthouse, and timber rebuilt it [2][3].")
    assert cited(sentences(output)[0]) == [place(2), place(3)]


# ---------------------------------------------------------------- verify


async def test_off_measures_nothing_and_support_measures_without_a_call(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    off = sentences(await reviewed(context_of, model_server, f"{TRUE} {FALSE}", verify="off"))
    assert [(sentence["support"], sentence["unsupported"], sentence["verified"]) for sentence in off] == [
        (None, [], None)
    ] * 2
    model_server.reset()
    true, false = sentences(await reviewed(context_of, model_server, f"{TRUE} {FALSE}", verify="support"))
    assert (true["support"], true["unsupported"]) == (1.0, [])
    assert false["support"] is not None
    assert false["support"] < 0.5
    assert false["unsupported"] == ["Zorro", "77"]
    assert model_server.stats()["calls"] == 1


async def test_a_model_is_asked_about_the_doubtful_sentences_alone(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    model_server.fault("say", match=CHECK, content="1: YES")
    true, false = sentences(await reviewed(context_of, model_server, f"{TRUE} {FALSE}", verify="llm"))
    (check,) = asked(model_server, CHECK)
    assert "Statement 1: Mayor Zorro sold 77 whales." in check
    assert "Passages: A storm tore the lighthouse down six winters later." in check
    assert "Ruiz opened" not in check
    assert (true["verified"], false["verified"]) == (None, True)
    assert asked(model_server, MEND) == []


@pytest.mark.parametrize("verdict", ["1: YES", "Statement 1: yes.", "- **1:** YES, all of it", "1. YES"])
async def test_a_verdict_is_read_in_many_forms(verdict: str, context_of: ContextOf, model_server: ModelServer) -> None:
    model_server.fault("say", match=CHECK, content=verdict)
    (false,) = sentences(await reviewed(context_of, model_server, FALSE, verify="llm"))
    assert false["verified"] is True


async def test_a_verdict_that_is_none_leaves_the_sentence_unverified(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    model_server.fault("say", match=CHECK, times=-1, content="I cannot say. 7: YES")
    (false,) = sentences(await reviewed(context_of, model_server, FALSE, verify="llm"))
    assert false["verified"] is None


async def test_a_check_that_fails_leaves_the_summary_as_it_is(context_of: ContextOf, model_server: ModelServer) -> None:
    model_server.fault("content_filter", match=CHECK, times=-1)
    output = await reviewed(context_of, model_server, FALSE, verify="llm")
    (false,) = sentences(output)
    assert (output["status"], false["verified"], false["text"]) == ("succeeded", None, "Mayor Zorro sold 77 whales.")


# ---------------------------------------------------------------- repair


async def test_a_sentence_that_does_not_hold_is_written_anew_and_nothing_else_is_touched(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    model_server.fault("say", match=CHECK, content="1: NO, it names no Zorro")
    model_server.fault("say", match=MEND, content="1: A storm tore the lighthouse down [9].")
    output = await reviewed(context_of, model_server, f"{TRUE}\n\n- {FALSE}\n- {TRUE}", verify="llm")
    summary = output["results"][0]["summary"]
    assert summary is not None
    true = "Mayor Ruiz opened the pier of Ansan in 1923."
    assert summary["text"] == f"{true}\n\n- A storm tore the lighthouse down.\n- {true}"
    assert [sentence["text"] for sentence in summary["sentences"]] == [true, "A storm tore the lighthouse down.", true]
    repaired = summary["sentences"][1]
    assert (repaired["support"], repaired["unsupported"], cited(repaired)) == (1.0, [], [place(2)])
    (mend,) = asked(model_server, MEND)
    assert "Statement 1: Mayor Zorro sold 77 whales." in mend
    assert "Wrong: it names no Zorro" in mend
    assert "Ruiz opened" not in mend


async def test_it_is_repaired_at_most_twice(context_of: ContextOf, model_server: ModelServer) -> None:
    model_server.fault("say", match=CHECK, times=-1, content="1: NO, not that")
    model_server.fault("say", match=MEND, content="1: Mayor Zorro sold 78 whales.")
    model_server.fault("say", match=MEND, content="1: Mayor Zorro sold 79 whales.")
    (false,) = sentences(await reviewed(context_of, model_server, FALSE, verify="llm"))
    assert (false["text"], false["verified"]) == ("Mayor Zorro sold 79 whales.", False)
    assert (len(asked(model_server, MEND)), len(asked(model_server, CHECK))) == (2, 3)


@pytest.mark.parametrize(("unsupported", "left"), [("mark", 2), ("remove", 1)])
async def test_the_caller_says_whether_what_nothing_supports_is_marked_or_removed(
    unsupported: str, left: int, context_of: ContextOf, model_server: ModelServer
) -> None:
    model_server.fault("say", match=CHECK, times=-1, content="1: NO")
    model_server.fault("say", match=MEND, times=-1, content="1: DELETE")
    output = await reviewed(context_of, model_server, f"{TRUE} {FALSE}", verify="llm", unsupported=unsupported)
    found = sentences(output)
    assert [sentence["verified"] for sentence in found] == [None, False][:left]
    assert len(asked(model_server, MEND)) == 1


async def test_without_a_model_the_doubtful_sentences_go_or_stay_too(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    for unsupported, left in (("mark", 2), ("remove", 1)):
        model_server.reset()
        output = await reviewed(context_of, model_server, f"{TRUE} {FALSE}", unsupported=unsupported)
        assert len(sentences(output)) == left
    model_server.reset()
    output = await reviewed(context_of, model_server, FALSE, unsupported="remove")
    assert output["results"][0]["summary"] is None  # nothing of it held


async def test_many_doubtful_sentences_are_asked_about_ten_at_a_time(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    answer = " ".join(f"Zorro sold 7{number} [2]." for number in range(23))
    model_server.fault("say", match=CHECK, times=-1, content="\n".join(f"{number}: YES" for number in range(1, 11)))
    found = sentences(await reviewed(context_of, model_server, answer, verify="llm", words=100))
    assert [sentence["verified"] for sentence in found] == [True] * 23
    assert sorted(check.count("Statement ") for check in asked(model_server, CHECK)) == [3, 10, 10]


# ---------------------------------------------------------------- what it costs


async def test_the_review_is_counted_told_and_remembered(context_of: ContextOf, model_server: ModelServer) -> None:
    model_server.fault("say", match=CHECK, content="1: NO, not that")
    model_server.fault("say", match=CHECK, content="1: YES")
    model_server.fault("say", match=MEND, content="1: A storm tore it all down [2].")
    reports: list[StepReport] = []
    model_server.fault("say", match="You summarise material", times=-1, content=FALSE)
    context = context_of(documents(), verify="llm", report=reports.append, **ONE_CALL)
    first = await run(context)
    stats = model_server.stats()
    assert stats["calls"] >= 3
    assert first["usage"]["calls"] == stats["calls"] == sum(report["usage"]["calls"] for report in reports)
    assert [report["kind"] for report in reports][-1] == "review"
    # Another process with the same ledger asks nothing again and comes to the same end.
    again = await run(context_of(documents(), verify="llm", calls=Calls(context.calls.ledger), **ONE_CALL))
    assert again["results"] == first["results"]
    asked_in_all = first["usage"]["calls"] + first["usage"]["remembered"]
    assert (again["usage"]["calls"], again["usage"]["remembered"]) == (0, asked_in_all)
    assert model_server.stats()["calls"] == stats["calls"]
