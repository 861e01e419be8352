"""The scores of finished summaries: told without a reference and without a model, and kept with them."""

from collections.abc import Iterator, Mapping

from graphs.evidence.citations import Place
from graphs.evidence.scores import Stated, score_summary, top_terms
from graphs.summarize.context import Context
from graphs.summarize.state import Outcome, Plan, Summary

MOST_SCORED = 200  # documents' summaries, at some milliseconds each; of a larger batch the batch's own alone
SAMPLE_CHARACTERS = 50_000  # of a document, that tell its most frequent terms


def score(outcome: Outcome, plan: Plan, context: Context) -> None:
    """Give each summary of an outcome its scores. Takes up to a second, so call it in a thread."""
    words = {document["id"]: document["words"] for document in plan["documents"]}
    of_batch = [outcome["summary"], *outcome["variants"]]
    sources = {document.id: document.text for document in context.documents}
    terms = top_terms(_samples(sources))
    for summary in of_batch:
        _score(summary, sources, sum(words.values()), terms)
    groups = outcome.get("groups", [])
    for group in groups if len(groups) <= MOST_SCORED else ():
        own = {id: sources[id] for id in group["documents"]}
        if group["summary"]:
            _score(group["summary"], own, sum(words[id] for id in own), top_terms(_samples(own)))
    if len(outcome["results"]) > MOST_SCORED:
        return
    for result in outcome["results"]:
        own = {result["id"]: sources[result["id"]]}
        if result["summary"]:
            _score(result["summary"], own, words[result["id"]], top_terms(_samples(own)))


def _samples(sources: Mapping[str, str]) -> Iterator[str]:
    """Yield the beginning and the middle of each source."""
    half = SAMPLE_CHARACTERS // 2
    for text in sources.values():
        middle = max(half, len(text) // 2)
        yield f"{text[:half]}\n{text[middle : middle + half]}"


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
