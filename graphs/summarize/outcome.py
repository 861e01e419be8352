"""From finished steps to what a person reads: summaries with citations, coverage, and the verdict."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from graphs.evidence.citations import Place, align
from graphs.models.calls import Answer
from graphs.summarize.context import Context
from graphs.summarize.state import (
    Citation,
    Coverage,
    DocumentPlan,
    DocumentResult,
    Failure,
    Lost,
    Outcome,
    Plan,
    Sentence,
    State,
    Step,
    Summary,
)
from graphs.text.words import count_words

Status = Literal["succeeded", "partial", "failed"]


async def conclude(state: State, context: Context) -> Outcome:
    """Return what the run reached: texts, coverage and verdict."""
    plan = state["plan"]
    keys = {result["step"]: result["key"] for result in state["steps"]}
    answers = await context.calls.recall(key for id, key in keys.items() if key and plan["steps"][id]["is_summary"])
    coverage = _coverage(plan, state["failures"], state["skipped"])

    async def summary(id: str) -> Summary | None:
        key = keys.get(id)
        return await summarise(answers[key], plan["steps"][id], context) if key else None

    results = []
    for document in plan["documents"]:
        written = await summary(document["top"]) if context.scope != "batch" else None
        results.append(_document_result(document, written, keys, state["failures"], coverage))
    batch = await summary(plan["final"]) if plan["final"] else None
    return Outcome(
        status=_verdict(
            results,
            coverage,
            context.min_coverage,
            lacks_batch=bool(plan["final"]) and not batch and not state["skipped"],
        ),
        summary=batch,
        results=results,
        coverage=coverage,
    )


async def summarise(answer: Answer, step: Step, context: Context) -> Summary:
    """Return a finished step's answer as a summary with its citations."""
    sentences = await asyncio.to_thread(_cited, answer, step, context)
    return Summary(text=answer.text, language=step["language"], words=count_words(answer.text), sentences=sentences)


def _cited(answer: Answer, step: Step, context: Context) -> list[Sentence]:
    """Return the sentences of an answer with what they rest on: what it quotes, or else what is found in the
    sources.
    """
    if answer.spans:
        places = [Place(*span) for span in answer.spans]
        found = [(" ".join(_quote(place, context).split()), [place]) for place in places]
    else:
        found = align(answer.text, context.search, language=step["language"], document=step["document"])
    return [Sentence(text=text, citations=[_citation(place, context) for place in places]) for text, places in found]


def _citation(place: Place, context: Context) -> Citation:
    page = context.documents[place.document].page(place.start)
    return Citation(document=place.document, start=place.start, end=place.end, page=page, quote=_quote(place, context))


def _quote(place: Place, context: Context) -> str:
    return context.documents[place.document].text[place.start : place.end]


def leaves(plan: Plan, id: str) -> Iterator[Step]:
    """Yield the maps beneath a step, or the step itself if it is one."""
    step = plan["steps"][id]
    if not step["inputs"]:
        yield step
    for lower in step["inputs"]:
        yield from leaves(plan, lower)


def _coverage(plan: Plan, failures: Iterable[Failure], skipped: Iterable[str]) -> Coverage:
    failed = {
        step["id"]: _lost(step, failure["error"]) for failure in failures for step in leaves(plan, failure["step"])
    }
    left_out = [_lost(plan["steps"][id], "not_relevant") for id in skipped if id not in failed]
    total = sum(document["characters"] for document in plan["documents"])
    missing = sum(lost["end"] - lost["start"] for lost in [*failed.values(), *left_out])
    return Coverage(characters=total, summarised=total - missing, failed=list(failed.values()), skipped=left_out)


def _lost(step: Step, error: str) -> Lost:
    return Lost(document=str(step["document"]), start=step["start"], end=step["end"], error=error)


def _document_result(
    document: DocumentPlan,
    summary: Summary | None,
    keys: Mapping[str, str | None],
    failures: Iterable[Failure],
    coverage: Coverage,
) -> DocumentResult:
    own = [failure for failure in failures if failure["document"] == document["id"]]
    status: Status = "succeeded"
    if own:
        status = "partial" if keys.get(document["top"]) else "failed"
    return DocumentResult(
        id=document["id"],
        status=status,
        language=summary["language"] if summary else document["language"],
        chunks=document["chunks"],
        failed_chunks=sum(lost["document"] == document["id"] for lost in coverage["failed"]),
        summary=summary,
        error=f"{own[0]['error']}: {own[0]['message']}" if status == "failed" else None,
    )


def _verdict(
    results: Iterable[DocumentResult], coverage: Coverage, min_coverage: float, *, lacks_batch: bool
) -> Status:
    reached = coverage["summarised"] + sum(lost["end"] - lost["start"] for lost in coverage["skipped"])
    if not coverage["characters"] or reached < min_coverage * coverage["characters"]:
        return "failed"
    if lacks_batch and not any(result["summary"] for result in results):
        return "failed"
    whole = not coverage["failed"] and not lacks_batch and all(result["status"] == "succeeded" for result in results)
    return "succeeded" if whole else "partial"
