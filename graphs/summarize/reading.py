"""What a plan must know of each document: its language, where to cut it, and what it takes beside its text."""

from typing import NamedTuple

from graphs.summarize.authors import most_marks
from graphs.summarize.bounds import LEAST_MATERIAL_TOKENS, MANY_WORDS, Bounds, DoesNotFit
from graphs.summarize.documents import Document, Documents
from graphs.summarize.grouping import digest_of
from graphs.text.chunking import Chunk, chunk_document, text_span
from graphs.text.outline import Header
from graphs.text.topics import Features, features_of
from graphs.text.words import count_words

WHOLE_CHUNKS = 4
"""A document of up to so many chunks is read whole, if the window allows: merging costs more than it brings."""


class Beside(NamedTuple):
    """Tokens that a prompt spends on a chunk beside its text and its document, at most."""

    section: int  # its headings
    numbers: int  # of its sentences


class Traits(NamedTuple):
    """What of a document decides with which others it is merged."""

    digest: int  # of title and text
    features: Features  # that tell its topic


class Reading(NamedTuple):
    """What reading a document tells its plan."""

    language: str  # its own
    chunks: list[Chunk]
    words: list[int]  # of each chunk
    beside: list[Beside]  # each chunk's text
    traits: Traits


class Reader:
    """Reads documents as their plan wants them: in chunks that fit one call."""

    def __init__(self, documents: Documents, bounds: Bounds, chunk_tokens: int) -> None:
        self._documents = documents
        self._bounds = bounds
        self._chunk_tokens = chunk_tokens

    def read(self, document: Document) -> Reading:
        """Read a document. Raises `DoesNotFit`."""
        language = self._documents.language(document.id)
        header = self._documents.header(document.id, is_long=True)
        self._bounds.take_in(document, header)
        chunks = self._chunks(document, self._bounds.language(language))
        return Reading(
            language,
            chunks,
            [count_words(document.text[chunk.start : chunk.end]) for chunk in chunks],
            [self._beside(document, header, chunk) for chunk in chunks],
            Traits(digest_of(f"{document.title}\n{document.text}"), features_of(document.text)),
        )

    def _chunks(self, document: Document, wanted: str) -> list[Chunk]:
        beside = self._bounds.headers[document.id] + self._bounds.so_far_tokens(document.id)
        material = self._bounds.material(wanted, beside, self._bounds.reading) - self._bounds.beyond_map(wanted)
        if material < LEAST_MATERIAL_TOKENS:
            raise DoesNotFit(
                f"The window of {self._bounds.facts.name} is too small for the facets and their categories."
            )
        room = min(self._bounds.room, material)
        limit = min(self._chunk_tokens, room)
        if self._bounds.options.strategy == "single":
            return self._whole(document, room)
        whole = min(room, WHOLE_CHUNKS * limit) if self._bounds.options.strategy == "auto" else limit
        return chunk_document(
            document.text,
            self._bounds.tokens,
            limit,
            lambda _: self._documents.all_sentences(document.id).spans(),
            whole_tokens=whole,
        )

    def _whole(self, document: Document, room: int) -> list[Chunk]:
        """Return a document as one chunk. Raises `DoesNotFit`."""
        start, end = text_span(document.text)
        (tokens,) = self._bounds.tokens.count([document.text[start:end]])
        if tokens > room:
            raise DoesNotFit(
                f"{document.title!r} has {tokens:,} tokens; one call of {self._bounds.facts.name} takes {room:,}."
            )
        return [Chunk(start, end, tokens)] if end else []

    def _beside(self, document: Document, header: Header, chunk: Chunk) -> Beside:
        if self._bounds.facts.provider == "embedded":  # it has no prompts
            return Beside(0, 0)
        sentences = self._documents.count_sentences(document.id, chunk.start, chunk.end)
        highest = sentences + most_marks(self._bounds.target(MANY_WORDS))
        shown = [f"\nSection: {header.outline.path(chunk.start)}", f" [{highest}]"]
        section, number = self._bounds.tokens.count(shown)
        return Beside(section, sentences * (number + 1))
