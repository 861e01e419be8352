"""What flows through the graph: ids, spans and counts. Texts stay in `documents`, answers in the ledger; only the
output carries summaries.
"""

from operator import add
from typing import Annotated, Any, Literal, NotRequired

from langgraph.channels import UntrackedValue
from typing_extensions import (
    TypedDict,
)  # pydantic, which reads these for the schema, refuses typing's before Python 3.12

from graphs.facets import FacetPlan, FacetResult, FacetStep
from graphs.models.spending import Bill


class Step(TypedDict):
    """One call of the plan."""

    id: str
    kind: Literal["map", "merge", "refine", "verbatim"]
    # reads a chunk; merges its inputs; reads a chunk and the summary of what is before it; is its own summary
    document: str | None  # None: across documents
    inputs: list[str]  # ids of the steps that a merge merges
    start: int  # of the chunk, in characters; of a merge within a document, of all that is beneath
    end: int
    part: int  # a chunk's place among its document's chunks, from 0
    parts: int
    level: int  # 0: map; each merge is one above its highest input
    words: int  # to write
    language: str  # to write in
    source_words: int  # in the text beneath
    prompt_tokens: int  # upper bound
    max_tokens: int  # upper bound of the answer; the provider enforces it
    is_summary: bool  # of a document, a group or the batch, not a partial on the way there
    is_numbered: bool  # the sentences of its chunk have numbers to cite
    variant: int  # of the batch's summary, from 0
    is_final: NotRequired[bool]  # its answer is the summary that the run is about: it is shown while it is written
    group: NotRequired[str]  # label of the group whose summary it writes


def is_across(step: Step) -> bool:
    """Tell whether a step takes in more than one source: a document, or a group of documents."""
    return step["document"] is None and "group" not in step


class DocumentPlan(TypedDict):
    """What the plan says of one document."""

    id: str
    title: str
    language: str  # its own, detected
    characters: int
    words: int
    chunks: int
    top: str  # the step that writes its summary; "" for an empty document


class GroupPlan(TypedDict):
    """What the plan says of a group of documents."""

    name: str  # its label
    documents: list[str]  # ids, in the caller's order
    top: str  # the step that writes its summary, of a single document that one's own; "" where there is no text


class Plan(TypedDict):
    """Every call of a run."""

    documents: list[DocumentPlan]
    steps: dict[str, Step]  # in the source's order, a merge behind its inputs
    sections: list[list[str]]  # steps by the Send that takes them: maps and the merges right above
    levels: list[list[list[str]]]  # merges above the sections: by level, then by Send
    final: str  # the step that writes the batch's summary; "" when none is wanted
    variants: list[str]  # steps that write it otherwise
    groups: NotRequired[list[GroupPlan]]  # in the order in which they first come; missing or empty: no source is one
    facets: NotRequired[list[FacetPlan]]  # those that the model can give; missing: none was asked for
    summaries: NotRequired[list[str]]  # the steps whose answers are wanted summaries, for the facets made of them
    facets_wait: NotRequired[bool]  # all facets are read behind the summaries: these go first within a budget


class Cited(TypedDict):
    """What a number in a partial's text means: a sentence of a source."""

    number: int
    document: str
    start: int  # characters
    end: int


class Result(TypedDict):
    """A finished step: where its answer is, and what it rests on. Order is the source's."""

    step: str
    document: str | None
    part: int
    parts: int
    key: (
        str | None
    )  # in the ledger; None: the step has nothing to give (it failed, or nothing was relevant to the focus)
    cites: list[Cited]  # by number; empty where the answer quotes, or cites nothing
    words: int  # that its step was to write
    group: NotRequired[str]  # as its step has it


class Failure(TypedDict):
    """A step that was given up."""

    step: str
    document: str | None
    error: str  # stable code
    message: str


class Usage(TypedDict):
    """What the calls of a run cost."""

    calls: int  # paid
    remembered: int  # answered by the ledger
    prompt_tokens: int  # of paid calls, those included whose answer could not be used
    completion_tokens: int
    estimated: int  # of the paid calls: their tokens are estimated, because the provider did not state them
    cost_usd: float | None  # None: the price is not known


class StepReport(TypedDict):
    """What an observer is told of a step, once it is durable."""

    step: str
    kind: Literal["map", "collapse", "reduce", "facet", "review"]
    facet: NotRequired[str]  # its name
    document: str | None
    part: int
    start: int
    end: int
    is_summary: bool
    status: Literal["succeeded", "failed", "skipped"]
    key: str | None
    error: str | None
    message: str | None
    text: str | None  # of a summary; partials are read from the ledger
    seconds: float  # of the model's work, also when it was remembered
    usage: Usage


class Citation(TypedDict):
    """The place in a source that a sentence rests on."""

    document: str
    start: int  # characters
    end: int
    page: int | None
    quote: str


