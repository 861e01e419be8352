"""The scores of finished summaries: told without a reference and without a model, and kept with them."""

import asyncio
from collections.abc import Mapping

from graphs.evidence.citations import Place
from graphs.evidence.scores import Stated, score_summary
from graphs.summarize.context import Context
from graphs.summarize.documents import Documents
from graphs.summarize.frequent import FrequentTerms
from graphs.summarize.state import Outcome, Plan, Summary


async def score(outcome: Outcome, plan: Plan, context: Context) -> None:
    """Give each summary of an outcome its scores."""
    await asyncio.to_thread(_score_all, outcome, plan, context.documents, await context.documents.frequent_terms())


def _score_all(outcome: Outcome, plan: Plan, documents: Documents, frequent: FrequentTerms) -> None:
    """Take up to a second."""
    words = {document["id"]: document["words"] for document in plan["documents"]}
    sources = {document.id: document.text for document in documents}
    for result in outcome["results"]:
        if (terms := frequent.of_documents.get(result["id"])) is not None:
            _score(result["summary"], {result["id"]: sources[result["id"]]}, words[result["id"]], terms)
    for group in outcome.get("groups", []):
        if (terms := frequent.of_groups.get(group["name"])) is not None:
            own = {id: sources[id] for id in group["documents"]}
            _score(group["summary"], own, sum(words[id] for id in own), terms)
    for summary in (outcome["summary"], *outcome["variants"]):
        _score(summary, sources, sum(words.values()), frequent.of_batch)


def _score(summary: Summary | None, sources: Mapping[str, str], source_words: int, terms: list[str]) -> None:
    if summary is None or summary["scores"] is not None:  # the batch's summary is one of its variants
        return
    stated = [
        Stated(
            sentence["text"],
            [Place(place["document"], place["start"], place["end"]) for place in sentence["citations"]],
        )
        for sentence in summary["sentences"]
    ]
    figures = score_summary(
        stated,
        sources,
        language=summary["language"],
        target_words=summary["target_words"],
        source_words=source_words,
        top=terms,
    )
    summary["scores"] = {name: round(figure, 3) for name, figure in figures._asdict().items()}
