"""The bodies of batches and runs; the other routes have theirs beside them. Clients written today keep working: fields
may be added, none is taken away.
"""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.api.facets import Facets
from app.store.models import Status
from graphs.evidence import EXPLANATIONS
from graphs.summarize import Budget, Options

EXAMPLE_TEXT = (
    "The harbour of Ansan was opened to ships in 1923. In its first year it took in forty vessels, most of them "
    "fishing boats from the islands. A second pier followed in 1931, after the storm of 1929 had destroyed the first "
    "one. Today the harbour serves two ferry lines and a small fleet of research ships. The city plans to close the "
    "old pier to traffic in 2027 and to turn it into a public garden."
)
EXAMPLE_KOREAN = (
    "안산 항구는 1923년에 문을 열었다. 첫해에는 배 마흔 척이 들어왔고, "
    "대부분은 섬에서 온 어선이었다. 1929년 폭풍이 첫 부두를 무너뜨린 뒤 "
    "1931년에 두 번째 부두가 세워졌다. 오늘날 항구에는 여객선 항로 두 개와 "
    "작은 연구선단이 있다. 시는 2027년에 옛 부두의 통행을 막고 시민 정원으로 "
    "바꿀 계획이다."
)
EXAMPLE_BATCH: dict[str, Any] = {
    "documents": [
        {"id": "harbour", "title": "The harbour of Ansan", "text": EXAMPLE_TEXT},
        {"id": "hanggu", "title": "안산 항구", "text": EXAMPLE_KOREAN},
    ],
    "options": {"length": "short"},
}
EXAMPLE_REPORT: dict[str, Any] = {
    "documents": [
        {"id": "harbour", "title": "The harbour", "group": "Port authority", "text": EXAMPLE_TEXT},
        {
            "id": "dredging",
            "title": "Dredging",
            "group": "Port authority",
            "text": "The channel to the harbour was dredged in 2024 to a depth of nine metres. The work took five "
            "months and cost 3.1 million dollars, a third more than planned. Sand fills the channel again at about "
            "twenty centimetres a year. The authority asks for a second dredging in 2029.",
        },
        {
            "id": "minutes",
            "title": "Minutes of May",
            "group": "City council",
            "text": "The council met on 12 May to discuss the old pier. Four members spoke for a public garden, two "
            "for a fish market. The garden would cost 1.2 million dollars. The council voted for the garden and set "
            "its opening for 2028.",
        },
        {
            "id": "budget",
            "title": "Budget",
            "group": "City council",
            "text": "The city has set aside 900,000 dollars for the garden on the old pier. The rest is to come from "
            "the region. Nothing is set aside for dredging, which the council takes for the authority's own task.",
        },
    ],
    "options": {"style": "report", "length": "short", "scope": "batch"},
}
"""A report over two sources with two documents each."""


class Body(BaseModel):
    """A body: unknown fields are refused, and attribute docstrings are the descriptions on the docs page."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class DocumentIn(Body):
    """A document as a caller sends it."""

    id: str | None = Field(
        default=None, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["harbour"]
    )
    """Your own name for the document, unique in the batch; by default its place, from 1."""
    title: str | None = Field(default=None, max_length=500, examples=["The harbour of Ansan"])
    """What people call it."""
    group: str | None = Field(default=None, max_length=200, examples=["Port authority"])
    """A label that all documents of one source have: an agency, a folder, a search. They are merged first, and a report
    gives them one heading; empty: the document is a source of its own."""
    text: str = Field(examples=[EXAMPLE_TEXT])
    """The text, as plain text or Markdown. Offsets in the answers are characters (Unicode code points) of it."""
    metadata: dict[str, Any] = Field(default_factory=dict, examples=[{"year": 2026}])
    """Anything of yours; it comes back with the document and has no influence."""


class BatchIn(Body):
    """A batch of documents, and how to summarise it."""

    model_config = ConfigDict(
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_extra={"examples": [EXAMPLE_BATCH]},
    )

    documents: list[DocumentIn]
    """The documents, in the order in which their summaries are wanted."""
    options: Options = Field(default_factory=Options)
    """How to summarise; everything has a default."""


class Problem(BaseModel):
    """What went wrong, as RFC 9457 has it (`application/problem+json`)."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)

    type: str = Field(examples=["urn:precis:problem:run-not-found"])
    """The stable name of this kind of problem: program against this."""
    title: str = Field(examples=["No run has this id."])
    """What kind of problem it is, in one sentence."""
    status: int = Field(examples=[404])
    """The HTTP status; 200 for a problem of a run that is told inside its body."""
    detail: str | None = None
    """What it is about this time."""


