"""The next batch that shares documents pays for what is new and for the merges above it, and for nothing else."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from graphs.models import Calls, Limits, MemoryLedger
from graphs.summarize import Document, Documents, Output, StepReport
from graphs.text.topics import ALONE, features_of, topics_of
from tests.graphs.summaries import ContextOf, is_merge, prompts_of, run
from tests.model_server import ModelServer

THINGS = "boat lamp keeper council tax bridge school fire storm ship whale wool mill church road river".split()
ABOUT = ["harbour rope pier tide", "vaccine nurse ward fever", "orchard apple frost barn", "senate vote ballot quorum"]


def paper(number: int, sentences: int = 8) -> Document:
    """A document on one of a few topics, with words, numbers and a title of its own."""
    draw = random.Random(number)
    topic = ABOUT[number % len(ABOUT)].split()
    text = " ".join(
        f"In {1800 + draw.randrange(200)} the {draw.choice(topic)} {draw.choice(THINGS)} of the {draw.choice(topic)} "
        f"counted {draw.randrange(900)} {draw.choice(topic)} {draw.choice(THINGS)}s, wrote paper number{number}."
        for _ in range(sentences)
    )
    return Document(f"d{number}", f"Paper {number} on {topic[0]}", text)


def edits(papers: list[Document]) -> Iterator[tuple[str, list[Document], int]]:
    """Batches that differ from another by one document: what happened, the batch, and how many documents are new."""
    new = paper(5_000)
    for where, place in (("front", 0), ("middle", 37), ("end", 99)):
        at = place + (where == "end")
        yield f"added to the {where}", [*papers[:at], new, *papers[at:]], 1
        changed = new._replace(title=papers[place].title, id=papers[place].id)
        yield f"changed at the {where}", [*papers[:place], changed, *papers[place + 1 :]], 1
        yield f"removed from the {where}", papers[:place] + papers[place + 1 :], 0


async def paid_for(
    papers: list[Document], ledger: MemoryLedger, context_of: ContextOf, **settings: Any
) -> tuple[Output, list[StepReport]]:
    """Run a batch upon what the ledger knows already; return the output and what was paid for."""
    reports: list[StepReport] = []
    calls = Calls(ledger, limits=Limits(most=16), deadline_seconds=30, backoff_seconds=0.001)
    settings = {"strategy": "auto", "chunk_tokens": 3_000, "model": "openai:gpt-4o-mini"} | settings
    output = await run(context_of(Documents(papers), calls=calls, report=reports.append, **settings))
    assert output["status"] == "succeeded"
    assert len(output["results"]) == len(papers)
    return output, [report for report in reports if report["usage"]["calls"]]


def copy_of(ledger: MemoryLedger) -> MemoryLedger:
    copied = MemoryLedger()
    copied.answers = dict(ledger.answers)
    return copied


@pytest.mark.parametrize("group_by", ["auto", "order", "topic"])
async def test_a_document_more_or_less_among_a_hundred_is_paid_with_its_own_path_alone(
    group_by: str, context_of: ContextOf, model_server: ModelServer
) -> None:
    papers = [paper(number) for number in range(100)]
    ledger = MemoryLedger()
    first, _ = await paid_for(papers, ledger, context_of, group_by=group_by)
    assert first["usage"]["calls"] > 100
    merges: list[int] = []
    for what, batch, new in edits(papers):
        model_server.reset()
        output, paid = await paid_for(batch, copy_of(ledger), context_of, group_by=group_by)
        own = [report for report in paid if report["document"] is not None]
        assert sum(report["usage"]["calls"] for report in own) == new, what
        # Its group and the last merge; a group more where it was divided or joined.
        merges.append(len(paid) - len(own))
        assert 1 <= merges[-1] <= 4, what
        assert (
            model_server.stats()["calls"]
            == output["usage"]["calls"]
            == sum(report["usage"]["calls"] for report in paid)
        )
    assert sum(merges) <= 2.8 * len(merges)


@pytest.mark.parametrize("group_by", ["order", "topic"])
async def test_a_document_is_paid_with_its_own_path_also_where_there_are_many_levels(
    group_by: str, context_of: ContextOf
) -> None:
    papers = [paper(number) for number in range(100)]
    tiny = {"group_by": group_by, "window_tokens": 8_000, "model": "openai:gpt-4", "chunk_tokens": 100, "words": 150}
    ledger = MemoryLedger()
    first, paid = await paid_for(papers, ledger, context_of, **tiny)
    levels = [report for report in paid if report["document"] is None]
    assert len(levels) > 15
    merges = []
    for what, batch, new in edits(papers):
        output, paid = await paid_for(batch, copy_of(ledger), context_of, **tiny)
        own = {report["document"] for report in paid if report["document"] is not None}
        assert len(own) == new, what
        assert output["usage"]["remembered"] > 2 * output["usage"]["calls"], what
        merges.append(sum(report["document"] is None for report in paid))
    assert sum(merges) < len(merges) * len(levels) / 3
    assert first["usage"]["calls"] > len(levels)


async def test_a_document_more_in_a_group_is_paid_with_its_own_path_and_no_other_group_is_merged_again(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    labels = ["Harbour office", "Hospital", ""]
    papers = [paper(number)._replace(group=labels[number % 3]) for number in range(99)]  # too many for one merge each
    ledger = MemoryLedger()
    first, _ = await paid_for(papers, ledger, context_of)
    assert [group["status"] for group in first["groups"]] == ["succeeded"] * 2
    new = paper(5_000)
    for place, label in ((0, "Hospital"), (50, "Harbour office"), (99, "Hospital")):
        model_server.reset()
        batch = [*papers[:place], new._replace(group=label), *papers[place:]]
        output, paid = await paid_for(batch, copy_of(ledger), context_of)
        assert output["usage"]["calls"] == len(paid)
        assert [report["document"] for report in paid if report["document"] is not None] == [new.id]
        merges = [prompt for prompt in prompts_of(model_server) if is_merge(prompt)]
        assert 3 <= len(merges) <= 6  # in the group, of the group, and from there up to the batch
        assert any(f": {label}\n" in prompt for prompt in merges)
        other = [f": {document.title}\n" for document in batch if document.group not in ("", label)]
        assert not any(title in prompt for prompt in merges for title in other)


async def test_the_same_documents_with_other_labels_pay_for_merges_alone(context_of: ContextOf) -> None:
    papers = [paper(number) for number in range(12)]
    ledger = MemoryLedger()
    await paid_for(papers, ledger, context_of)
    labelled = [document._replace(group=["Office", "Hospital"][at % 2]) for at, document in enumerate(papers)]
    _, paid = await paid_for(labelled, ledger, context_of)
    assert [report["document"] for report in paid] == [None] * 3


async def test_a_chunk_more_in_a_long_document_leaves_the_other_documents_alone(context_of: ContextOf) -> None:
    papers = [paper(number, sentences=40) for number in range(5)]
    ledger = MemoryLedger()
    settings = {"chunk_tokens": 200, "strategy": "map_reduce"}
    await paid_for(papers, ledger, context_of, **settings)
    longer = papers[2]._replace(text=f"{papers[2].text} {paper(6_000).text}")
    _, paid = await paid_for([*papers[:2], longer, *papers[3:]], ledger, context_of, **settings)
    assert {report["document"] for report in paid} == {"d2", None}
    assert sum(report["document"] is None for report in paid) == 1


async def test_a_batch_in_another_order_pays_for_merges_alone(context_of: ContextOf) -> None:
    papers = [paper(number) for number in range(12)]
    ledger = MemoryLedger()
    await paid_for(papers, ledger, context_of)
    _, paid = await paid_for(papers[::-1], ledger, context_of)
    assert [report["document"] for report in paid] == [None]


# ---------------------------------------------------------------- topics


def test_documents_that_share_their_words_share_a_topic_and_one_like_no_other_has_none() -> None:
    papers = [paper(number) for number in range(24)]
    odd = "Quarks have colour and flavour. Gluons bind them. Leptons do not feel the strong force at all."
    topics = topics_of([features_of(document.text) for document in papers] + [features_of(odd)])
    assert topics[-1] == ALONE
    assert len(set(topics[:-1])) == len(ABOUT)
    assert all(topics[number] == topics[number % len(ABOUT)] for number in range(24))


@pytest.mark.parametrize("texts", [[], ["", ""], ["same words here"] * 3, ["...", "?!"]])
def test_topics_of_nothing_much_are_found_without_an_error(texts: list[str]) -> None:
    assert len(topics_of([features_of(text) for text in texts])) == len(texts)
