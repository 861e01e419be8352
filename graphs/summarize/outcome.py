"""From finished steps to what a person reads: summaries with citations, coverage, and the verdict."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Literal

from graphs.evidence.citations import Claim, Place, SentenceSearch, claims_of
from graphs.models.calls import Answer
from graphs.models.failures import BudgetSpent
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
    finished = {id: key for id, key in keys.items() if key and plan["steps"][id]["is_summary"]}
    answers = await context.calls.recall(finished.values())
    coverage = _coverage(plan, state["failures"], state["skipped"])
    wanted = [document["top"] for document in plan["documents"]] if context.scope != "batch" else []
    if plan["final"]:
        wanted.append(plan["final"])
    summaries = await summarise(
        {id: (answers[finished[id]], plan["steps"][id]) for id in wanted if id in finished}, context
    )
    results = [
        _document_result(
            document,
            summaries.get(document["top"]) if context.scope != "batch" else None,
            keys,
            state["failures"],
            coverage,
        )
        for document in plan["documents"]
    ]
    batch = summaries.get(plan["final"])
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


async def summarise(written: Mapping[str, tuple[Answer, Step]], context: Context) -> dict[str, Summary]:
    """Return finished steps' answers, by a name of the caller's, as summaries with their citations."""
    cited = await asyncio.to_thread(_cited, list(written.values()), context)
    return {
        name: Summary(text=answer.text, language=step["language"], words=count_words(answer.text), sentences=sentences)
        for (name, (answer, step)), sentences in zip(written.items(), cited, strict=True)
    }


def _cited(written: Sequence[tuple[Answer, Step]], context: Context) -> list[list[Sentence]]:
    """Return the sentences of each answer with what they rest on: what it quotes, or else what is found in the
    sources, which are read once for all answers.
    """
    claims = [
        [] if answer.spans else claims_of(answer.text, language=step["language"], document=step["document"])
        for answer, step in written
    ]
    found = iter(SentenceSearch(context.documents).find(list(chain.from_iterable(claims))))
    return [
        _quoted(answer, context) if answer.spans else [_sentence(claim, next(found), context) for claim in own]
        for (answer, _), own in zip(written, claims, strict=True)
    ]


def _quoted(answer: Answer, context: Context) -> list[Sentence]:
    places = [Place(*span) for span in answer.spans]
    return [
        Sentence(text=" ".join(_quote(place, context).split()), citations=[_citation(place, context)])
        for place in places
    ]


def _sentence(claim: Claim, places: Iterable[Place], context: Context) -> Sentence:
    return Sentence(text=claim.sentence, citations=[_citation(place, context) for place in places])


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
    if reached:  # who limits the budget has chosen to be content with less
        reached += sum(lost["end"] - lost["start"] for lost in coverage["failed"] if lost["error"] == BudgetSpent.code)
    if not coverage["characters"] or reached < min_coverage * coverage["characters"]:
        return "failed"
    if lacks_batch and not any(result["summary"] for result in results):
        return "failed"
    whole = not coverage["failed"] and not lacks_batch and all(result["status"] == "succeeded" for result in results)
    return "succeeded" if whole else "partial"
