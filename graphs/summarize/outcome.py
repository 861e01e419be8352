"""From reviewed drafts to what a person reads: summaries with citations, coverage, and the verdict."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from graphs.evidence.citations import Place
from graphs.evidence.support import DOUBTFUL
from graphs.models.failures import BudgetSpent
from graphs.summarize.context import Context
from graphs.summarize.drafts import Draft, DraftSentence, draft_of
from graphs.summarize.fitting import misses
from graphs.summarize.grouping import Source, sources_of
from graphs.summarize.prompts import shown_title
from graphs.summarize.report import Findings, as_report
from graphs.summarize.state import (
    Citation,
    Coverage,
    DocumentPlan,
    DocumentResult,
    Failure,
    GroupResult,
    Lost,
    Outcome,
    Plan,
    Sentence,
    State,
    Step,
    Summary,
)

Status = Literal["succeeded", "partial", "failed"]


async def collect(state: State, context: Context) -> dict[str, Draft]:
    """Return the drafts of the summaries that are wanted, by their steps, as far as they were written."""
    plan = state["plan"]
    groups = plan.get("groups", [])
    wanted = {plan["final"], *plan["variants"], *(group["top"] for group in groups)}
    if context.scope != "batch":
        wanted.update(document["top"] for document in plan["documents"])
    elif context.style == "report":
        wanted.update(sources_of(plan["documents"], groups))
    written = {result["step"]: result for result in state["steps"] if result["key"] and result["step"] in wanted}
    answers = await context.calls.recall(str(result["key"]) for result in written.values())
    return {
        id: draft_of(plan["steps"][id], written[id], answers[str(written[id]["key"])], context.documents)
        for id in plan["steps"]
        if id in written
    }


def conclude(state: State, drafts: Mapping[str, Draft], context: Context) -> Outcome:
    """Return what the run reached: texts, coverage and verdict."""
    plan = state["plan"]
    keys = {result["step"]: result["key"] for result in state["steps"]}
    kept = {id: _kept(draft, context) for id, draft in drafts.items()}
    finals = [id for id in (plan["final"], *plan["variants"]) if id in kept]
    finals.sort(key=lambda final: _merit(kept[final]), reverse=True)  # of equal ones the first stays first
    chosen = [kept[id] for id in finals]
    if context.style == "report" and len(plan["documents"]) > 1:
        found = _findings(plan, kept, context)
        told = {keys[findings.draft.step["id"]] for findings in found}
        chosen = [_report_of(drafts[id], kept[id], found, context, concludes=keys[id] not in told) for id in finals]
    summaries = [summary for draft in chosen if (summary := _summary(draft, context))]
    # A call that gave nothing beside one that wrote the same summary otherwise has lost nothing.
    others = {plan["final"], *plan["variants"]} if finals else set()
    failures = [failure for failure in state["failures"] if failure["step"] not in others]
    coverage = _coverage(plan, failures, [id for id in state["skipped"] if id not in others])
    results = []
    for document in plan["documents"]:
        best = finals[0] if finals and document["top"] == plan["final"] else document["top"]
        own = _summary(kept.get(best), context) if context.scope != "batch" else None
        results.append(_document_result(document, own, keys.get(best), failures, coverage))
    return Outcome(
        status=_verdict(
            results,
            coverage,
            context.min_coverage,
            lacks_batch=bool(plan["final"]) and not summaries and not state["skipped"],
            has_summary=bool(summaries) or any(result["summary"] for result in results),
        ),
        summary=summaries[0] if summaries else None,
        variants=summaries if plan["variants"] else [],
        results=results,
        coverage=coverage,
        groups=_group_results(plan, kept, keys, coverage, context),
    )


def _findings(plan: Plan, kept: Mapping[str, Draft], context: Context) -> list[Findings]:
    """Return what was found in each source that has something to say, in order."""
    sources = sources_of(plan["documents"], plan.get("groups", []))
    return [Findings(_named(source, context), kept[top]) for top, source in sources.items() if top in kept]


def _named(source: Source, context: Context) -> str:
    title = source.group or context.documents[source.document].title
    return shown_title(title) or source.document


def _report_of(final: Draft, kept: Draft, found: Sequence[Findings], context: Context, *, concludes: bool) -> Draft:
    """Return the report that ends with `final`; of a batch in which one document alone has text, its findings."""
    only = final.step["document"]
    return as_report(
        final,
        found if only is None else [Findings(_named(Source(only, ""), context), kept)],
        concludes=concludes and only is None,
        keep=lambda draft: _kept(draft, context),
    )


def _group_results(
    plan: Plan, kept: Mapping[str, Draft], keys: Mapping[str, str | None], coverage: Coverage, context: Context
) -> list[GroupResult]:
    """Return what became of each group."""
    lost = {span["document"] for span in coverage["failed"]}
    results = []
    for group in plan.get("groups", []):
        status: Status = "succeeded"
        if not lost.isdisjoint(group["documents"]):
            status = "partial" if keys.get(group["top"]) else "failed"
        summary = _summary(kept.get(group["top"]), context)
        results.append(GroupResult(name=group["name"], documents=group["documents"], status=status, summary=summary))
    return results


def _kept(draft: Draft, context: Context) -> Draft:
    """Return a draft without the sentences that do not hold, if the caller wants them out."""
    if context.unsupported == "mark" or draft.is_quoted:
        return draft
    return draft.without({place for place, sentence in enumerate(draft.sentences) if not _holds(sentence)})


def _holds(sentence: DraftSentence) -> bool:
    if sentence.verified is not None:
        return sentence.verified
    return bool(sentence.places) and not sentence.support.is_doubtful


def _merit(draft: Draft) -> float:
    """Return how good one of several summaries of the same is: support, coverage and length, each 0 to 1."""
    sentences = draft.sentences
    shares = [sentence.support.share for sentence in sentences if sentence.support.share is not None]
    support = sum(shares) / len(shares) if shares else DOUBTFUL
    cited = sum(bool(sentence.places) for sentence in sentences) / max(1, len(sentences))
    wanted = draft.step["words"]
    return support + cited * _breadth(draft) + max(0.0, 1.0 - abs(draft.words - wanted) / wanted)


def _breadth(draft: Draft) -> float:
    """Return how many different places a summary cites, for each of its sentences; 1 at most."""
    places = {place for sentence in draft.sentences for place in sentence.places}
    return min(1.0, len(places) / max(1, len(draft.sentences)))


def _summary(draft: Draft | None, context: Context) -> Summary | None:
    if draft is None or not draft.text.strip():  # none of its sentences held
        return None
    return Summary(
        text=draft.text,
        language=draft.step["language"],
        words=draft.words,
        target_words=draft.step["words"],
        misses=[] if draft.is_quoted else misses(draft.text, draft.step),
        degraded=_degraded(draft, context),
        sentences=[_sentence(draft, number, context) for number in range(len(draft.sentences))],
        scores=None,
    )


def _degraded(draft: Draft, context: Context) -> str | None:
    """Return why a summary is poor, if one of the documents that it quotes is of a kind that quoting does not suit."""
    quoted = {place.document for sentence in draft.sentences for place in sentence.places} if draft.is_quoted else ()
    return next((reason for id, reason in context.author.weaknesses.items() if id in quoted), None)


def _sentence(draft: Draft, number: int, context: Context) -> Sentence:
    sentence = draft.sentences[number]
    return Sentence(
        text=draft.sentence(number),
        citations=[_citation(place, context) for place in sentence.places],
        support=sentence.support.share,
        unsupported=sentence.support.unsupported,
        verified=sentence.verified,
    )


def _citation(place: Place, context: Context) -> Citation:
    page = context.documents[place.document].page(place.start)
    return Citation(document=place.document, start=place.start, end=place.end, page=page, quote=_quote(place, context))


def _quote(place: Place, context: Context) -> str:
    return context.documents[place.document].text[place.start : place.end]


def chunks_beneath(plan: Plan, id: str) -> Iterator[Step]:
    """Yield the steps beneath a step, itself included, that read a chunk."""
    open_steps = [id]
    while open_steps:
        step = plan["steps"][open_steps.pop()]
        if step["kind"] != "merge":
            yield step
        open_steps += step["inputs"]


def _coverage(plan: Plan, failures: Iterable[Failure], skipped: Iterable[str]) -> Coverage:
    failed = {
        step["id"]: _lost(step, failure["error"]) for failure in failures for step in _lost_with(plan, failure["step"])
    }
    left_out = {
        step["id"]: _lost(step, "not_relevant")
        for id in skipped
        for step in _lost_with(plan, id)
        if step["id"] not in failed
    }
    total = sum(document["characters"] for document in plan["documents"])
    missing = sum(lost["end"] - lost["start"] for lost in [*failed.values(), *left_out.values()])
    return Coverage(
        characters=total, summarised=total - missing, failed=list(failed.values()), skipped=list(left_out.values())
    )


def _lost_with(plan: Plan, id: str) -> Iterable[Step]:
    """Return the steps whose chunks are lost when a step fails or has nothing to say: one that continues a summary
    loses its own alone, and a variant none.
    """
    step = plan["steps"][id]
    if step["variant"]:
        return []
    return chunks_beneath(plan, id) if step["kind"] == "merge" else [step]


def _lost(step: Step, error: str) -> Lost:
    return Lost(document=str(step["document"]), start=step["start"], end=step["end"], error=error)


def _document_result(
    document: DocumentPlan,
    summary: Summary | None,
    key: str | None,
    failures: Iterable[Failure],
    coverage: Coverage,
) -> DocumentResult:
    own = [failure for failure in failures if failure["document"] == document["id"]]
    status: Status = "succeeded"
    if own:
        status = "partial" if key else "failed"
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
    results: Iterable[DocumentResult], coverage: Coverage, min_coverage: float, *, lacks_batch: bool, has_summary: bool
) -> Status:
    reached = coverage["summarised"] + sum(lost["end"] - lost["start"] for lost in coverage["skipped"])
    if reached:  # who limits the budget has chosen to be content with less
        reached += sum(lost["end"] - lost["start"] for lost in coverage["failed"] if lost["error"] == BudgetSpent.code)
    if not coverage["characters"] or reached < min_coverage * coverage["characters"]:
        return "failed"
    if not has_summary and (lacks_batch or coverage["failed"]):
        return "failed"
    whole = not coverage["failed"] and not lacks_batch and all(result["status"] == "succeeded" for result in results)
    return "succeeded" if whole else "partial"
