"""What a caller may choose (`Options`) and what a node is handed (`Context`)."""

import asyncio
import math
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SkipValidation
from pydantic.json_schema import SkipJsonSchema

from graphs.facets import FACET_PATTERN, Desk, wanted_facets
from graphs.models.calls import Calls
from graphs.models.catalog import EMBEDDED, ModelFacts, Price, model_facts
from graphs.models.chat import ChatModel
from graphs.models.spending import Bill, Bound, Spending
from graphs.summarize import prompts
from graphs.summarize.ahead import HeadStart
from graphs.summarize.authors import Author, ChatAuthor, ExtractiveAuthor, Payer, show_nobody
from graphs.summarize.documents import Documents
from graphs.summarize.drafts import Draft
from graphs.summarize.state import StepReport
from graphs.summarize.writing import Show

CHUNK_TOKENS = 3_000  # of a chunk: large enough for context, small enough that a model reads all of it with care
SECTION_STEPS = 128  # Sends in one superstep: LangGraph's cost grows with the square of their number
WORDS = {"short": 80, "medium": 200, "long": 500}


class Budget(BaseModel):
    """What a run may cost; `null` is no limit.

    A plan whose prompts alone need more, those of facets not counted, is refused before the first call. After that no
    call is made that could go over the budget; the run then ends with what it has, and says what is missing. Summaries
    go first: facets take what they leave. Calls that the ledger remembers cost
    nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    calls: int | None = Field(default=None, ge=1, examples=[None])
    """Model calls."""
    tokens: int | None = Field(default=None, ge=1, examples=[None])
    """Tokens of prompts and answers together."""
    usd: float | None = Field(default=None, gt=0, examples=[None])
    """US dollars; refused where the price of the model is not known."""


class Options(BaseModel):
    """What the caller of a run may choose. Everything has a default."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    model: str | None = Field(default=None, max_length=200, examples=["embedded:extractive", "openai:gpt-4o-mini"])
    """Which model writes, as `provider:name`. `null`: the service's default. `embedded:extractive` needs no key and no
    network: it picks the most telling sentences of the sources and quotes them. `openai:NAME` is any model behind the
    service's OpenAI-compatible address."""

    strategy: Literal["auto", "single", "map_reduce", "refine"] = "auto"
    """`auto`: one call for a document that a model reads well as a whole, else map-reduce. `single`: one call a
    document, refused when it does not fit. `map_reduce`: always by chunks. `refine`: chunk after chunk, each call
    continuing the summary so far; slower, since its calls wait for each other, and richer in detail."""

    scope: Literal["document", "batch", "both"] = "both"
    """Which summaries are wanted: one for each document, one for the whole batch, or both."""

    language: str = Field(
        default="auto", pattern=r"^(auto|[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)$", examples=["auto", "en", "ko"]
    )
    """The language to write in, as a BCP 47 tag; `auto`: each document's own, and for the batch that of most of its
    text. `embedded:extractive` quotes, so it cannot write in another language than the source's."""

    length: Literal["short", "medium", "long"] = "medium"
    """How long each summary is: about 80, 200 or 500 words, never more than half of its source."""

    words: int | None = Field(default=None, ge=10, le=5_000, examples=[None])
    """The length in words instead of `length`. Words are what white space divides; in Chinese and Japanese, two
    characters are one word."""

    focus: str | None = Field(default=None, max_length=2_000, examples=[None])
    """A question or a topic to concentrate on. What has nothing to do with it is left out."""

    style: prompts.Style = "paragraph"
    """The form of each summary. `paragraph`: prose. `bullets`: a list. `executive`: the finding that matters most, a
    list, what follows. `dense`: as many facts as prose can carry. `report`: a heading for each source, which is a
    document or a group of them, with its findings, then the contradictions between them and a conclusion.
    `embedded:extractive` quotes, as prose or as a list."""

    audience: str | None = Field(default=None, max_length=500, examples=[None])
    """Who will read it, in a few words. Ignored by `embedded:extractive`."""

    instructions: str | None = Field(default=None, max_length=4_000, examples=[None])
    """What else is wished, in your own words. Ignored by `embedded:extractive`."""

    group_by: Literal["auto", "order", "topic"] = "auto"
    """Which documents are merged with each other first, where there are too many for one merge: neighbours in the
    batch, or those that speak of the same things. `auto`: by topic from eight documents on. Sources that the
    caller has named by `group` are merged in the batch's order; within each, this counts as in a batch."""

    verify: Literal["off", "support", "llm"] = "support"
    """How sentences are checked against what they cite. `support`: by the words, names and numbers that both share,
    without any call. `llm`: the model is also asked about the doubtful ones, and rewrites those that do not hold, at
    most twice."""

    unsupported: Literal["mark", "remove"] = "mark"
    """What becomes of sentences that still do not hold: they stay and can be told by their `support`, or they go."""

    variants: int = Field(default=1, ge=1, le=prompts.MOST_VARIANTS)
    """How many different summaries of the batch are written. The one with the best support, coverage and length is the
    `summary`; all are returned."""
    facets: list[Annotated[str, Field(pattern=FACET_PATTERN)]] = Field(
        default=[], max_length=20, examples=[["key_terms", "entities"], ["translation:ko", "synthesis"]]
    )
    """What else is wanted, for each document and for the batch, side by side with the summaries: `key_terms`,
    `questions` that the text answers, `entities` with counts, `sentiment`, `categories`, `action_items`,
    `translation:LANG` of the summary, and `synthesis`, which merges summary, key terms and questions into one answer
    (it brings those two along). `embedded:extractive` finds key terms, entities, and the sentiment of English texts;
    the others say that they need a language model."""

    categories: list[Annotated[str, Field(min_length=1, max_length=100, pattern=r"\S")]] = Field(
        default=[], max_length=50, examples=[[], ["finance", "law", "science"]]
    )
    """The labels that the facet `categories` chooses from; empty: it finds its own."""

    min_coverage: float = Field(default=0.9, ge=0.0, le=1.0)
    """The share of the text, in characters, that must have been summarised for the run not to fail. Between this and 1
    the run is `partial`."""

    budget: Budget = Field(default_factory=Budget)
    """What the run may cost."""

    @property
    def wishes(self) -> prompts.Wishes:
        """What every prompt says of these options."""
        return prompts.Wishes(self.focus, self.audience, self.instructions, self.style)

    @property
    def target_words(self) -> int:
        """The length of a summary in words, before the source's own length limits it."""
        return self.words or WORDS[self.length]

    @property
    def all_facets(self) -> list[str]:
        """The facets that were asked for, once each, with those that a synthesis is made of."""
        return wanted_facets(self.facets)

    @property
    def labels(self) -> list[str]:
        """The caller's categories, one line and once each."""
        return list(dict.fromkeys(" ".join(label.split()) for label in self.categories))