class CitationOut(Body):
    """The place in a source that a sentence rests on."""

    document: str
    """The document's id."""
    start: int
    """Its first character in the document's text."""
    end: int
    """The character behind its last."""
    page: int | None
    """The page on which it starts, from 1; null where a document has no pages."""
    quote: str
    """What stands there, word for word."""


class SentenceOut(Body):
    """A sentence of a summary, and what it rests on."""

    text: str
    citations: list[CitationOut]
    """Quoted places for the embedded model; for a language model, the sentences that it named or, where it named none
    that support it, those that share the most telling words. Empty where nothing in the sources comes close: read such
    a sentence with care."""
    support: float | None = None
    """The share of its words that its citations hold too, from 0 to 1; null where that was not asked for or cannot be
    measured, as for a summary in another language than its source. It compares words, not truth."""
    unsupported: list[str] = []
    """Names and numbers of the sentence that its citations do not hold."""
    verified: bool | None = None
    """What the model says that has read the citations, with `verify: llm`; null: it was not asked, or did not say."""


class ScoresOut(Body):
    """How good a summary is, as far as that can be told without a reference and without a model: shares from 0 to 1
    where nothing else is said. They catch gross faults, not subtle ones.
    """

    support: float = Field(description=EXPLANATIONS["support"])
    least_support: float = Field(description=EXPLANATIONS["least_support"])
    unsupported_sentences: float = Field(description=EXPLANATIONS["unsupported_sentences"])
    names_supported: float = Field(description=EXPLANATIONS["names_supported"])
    terms_covered: float = Field(description=EXPLANATIONS["terms_covered"])
    documents_covered: float = Field(description=EXPLANATIONS["documents_covered"])
    spread: float = Field(description=EXPLANATIONS["spread"])
    density: float = Field(description=EXPLANATIONS["density"])
    novelty: float = Field(description=EXPLANATIONS["novelty"])
    compression: float = Field(description=EXPLANATIONS["compression"])
    repetition: float = Field(description=EXPLANATIONS["repetition"])
    alike_sentences: int = Field(description=EXPLANATIONS["alike_sentences"])
    length: float = Field(description=EXPLANATIONS["length"])
    language: float = Field(description=EXPLANATIONS["language"])
    citations_valid: float = Field(description=EXPLANATIONS["citations_valid"])
    citations_precise: float = Field(description=EXPLANATIONS["citations_precise"])
    sentences_cited: float = Field(description=EXPLANATIONS["sentences_cited"])
    citations_per_sentence: float = Field(description=EXPLANATIONS["citations_per_sentence"])


class SummaryOut(Body):
    """A summary."""

    text: str
    """Markdown."""
    language: str
    """BCP 47 tag."""
    words: int
    target_words: int | None = None
    """How long it was to be."""
    misses: list[Literal["length", "language"]] = []
    """What it does not keep to, though the model was asked again: more than 20 % longer or shorter than `target_words`,
    or in another language than `language`."""
    degraded: str | None = None
    """Why quoting does poorly here: `long_conversation`, few sentences of which say what it came to."""
    sentences: list[SentenceOut]
    """The text's sentences in order, each with what it rests on."""
    scores: ScoresOut | None = None
    """Told without a reference; null for the documents of a batch of more than 200."""


class DocumentOut(Body):
    """What became of one document."""

    id: str
    title: str
    group: str = ""
    """The label of its source, as it was sent; empty: none."""
    metadata: dict[str, Any]
    format: Literal["text", "markdown", "html", "pdf"]
    characters: int
    """Of the text that was read."""
    status: Status
    language: str | None
    """Of its summary; of itself when it has none."""
    chunks: int
    """The map calls it took."""
    failed_chunks: int
    summary: SummaryOut | None
    facets: Facets = Field(default_factory=dict, examples=[{}])
    """The facets that were asked for, by the name that asked for them, when the run has ended."""
    error: Problem | None
    """Why it failed."""


