"""The texts of a batch, and what is worked out of each of them once."""

import asyncio
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple, overload

from graphs.evidence.citations import Place
from graphs.summarize.frequent import SAMPLE_CHARACTERS, FrequentTerms, TermCounting
from graphs.text.language import detect_language
from graphs.text.outline import Header, header_of
from graphs.text.sentences import sentence_spans


class Document(NamedTuple):
    """A titled text."""

    id: str
    title: str
    text: str
    pages: tuple[int, ...] = ()  # where each page starts, in characters; empty when there are no pages
    group: str = ""  # label of the source that it is a part of; "": it is a source of its own

    def page(self, position: int) -> int | None:
        """Return the number, from 1, of the page that holds a character; None when the document has no pages."""
        return bisect_right(self.pages, position) if self.pages else None


class Sentences(NamedTuple):
    """The sentences of a text, in order: their first characters, and the ends of them, exclusive."""

    starts: Sequence[int]
    ends: Sequence[int]

    def spans(self) -> Iterator[tuple[int, int]]:
        """Yield each sentence as (start, end)."""
        return zip(self.starts, self.ends, strict=True)

    def between(self, start: int, end: int) -> tuple[int, int]:
        """Return the first sentence that is at least partly between two characters, and the one behind the last."""
        return bisect_right(self.ends, start), bisect_left(self.starts, end)


class Documents:
    """The texts of a batch, in the caller's order, by id."""

    def __init__(self, documents: Iterable[Document] = ()) -> None:
        self._by_id: dict[str, Document] = {}
        self._headers: dict[tuple[str, bool], Header] = {}
        self._languages: dict[str, str] = {}
        self._sentences: dict[str, Sentences] = {}
        self._counting = asyncio.Lock()
        self._frequent_terms: FrequentTerms | None = None
        for document in documents:
            self.add(document)

    def add(self, document: Document) -> None:
        """Append a document. Raises `ValueError` when the id is taken."""
        if document.id in self._by_id:
            raise ValueError(f"two documents have the id {document.id!r}")
        self._by_id[document.id] = document

    async def frequent_terms(self) -> FrequentTerms:
        """Return what summaries are held against; worked out once, when all documents are there, and a piece at a time
        in a thread, so that whatever else wants Python gets its turn in between.
        """
        async with self._counting:
            if self._frequent_terms is None:
                counting = TermCounting(len(self), {document.group for document in self if document.group})
                for piece in _pieces(self):
                    await asyncio.to_thread(_count, piece, counting)
                self._frequent_terms = counting.result()
            return self._frequent_terms

    def language(self, id: str) -> str:
        """Return the ISO 639-1 code of a document's language; found once."""
        if id not in self._languages:
            self._languages[id] = detect_language(self[id].text)
        return self._languages[id]

    def header(self, id: str, *, is_long: bool) -> Header:
        """Return what prompts say of a document; worked out once, some milliseconds a megabyte."""
        if (id, is_long) not in self._headers:
            self._headers[id, is_long] = header_of(self[id].title, self[id].text, is_long=is_long)
        return self._headers[id, is_long]

    def all_sentences(self, id: str) -> Sentences:
        """Return the sentences of a document, as its language has them; found once, and kept."""
        if id not in self._sentences:
            borders = array("I", chain.from_iterable(sentence_spans(self[id].text, self.language(id))))
            self._sentences[id] = Sentences(borders[::2], borders[1::2])
        return self._sentences[id]

    def count_sentences(self, id: str, start: int, end: int) -> int:
        """Return how many sentences `sentences` gives for the text between two characters."""
        first, stop = self.all_sentences(id).between(start, end)
        return stop - first

    def sentences(self, id: str, start: int, end: int) -> list[tuple[int, int]]:
        """Return the sentences of the text between two characters, counted from the first; of one that goes on beyond
        it, the part inside. Every character that is not white space lies in exactly one of them.
        """
        known = self.all_sentences(id)
        first, stop = known.between(start, end)
        spans = [(known.starts[place] - start, known.ends[place] - start) for place in range(first, stop)]
        if spans and (spans[0][0] < 0 or spans[-1][1] > end - start):
            inside = self[id].text[start:end]
            spans[0] = max(spans[0][0], len(inside) - len(inside.lstrip())), spans[0][1]
            spans[-1] = spans[-1][0], min(spans[-1][1], len(inside.rstrip()))
        return spans

    def __getitem__(self, id: str) -> Document:
        return self._by_id[id]

    def __iter__(self) -> Iterator[Document]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)


def _pieces(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Divide documents, in order, by how long it takes to count their terms: a few milliseconds."""
    piece: list[Document] = []
    characters = 0
    for document in documents:
        piece.append(document)
        characters += min(len(document.text), SAMPLE_CHARACTERS)
        if characters >= SAMPLE_CHARACTERS:
            yield piece
            piece, characters = [], 0
    if piece:
        yield piece


def _count(documents: Sequence[Document], counting: TermCounting) -> None:
    for document in documents:
        counting.add(document.id, document.group, document.text)


class Places(Sequence[Place]):
    """Sentences of a document that starts at `offset`, as places; few of them are ever asked for."""

    def __init__(self, document: str, offset: int, spans: Sequence[tuple[int, int]]) -> None:
        self._document = document
        self._offset = offset
        self._spans = spans

    def __len__(self) -> int:
        return len(self._spans)

    @overload
    def __getitem__(self, number: int) -> Place: ...

    @overload
    def __getitem__(self, number: slice) -> list[Place]: ...

    def __getitem__(self, number: int | slice) -> Place | list[Place]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        start, end = self._spans[number]
        return Place(self._document, self._offset + start, self._offset + end)