class Sentence(TypedDict):
    """A sentence of a summary and what it rests on."""

    text: str
    citations: list[Citation]
    support: float | None  # share of what it says that its citations say too, 0 to 1; None: not measured
    unsupported: list[str]  # names and numbers that stand in none of its citations
    verified: bool | None  # what a model says that has read the citations; None: it was not asked


class Summary(TypedDict):
    """What a person reads."""

    text: str  # Markdown
    language: str
    words: int
    target_words: int
    misses: list[Literal["length", "language"]]  # what it does not keep to, after the model was asked again
    degraded: str | None  # why a model that quotes does poorly here: "long_conversation"
    sentences: list[Sentence]
    scores: dict[str, float] | None  # see `graphs.evidence.EXPLANATIONS`; None: not scored


Facet = dict[str, Any]
"""What a reader gets of one facet, see `graphs.summarize.facet_results`."""


class DocumentResult(TypedDict):
    """What became of one document."""

    id: str
    status: Literal["succeeded", "partial", "failed"]
    language: str
    chunks: int
    failed_chunks: int
    summary: Summary | None
    error: str | None  # code and message of what made it fail
    facets: NotRequired[dict[str, Facet]]  # by name, those that were asked for


class GroupResult(TypedDict):
    """What became of a group of documents."""

    name: str  # its label
    documents: list[str]  # ids
    status: Literal["succeeded", "partial", "failed"]
    summary: Summary | None


class Lost(TypedDict):
    """A span of a document that the summaries do not rest on, and why."""

    document: str
    start: int
    end: int
    error: str


class Coverage(TypedDict):
    """How much of the text the summaries rest on, in characters of its chunks."""

    characters: int
    summarised: int
    failed: list[Lost]
    skipped: list[Lost]  # nothing in them was relevant to the focus


class InputDocument(TypedDict):
    """A document as a notebook or Studio hands it in."""

    text: str
    id: NotRequired[str]
    title: NotRequired[str]
    group: NotRequired[str]


def usage_of(bill: Bill, remembered: int = 0) -> Usage:
    """Return a bill with how many calls were answered by the ledger."""
    return Usage(
        calls=bill.calls,
        remembered=remembered,
        prompt_tokens=bill.prompt_tokens,
        completion_tokens=bill.completion_tokens,
        estimated=bill.estimated,
        cost_usd=bill.usd,
    )


def add_usage(left: Usage, right: Usage) -> Usage:
    """Return the sum of two bills; LangGraph starts from an empty one."""
    return Usage(
        calls=left.get("calls", 0) + right["calls"],
        remembered=left.get("remembered", 0) + right["remembered"],
        prompt_tokens=left.get("prompt_tokens", 0) + right["prompt_tokens"],
        completion_tokens=left.get("completion_tokens", 0) + right["completion_tokens"],
        estimated=left.get("estimated", 0) + right["estimated"],
        cost_usd=_add_costs(left.get("cost_usd", 0.0), right["cost_usd"]),
    )


def _add_costs(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else left + right


NO_USAGE = Usage(calls=0, remembered=0, prompt_tokens=0, completion_tokens=0, estimated=0, cost_usd=0.0)


class Input(TypedDict):
    """What a run of the graph alone takes; the service passes its documents in the context and nothing here."""

    documents: NotRequired[Annotated[list[InputDocument], UntrackedValue]]


class Outcome(TypedDict):
    """What was reached."""

    status: Literal["succeeded", "partial", "failed"]
    summary: Summary | None
    variants: list[Summary]  # of the batch's summary, all that were written; empty when one was asked for
    results: list[DocumentResult]
    coverage: Coverage
    groups: NotRequired[list[GroupResult]]  # missing or empty: no source is a group of documents
    facets: NotRequired[dict[str, Facet]]  # of the batch


class Output(Outcome):
    """What a run of the graph gives."""

    usage: Annotated[Usage, add_usage]


class SectionOutput(TypedDict):
    """What a section, a collapse or the last merge adds to the run."""

    steps: Annotated[list[Result], add]
    failures: Annotated[list[Failure], add]
    skipped: Annotated[list[str], add]  # steps that found nothing relevant
    usage: Annotated[Usage, add_usage]


class FacetOutput(TypedDict):
    """What a pack of facets adds to the run."""

    facet_results: Annotated[list[FacetResult], add]
    usage: Annotated[Usage, add_usage]


class State(Input, Outcome, SectionOutput, FacetOutput):
    """The state of a run."""

    plan: Plan
    level: int  # of merges done above the sections


class SectionState(SectionOutput):
    """The state of one section: the steps that one Send carries."""

    todo: list[Step]
    given: list[Result]  # answers from below that its merges start from


class StepTask(TypedDict):
    """What one Send to a step carries."""

    todo: Step
    given: list[Result]  # of its inputs, in order


class FacetTask(TypedDict):
    """What one Send to a pack of facets carries."""

    todo: list[FacetStep]