class GroupOut(Body):
    """What became of the documents that have one label."""

    name: str = Field(examples=["Port authority"])
    """The label."""
    documents: list[str]
    """Their ids."""
    status: Literal["succeeded", "partial", "failed"]
    """`partial`: the summary lacks documents, or parts of them; `failed`: there is none."""
    summary: SummaryOut | None
    """Of these documents alone; null where it failed, or nothing in them has to do with the focus."""


class RetryIn(Body):
    """How to try a run again."""

    budget: Budget | None = None
    """A new budget; it counts for the whole run, what it has cost so far included. `null`: as it was."""


class ProgressOut(Body):
    """How far a run is."""

    phase: Literal["queued", "plan", "map", "collapse", "reduce", "facet", "review", "finished"]
    done: int
    """Calls that have ended."""
    total: int
    """Calls of the whole run; 0 before it is planned."""
    failed: int
    """Calls that were given up."""
    eta_seconds: float | None
    """About how long it will still take; null before the first call has ended."""


class LostOut(Body):
    """A span that the summaries do not rest on."""

    document: str
    start: int
    end: int
    error: str
    """The failure's code, or `not_relevant`."""


class CoverageOut(Body):
    """How much of the text the summaries rest on."""

    characters: int
    """Of all chunks."""
    summarised: int
    failed: list[LostOut]
    skipped: list[LostOut]
    """What has nothing to do with the focus."""


class UsageOut(Body):
    """What the run's calls cost."""

    calls: int
    """Model calls made for this run."""
    remembered: int
    """Calls answered by the ledger of earlier ones, for nothing."""
    prompt_tokens: int
    """Of paid calls, those included whose answer could not be used."""
    completion_tokens: int
    estimated: int = 0
    """Of the paid calls: their tokens are estimated, because the provider did not state them."""
    cost_usd: float | None = None
    """In US dollars, by the list prices of the model's provider or the operator's; null: not known."""


class RunHead(Body):
    """A run, without its documents and texts."""

    id: str
    status: Status
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    title: str
    """Of its first document."""
    options: Options
    documents: int
    """How many."""
    progress: ProgressOut
    error: Problem | None
    """What makes it `partial` or `failed`."""
    usage: UsageOut


class RunOut(Body):
    """A run: a summarisation of one batch."""

    id: str
    """Sorts by time."""
    status: Status
    """`queued`, `running`, then one of: `succeeded`; `partial`, a summary that says what it lacks; `failed`;
    `cancelled`."""
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    options: Options
    progress: ProgressOut
    summary: SummaryOut | None
    """Of the batch."""
    variants: list[SummaryOut] = []
    """All summaries of the batch that were written, the best first, where more than one was asked for."""
    groups: list[GroupOut] = []
    """What became of each group of documents, in the order in which they first come, when the run has ended. Empty for
    `scope: document`, and where not at least two sources have text: the summary of one is the batch's."""
    documents: list[DocumentOut]
    facets: Facets = Field(default_factory=dict, examples=[{}])
    """Of the batch, by the name that asked for them, when the run has ended."""
    coverage: CoverageOut | None
    usage: UsageOut
    warnings: list[str]
    """What was done to the batch that its sender may want to know."""
    error: Problem | None
    """What makes it `partial` or `failed`."""


class RunPage(Body):
    """Runs, newest first."""

    runs: list[RunHead]
    next: str | None
    """Pass it as `before` to get the next page; null on the last."""


class ChunkOut(Body):
    """One chunk of a document and its partial summary."""

    document: str
    part: int
    """Its place among the document's chunks, from 0."""
    start: int
    end: int
    status: Literal["succeeded", "failed", "skipped"]
    text: str | None
    """The partial; null when there is none."""
    error: str | None
    message: str | None
    seconds: float
    remembered: bool
    """It came from the ledger and cost nothing."""
    prompt_tokens: int
    completion_tokens: int


class ChunkPage(Body):
    """The chunks of a run that have ended, in the order in which they did."""

    chunks: list[ChunkOut]
