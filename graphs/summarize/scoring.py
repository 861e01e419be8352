"""The scores of finished summaries: told without a reference and without a model, and kept with them."""

from collections.abc import Mapping

from graphs.evidence.citations import Place
from graphs.evidence.scores import Stated, TermCounts, score_summary
from graphs.summarize.context import Context
from graphs.summarize.state import Outcome, Plan, Summary

MOST_SCORED = 200  # documents' summaries, at some milliseconds each; of a larger batch the batch's own alone
SAMPLE_CHARACTERS = 50_000  # of a document, that tell its most frequent terms


def score(outcome: Outcome, plan: Plan, context: Context) -> None:
    """Give each summary of an outcome its scores. Takes up to a second, so call it in a thread."""
    words = {document["id"]: document["words"] for document in plan["documents"]}
    sources = {document.id: document.text for document in context.documents}
    groups = [group for group in outcome.get("groups", []) if group["summary"]]
    groups = groups if len(groups) <= MOST_SCORED else []
    of_groups = {group["name"]: TermCounts() for group in groups}
    of_batch = TermCounts()
    results = {result["id"]: result for result in outcome["results"]}
    for document in context.documents:
        counts = TermCounts(_sample(document.text))
        of_batch.add(counts)
        if document.group in of_groups:
            of_groups[document.group].add(counts)
        if len(results) <= MOST_SCORED:
            own = {document.id: document.text}
            _score(results[document.id]["summary"], own, words[document.id], counts.top())
    for group in groups:
        own = {id: sources[id] for id in group["documents"]}
        _score(group["summary"], own, sum(words[id] for id in own), of_groups[group["name"]].top())
    for summary in (outcome["summary"], *outcome["variants"]):
        _score(summary, sources, sum(words.values()), of_batch.top())


def _sample(text: str) -> str:
    """Return the beginning and the middle of a text."""
    half = SAMPLE_CHARACTERS // 2
    middle = max(half, len(text) // 2)
    return f"{text[:half]}\n{text[middle : middle + half]}"


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
