"""From the answers of facets to what a reader gets of them, for each document and for the batch.

Each facet is an object: `facet`, its name; `status`: `succeeded`, `partial`, `failed` or `unavailable`, with `error` (a
stable code) and `message` where it is not `succeeded`; `parts` and `failed_parts`, the calls that it took and those of
them that failed; and `items`, or for sentiment, translation and synthesis one `value`, null where there is none.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphs.facets import (
    READERS,
    SENTIMENT_LANGUAGES,
    SYNTHESIS,
    FacetResult,
    FacetStep,
    Merged,
    Part,
    Unreadable,
    kind_of,
    merge_documents,
    merge_parts,
    reads_source,
    shown,
    translation_language,
)
from graphs.models.calls import Answer
from graphs.summarize.context import Context
from graphs.summarize.facet_plan import is_already, source_steps, summary_steps
from graphs.summarize.state import DocumentPlan, DocumentResult, Facet, Outcome, Plan, State
from graphs.text.language import language_name
from graphs.text.words import count_words

NEEDS_MODEL = ("needs_language_model", "It needs a language model.")
NO_TEXT = ("no_text", "There is no text to read it from.")
NO_SUMMARY = ("no_summary", "There is no summary to make it of.")
TERMS, QUESTIONS = 15, 10  # of a synthesis


@dataclass(slots=True)
class Reading:
    """What the calls of one source facet gave for one document."""

    merged: Merged
    parts: int = 0
    errors: list[tuple[str, str]] = field(default_factory=list)  # code and message of each call that failed
    is_available: bool = True


Readings = dict[str, dict[str, Reading]]  # by facet, then by document


async def facets_of(state: State, outcome: Outcome, context: Context) -> Outcome:
    """Return an outcome with the facets of the batch and of each document."""
    plan = state["plan"]
    results = {result["step"]: result for result in state.get("facet_results", [])}
    readings = await read_sources(plan, list(results.values()), context)
    made = await context.calls.recall(
        key
        for step in summary_steps(plan, plan.get("summaries", []))
        for key in results.get(step["id"], _NOTHING)["keys"]
    )
    written = summary_texts(state)

    def retold(facet: str, id: str) -> Facet:
        return _retold(facet, id, plan, results.get(f"{facet}/{id}"), made, written.get(id), context)

    names = context.all_facets
    documents: list[DocumentResult] = []
    for result, planned in zip(outcome["results"], plan["documents"], strict=True):
        own: dict[str, Facet] = {}
        for name in names if planned["top"] else ():
            if reads_source(name):
                own[name] = _of_document(name, readings[name][planned["id"]])
            elif context.scope != "batch":
                own[name] = retold(name, planned["top"])
        documents.append({**result, "facets": own})
    batch: dict[str, Facet] = {}
    for name in names:
        if reads_source(name):
            batch[name] = _of_batch(name, list(readings[name].values()))
        elif plan["final"]:
            batch[name] = retold(name, plan["final"])
    return {**outcome, "results": documents, "facets": batch}


def facet_warnings(outcome: Outcome) -> list[str]:
    """Return what a caller must know of facets that lack something: they do not change the run's status."""
    lacking: dict[str, list[Facet]] = {}
    for name, facet in _every_facet(outcome):
        if facet["status"] in ("partial", "failed"):
            lacking.setdefault(name, []).append(facet)
    return [
        f"The facet {name} lacks something: {facets[0]['error']}. {facets[0]['message']}".strip()
        for name, facets in lacking.items()
    ]


def _every_facet(outcome: Outcome) -> Iterator[tuple[str, Facet]]:
    yield from outcome.get("facets", {}).items()
    for result in outcome["results"]:
        yield from result.get("facets", {}).items()


def summary_texts(state: State) -> dict[str, str]:
    """Return the texts of the wanted summaries that were written, by the step that wrote them."""
    plan = state["plan"]
    written = {
        planned["top"]: result["summary"]["text"]
        for planned, result in zip(plan["documents"], state["results"], strict=True)
        if result["summary"]
    }
    if state["summary"]:
        written[plan["final"]] = state["summary"]["text"]
    return {id: text for id, text in written.items() if id in plan.get("summaries", [])}


async def read_sources(plan: Plan, results: Sequence[FacetResult], context: Context) -> Readings:
    """Return what the source facets gave for each document, in order."""
    keys = [key for result in results for key in result["keys"]]
    answers = await context.calls.recall(keys)
    return await asyncio.to_thread(_read, plan, {result["step"]: result for result in results}, answers, context)


def synthesis_material(readings: Readings, plan: Plan) -> dict[str, tuple[list[str], list[str]]]:
    """Return the key terms and questions for the synthesis of each summary, by the step that writes it."""
    material = {}
    for document in plan["documents"]:
        material[document["top"]] = _terms_and_questions(
            {name: shown(name, own[document["id"]].merged) for name, own in readings.items() if document["id"] in own}
        )
    if plan["final"] and plan["final"] not in material:
        material[plan["final"]] = _terms_and_questions(
            {
                name: merge_documents(name, [reading.merged for reading in own.values()])
                for name, own in readings.items()
            }
        )
    return material


_NOTHING = FacetResult(step="", keys=[], error="not_asked", message="It was not asked for.")


