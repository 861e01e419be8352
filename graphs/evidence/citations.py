"""Say what each sentence of a summary rests on: exact places in the sources.

A model that quotes brings its places along. What a chat model wrote is aligned with the sources by BM25 (Robertson &
Zaragoza, "The Probabilistic Relevance Framework", 2009): the source sentence that shares the most telling words with
it.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from graphs.text.sentences import split_sentences
from graphs.text.words import terms

K1 = 1.2  # how fast a repeated term saturates
B = 0.75  # how much a long sentence is discounted
CITATIONS = 2  # of one sentence, at most
SECOND_SHARE = 0.8  # of the best score, for a second citation to be worth giving
LEAST_SHARE = 0.25  # of a sentence's term weight that its citation must share, or it gets none


class Source(Protocol):
    """A text that may be cited."""

    @property
    def id(self) -> str:
        """The document's id."""

    @property
    def text(self) -> str:
        """The document's text."""


class Place(NamedTuple):
    """A sentence of a source."""

    document: str
    start: int  # characters
    end: int


class SentenceSearch:
    """BM25 over the sentences of a batch."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._places: list[Place] = []
        self._ranges: dict[str, tuple[int, int]] = {}
        self._vocabulary: dict[str, int] = {}
        counted = [self._add(source) for source in sources]
        rows = np.array([row for batch in counted for row, _, _ in batch], dtype=np.int64)
        columns = np.array([column for batch in counted for _, column, _ in batch], dtype=np.int64)
        tf = np.array([times for batch in counted for _, _, times in batch], dtype=np.float64)
        order = np.argsort(columns, kind="stable")  # postings: by term, then by sentence
        self._rows, tf, sorted_columns = rows[order], tf[order], columns[order]
        self._first = np.searchsorted(sorted_columns, np.arange(len(self._vocabulary) + 1))
        lengths = np.bincount(self._rows, weights=tf, minlength=len(self._places))
        df = np.diff(self._first)
        self._idf = np.log(1 + (len(self._places) - df + 0.5) / (df + 0.5))
        mean = lengths.mean() if len(lengths) else 1.0
        self._weights = tf * (K1 + 1) / (tf + K1 * (1 - B + B * lengths[self._rows] / max(mean, 1.0)))

    def _add(self, source: Source) -> list[tuple[int, int, int]]:
        """Number the sentences and terms of a source; return (sentence, term, times)."""
        counted: list[tuple[int, int, int]] = []
        first = len(self._places)
        for start, end in split_sentences(source.text):
            found = Counter(terms(source.text[start:end]))
            row = len(self._places)
            self._places.append(Place(source.id, start, end))
            counted += [
                (row, self._vocabulary.setdefault(term, len(self._vocabulary)), times) for term, times in found.items()
            ]
        self._ranges[source.id] = (first, len(self._places))
        return counted

    def find(self, sentence: str, document: str | None = None) -> list[Place]:
        """Return the places that a sentence rests on, best first; none where too little is shared. `document` narrows
        the search to one source.
        """
        wanted = [self._vocabulary[term] for term in dict.fromkeys(terms(sentence)) if term in self._vocabulary]
        if not wanted:
            return []
        first, last = self._ranges[document] if document else (0, len(self._places))
        scores: NDArray[np.float64] = np.zeros(last - first)
        for term in wanted:
            left, right = self._first[term], self._first[term + 1]
            rows = self._rows[left:right]
            inside = slice(np.searchsorted(rows, first), np.searchsorted(rows, last))
            scores[rows[inside] - first] += self._idf[term] * self._weights[left:right][inside]
        if not len(scores):
            return []
        best = np.argsort(-scores, kind="stable")[:CITATIONS]
        floor = max(SECOND_SHARE * scores[best[0]], LEAST_SHARE * float(self._idf[wanted].sum()))
        return [self._places[first + int(row)] for row in best if scores[row] >= floor]


def align(
    text: str, search: SentenceSearch, *, language: str, document: str | None = None
) -> list[tuple[str, list[Place]]]:
    """Return the sentences of a text with the places that each rests on."""
    sentences = [" ".join(text[start:end].split()) for start, end in split_sentences(text, language)]
    return [(sentence, search.find(sentence, document)) for sentence in sentences]