def ignore_report(report: StepReport) -> None:
    """Do nothing: the observer of a graph that nobody watches."""


class Context(Options):
    """What a node is handed: the caller's options and the resources of this run.

    The resources have defaults that live in memory, so that the graph runs in a notebook and in LangGraph Studio with
    options alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, use_attribute_docstrings=True)

    chunk_tokens: int = Field(default=CHUNK_TOKENS, ge=100)
    """The most tokens of a chunk; half of the model's window bounds it too."""

    window_tokens: int | None = Field(default=None, ge=2_000)
    """The model's context window, where the built-in table does not know it."""

    documents: SkipJsonSchema[Annotated[Documents, SkipValidation]] = Field(default_factory=Documents)
    calls: SkipJsonSchema[Annotated[Calls, SkipValidation]] = Field(default_factory=Calls)
    chat: SkipJsonSchema[Annotated[Callable[[ModelFacts], ChatModel] | None, SkipValidation]] = None
    """Opens a chat model; by default from OPENAI_API_KEY and OPENAI_BASE_URL."""
    report: SkipJsonSchema[Annotated[Callable[[StepReport], object], SkipValidation]] = ignore_report
    """Is told of each step that is done. Whoever writes that down sees to it that no checkpoint knows of more."""
    show: SkipJsonSchema[Annotated[Show, SkipValidation]] = show_nobody
    """Is handed each final summary that a language model begins to write: the batch's, else each document's."""
    owner: SkipJsonSchema[str] = ""
    """Whose ledger entries this run may use."""
    run: SkipJsonSchema[str] = ""
    """The run's id: runs take turns at the gate."""
    prices: SkipJsonSchema[dict[str, Price]] = Field(default_factory=dict)
    """US dollars for a million tokens of prompt and of answer, by model, before the built-in table."""
    meaning: SkipJsonSchema[bool] = True
    """Whether the embedded model compares reviews by what they mean, where an embedding is installed."""
    head_start: SkipJsonSchema[Annotated[HeadStart | None, SkipValidation]] = None
    """Where calls are begun while the rest of the batch is still being planned; None: after that."""
    spent: SkipJsonSchema[Annotated[Bound, SkipValidation]] = Bound()
    """What earlier attempts of this run have paid."""
    bill: SkipJsonSchema[Annotated[Bill, SkipValidation]] = Field(default_factory=Bill)
    """What this attempt pays: each answer from the moment when it is there, whatever becomes of its step."""

    @cached_property
    def facts(self) -> ModelFacts:
        """What is known of the model. Raises `ValueError` for a name that is not a model's."""
        return model_facts(self.model or EMBEDDED, self.window_tokens, self.prices)

    @cached_property
    def spending(self) -> Spending:
        """The run's budget and what is left of it."""
        return Spending(**self.budget.model_dump(), spent=self.spent)

    @cached_property
    def measured(self) -> dict[str, tuple[Draft, Draft]]:
        """Summaries as they were written, and with their support, by step: those that were measured ahead."""
        return {}

    @cached_property
    def _sections(self) -> asyncio.Semaphore:
        return asyncio.Semaphore(2 + math.ceil(2 * self.calls.limits.most / SECTION_STEPS))

    @cached_property
    def _beginning(self) -> asyncio.Lock:
        return asyncio.Lock()

    @asynccontextmanager
    async def section(self) -> AsyncIterator[None]:
        """Wait until another section may be at work: enough of them to keep the gate full, few enough that their
        prompts fit in memory. To begin one takes LangGraph some 30 ms, so others get their turn between two.
        """
        async with self._sections:
            async with self._beginning:
                await asyncio.sleep(0)
            yield

    @cached_property
    def author(self) -> Author:
        """Who formulates the calls of this run."""
        if self.facts.provider == "embedded":
            return ExtractiveAuthor(self.documents, wishes=self.wishes, payer=self._payer, meaning=self.meaning)
        return ChatAuthor(self._chat_model, self.documents, wishes=self.wishes, payer=self._payer, show=self.show)

    @cached_property
    def desk(self) -> Desk:
        """Who asks for the facets of this run."""
        chat = None if self.facts.provider == "embedded" else self._chat_model
        return Desk(self.facts, chat, self.documents, self.calls, self.labels, **self._payer._asdict())

    @cached_property
    def _chat_model(self) -> ChatModel:
        return self.chat(self.facts) if self.chat else _open_from_environment(self.facts)

    @property
    def _payer(self) -> Payer:
        return Payer(self.owner, self.run, self.spending if self.spending.is_limited else None, self.bill)


def _open_from_environment(facts: ModelFacts) -> ChatModel:
    return ChatModel(facts, api_key=os.environ.get("OPENAI_API_KEY"), base_url=os.environ.get("OPENAI_BASE_URL"))


def context_of(options: Options, **resources: Any) -> Context:
    """Return the context of a run: the caller's options with the resources of the service."""
    return Context(**options.model_dump(), **resources)