def _terms_and_questions(items: Mapping[str, Sequence[dict[str, Any]]]) -> tuple[list[str], list[str]]:
    terms = [item["term"] for item in items.get("key_terms", ())]
    questions = [item["question"] for item in items.get("questions", ())]
    return terms[:TERMS], questions[:QUESTIONS]


def _read(plan: Plan, results: Mapping[str, FacetResult], answers: Mapping[str, Answer], context: Context) -> Readings:
    """Read and merge the answers. Takes seconds for many megabytes: names are counted in the texts."""
    steps: dict[tuple[str, str], list[FacetStep]] = {}
    for step in source_steps(plan):
        steps.setdefault((step["facet"], step["document"] or ""), []).append(step)
    names = [name for name in context.all_facets if reads_source(name)]
    return {
        name: {
            document["id"]: _reading(name, steps.get((name, document["id"]), []), document, results, answers, context)
            for document in plan["documents"]
            if document["top"]
        }
        for name in names
    }


def _reading(
    facet: str,
    steps: Sequence[FacetStep],
    document: DocumentPlan,
    results: Mapping[str, FacetResult],
    answers: Mapping[str, Answer],
    context: Context,
) -> Reading:
    text = context.documents[document["id"]].text
    reading = Reading(Merged([], document["words"]), parts=len(steps), is_available=bool(steps))
    parts = []
    for step in steps:
        result = results.get(step["id"], _NOTHING)
        # The embedded model has read the whole document.
        span = text if context.facts.provider == "embedded" else text[step["start"] : step["end"]]
        try:
            if result["error"]:
                raise Unreadable
            found = [item for key in result["keys"] for item in READERS[facet](answers[key].text, span, context.labels)]
        except Unreadable:
            reading.errors.append((result["error"] or "answer_unreadable", result["message"] or ""))
        else:
            parts.append(Part(count_words(span), found))
    reading.merged = merge_parts(facet, parts, document["id"], text)
    return reading


def _of_document(facet: str, reading: Reading) -> Facet:
    if not reading.is_available:
        return _unavailable(facet)
    return _shown(facet, shown(facet, reading.merged), reading.parts, reading.errors)


def _of_batch(facet: str, readings: Sequence[Reading]) -> Facet:
    """Return a facet of the batch; documents for which it is not to be had make it partial."""
    available = [reading for reading in readings if reading.is_available]
    if not readings:
        return _facet(facet, "failed", *NO_TEXT, 0, 0) | _content(facet, [])
    if not available:
        return _unavailable(facet)
    items = merge_documents(facet, [reading.merged for reading in available])
    errors = [error for reading in available for error in reading.errors]
    shown_facet = _shown(facet, items, sum(reading.parts for reading in available), errors)
    if len(available) < len(readings) and shown_facet["status"] == "succeeded":
        lacking = f"{len(readings) - len(available)} of {len(readings)} documents are not in it."
        message = f"{_unavailable(facet)['message']} {lacking}"
        return {**shown_facet, "status": "partial", "error": NEEDS_MODEL[0], "message": message}
    return shown_facet


def _shown(facet: str, items: list[dict[str, Any]], parts: int, errors: Sequence[tuple[str, str]]) -> Facet:
    status = "succeeded" if not errors else "failed" if len(errors) == parts else "partial"
    code, message = errors[0] if errors else (None, None)
    return _facet(facet, status, code, message, parts, len(errors)) | _content(facet, items)


def _content(facet: str, items: list[dict[str, Any]]) -> Facet:
    return {"value": items[0] if items else None} if facet == "sentiment" else {"items": items}


def _unavailable(facet: str) -> Facet:
    code, message = NEEDS_MODEL
    if facet == "sentiment":
        languages = ", ".join(map(language_name, SENTIMENT_LANGUAGES))
        message = f"Without a language model it is told of texts in {languages} alone."
    return _facet(facet, "unavailable", code, message, 0, 0) | _content(facet, [])


def _retold(
    facet: str,
    id: str,
    plan: Plan,
    result: FacetResult | None,
    made: Mapping[str, Answer],
    summary: str | None,
    context: Context,
) -> Facet:
    """Return a facet that is made of the summary of a step."""
    language = plan["steps"][id]["language"] if facet == SYNTHESIS else translation_language(facet)
    if summary is None:
        return _made(facet, "failed", language, None, *NO_SUMMARY)
    if facet != SYNTHESIS and is_already(facet, plan["steps"][id]):
        return {**_made(facet, "succeeded", language, summary), "parts": 0}
    if context.facts.provider == "embedded":
        return _made(facet, "unavailable", language, None, *NEEDS_MODEL)
    result = result or _NOTHING
    if result["error"]:
        return _made(facet, "failed", language, None, result["error"], result["message"])
    return _made(facet, "succeeded", language, made[result["keys"][0]].text)


def _made(
    facet: str, status: str, language: str, text: str | None, code: str | None = None, message: str | None = None
) -> Facet:
    value = None if text is None else {"text": text, "language": language, "words": count_words(text)}
    parts = int(status != "unavailable")
    return _facet(kind_of(facet), status, code, message, parts, int(status == "failed")) | {"value": value}


def _facet(facet: str, status: str, code: str | None, message: str | None, parts: int, failed: int) -> Facet:
    return {
        "facet": facet,
        "status": status,
        "error": code,
        "message": message,
        "parts": parts,
        "failed_parts": failed,
    }
