"""The calls of facets as plans, checkpoints and Sends carry them: ids, spans and bounds, no text."""

from collections.abc import Iterator
from typing import NotRequired, Protocol

from typing_extensions import TypedDict  # as in graphs.summarize.state


class Source(Protocol):
    """A document that facets are read from."""

    @property
    def id(self) -> str:
        """The document's id."""

    @property
    def title(self) -> str:
        """What people call it."""

    @property
    def text(self) -> str:
        """The document's text."""


class Sources(Protocol):
    """The documents of a batch, in order and by id."""

    def __getitem__(self, id: str) -> Source: ...

    def __iter__(self) -> Iterator[Source]: ...


class FacetPlan(TypedDict):
    """What the calls of one facet cost at most."""

    name: str
    prompt_tokens: dict[str, int]  # by the language written in; of a source facet, what it needs beyond a map's prompt
    max_tokens: int  # of the answer, as planned; one that is cut is asked for again with more room


class FacetStep(TypedDict):
    """One call of a facet."""

    id: str  # the facet's name, "/", and the step of the plan that it stands beside
    facet: str
    document: str | None  # None: of the batch
    start: int  # of what is read, in characters
    end: int
    part: int
    parts: int
    language: str  # to write in; of a translation, the language of what is translated
    prompt_tokens: int  # upper bound
    max_tokens: int
    summary: NotRequired[str]  # the step whose answer it reads; without it, the source


class FacetResult(TypedDict):
    """What became of one call of a facet."""

    step: str
    keys: list[str]  # in the ledger: one, or more where the chunk had to be halved; none: it failed
    error: str | None  # stable code
    message: str | None
