"""The model `embedded:extractive`, its pure part: which sentences of a batch say most within a number of words."""

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

import numpy as np

from graphs.models.features import (
    PROSE,
    SHORT,
    WORDLESS,
    Matrix,
    Numbers,
    Values,
    centrality,
    count_all,
    inverse_frequency,
    is_dense,
    is_dialogue,
    kinds,
    overlap,
    quoted_share,
    scale,
    weigh,
)
from graphs.text.sentences import split_sentences

VERSION = "extractive-2"
"""Part of every digest: change it with anything that changes a score."""

OVERRUN = 0.15
"""The share by which a selection may be longer than asked."""

_SAME = 0.95  # a sentence this similar to a chosen one only repeats it
_FOCUS = 2.0  # how much resemblance to the focus counts beside features that each reach 1
_PART_WORDS = 40  # the words of one part where a selection is spread: about two sentences
_PARTS = 12


class Sentence(NamedTuple):
    """A sentence of the batch: document id, start and end in characters of its text."""

    document: str
    start: int
    end: int


class Weights(NamedTuple):
    """How much each feature counts for a genre, and how much relevance counts against redundancy in MMR."""

    lexrank: float
    textrank: float
    centroid: float
    position: float
    slope: float
    """Position counts as (1 + index) ** -slope."""
    relevance: float
    least_words: int
    spread: bool = False
    """Whether equal parts of the document get equal parts of the words."""


ARTICLE = Weights(0.8, 0.3, 0.0, 1.0, 0.5, 0.7, 6)
DENSE_ARTICLE = Weights(0.0, 1.0, 0.0, 0.3, 1.0, 0.5, 4)
LONG = Weights(1.0, 0.0, 0.0, 1.5, 0.5, 0.6, 6)
NARRATIVE = Weights(1.0, 0.0, 0.5, 0.0, 1.0, 0.6, 10, spread=True)
DIALOGUE = Weights(0.5, 0.5, 0.0, 0.8, 0.5, 0.7, 16)
MULTI = Weights(1.0, 0.0, 0.0, 1.0, 0.5, 0.6, 6)
REVIEWS = Weights(1.0, 0.0, 0.0, 0.0, 1.0, 0.85, 6)


class _Document(NamedTuple):
    identity: str
    text: str
    spans: list[tuple[int, int]]


class BatchIndex:
    """TF-IDF of the whole batch, its centrality and position features: computed once, asked often.

    Sentences are numbered from 0 in source order. Nothing changes after `build`, so threads may share an index. Memory
    grows with the number of terms, not with the square of the sentences.
    """

    digest: str
    """SHA-256 (hex) of everything that the scores depend on: version of the algorithm, ids, texts, focus."""

    def __init__(self, documents: Sequence[tuple[str, str]], focus: str | None) -> None:
        self.digest = _digest(documents, focus)
        read = [_Document(identity, text, split_sentences(text)) for identity, text in documents]
        self._identities = [document.identity for document in read]
        self._places = {identity: place for place, identity in enumerate(self._identities)}
        if len(self._places) < len(read):
            raise ValueError("two documents of the batch have the same id")
        sizes = [len(document.spans) for document in read]
        self._bounds = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self._spans = [span for document in read for span in document.spans]
        self._owners = np.repeat(np.arange(len(read), dtype=np.int64), np.array(sizes, dtype=np.int64))
        texts = [document.text[start:end] for document in read for start, end in document.spans]
        self._words = count_all(texts)
        self._genres = [_genre(document) for document in read]
        self._genre = _batch_genre(self._genres, sizes)
        self._kinds = [kind for place in range(len(read)) for kind in self._kinds_of(read[place], place)]
        self._score(Matrix.of([*texts, focus or ""]))

    @classmethod
    def build(cls, documents: Iterable[tuple[str, str]], *, focus: str | None = None) -> Self:
        """The index of (id, text) pairs in source order; `focus` moves the scores towards what resembles it.

        Takes about half a second for a megabyte. Raises ValueError when two documents share an id.
        """
        return cls(list(documents), focus)

    def __len__(self) -> int:
        """The number of sentences of the batch."""
        return len(self._spans)

    def sentence(self, number: int) -> Sentence:
        """The sentence of a number. IndexError if there is none."""
        if number < 0:
            raise IndexError(number)
        return Sentence(self._identities[int(self._owners[number])], *self._spans[number])

    def number(self, sentence: Sentence) -> int:
        """The number of a sentence. KeyError if the batch has no such sentence."""
        place = self._places[sentence.document]
        span = (sentence.start, sentence.end)
        number = bisect_left(self._spans, span, int(self._bounds[place]), int(self._bounds[place + 1]))
        if number == self._bounds[place + 1] or self._spans[number] != span:
            raise KeyError(sentence)
        return number

    def within(self, document: str, start: int, end: int) -> list[int]:
        """The numbers of the sentences between two offsets of a document that a summary may take, in source order.

        They are prose; failing that short sentences, failing that headings, tables, code and the like; failing that
        what reaches into the span. So a span that holds a word of a sentence never gives an empty list. KeyError if the
        document is unknown.
        """
        place = self._places[document]
        first, last = int(self._bounds[place]), int(self._bounds[place + 1])
        low = bisect_left(self._spans, (start, start), first, last)
        high = bisect_left(self._spans, (end, end), low, last)
        inside = [number for number in range(low, high) if self._spans[number][1] <= end]
        touching = range(low - 1 if low > first and self._spans[low - 1][1] > start else low, high)
        for numbers in (inside, touching):
            best = min((self._kinds[number] for number in numbers), default=WORDLESS)
            if best < WORDLESS:
                return [number for number in numbers if self._kinds[number] == best]
        return []

    def select(self, candidates: Sequence[int], words: int) -> list[int]:
        """The candidates that together say most in about `words` words, in source order.

        Maximal marginal relevance (Carbonell & Goldstein 1998) by the scores of the whole batch: within the document
        when all candidates are of one, else across documents. Never longer than `words` and 15 %, unless every
        candidate alone is. Equal input gives equal output. ValueError if `words` is less than one.
        """
        if words < 1:
            raise ValueError("a selection has at least one word")
        numbers = np.unique(np.array(candidates, dtype=np.int64))
        if not len(numbers):
            return []
        place = int(self._owners[numbers[0]])
        alone = place == self._owners[numbers[-1]]
        weights = self._genres[place] if alone else self._genre
        scores = (self._own if alone else self._across)[numbers]
        lengths = self._words[numbers]
        limit = int(words * (1.0 + OVERRUN))
        if int(lengths.min()) > limit:
            return [int(numbers[int(np.argmin(lengths))])]
        chosen = _Mmr(self._matrix, numbers, scores, lengths, weights.relevance)
        parts = min(_PARTS, words // _PART_WORDS, len(numbers) // 4) if weights.spread else 1
        if parts > 1:
            part = np.arange(len(numbers)) * parts // len(numbers)
            for step in range(parts):
                # What earlier parts left over goes to this one: the budget is met, the parts stay nearly equal.
                chosen.take(words * (step + 1) // parts, int(limit * (step + 1) // parts), part == step)
        chosen.take(words, limit, np.ones(len(numbers), dtype=np.bool_))
        return sorted(int(numbers[place]) for place in chosen.taken)

    def _kinds_of(self, document: _Document, place: int) -> list[int]:
        """The kind of each sentence of one document; a short document has no short sentences."""
        low, high = int(self._bounds[place]), int(self._bounds[place + 1])
        found = kinds(document.text, document.spans, self._words[low:high].tolist(), self._genres[place].least_words)
        if sum(kind == PROSE for kind in found) < 3:
            return [PROSE if kind == SHORT else kind for kind in found]
        return found

    def _score(self, counts: Matrix) -> None:
        """Score every sentence within its document (`_own`) and across the batch (`_across`), each from 0 to 1."""
        height = len(self._spans)
        inverse = inverse_frequency(counts.head(height))
        weighed = weigh(counts, inverse)
        focus = weighed.row(height)
        self._matrix = weighed.head(height)
        linked = (np.array(self._kinds, dtype=np.int64) <= SHORT).astype(np.float64)
        tfidf, plain = self._matrix.scaled(linked), overlap(counts.head(height)).scaled(linked)
        asked = self._matrix.times(focus)
        index = np.arange(height) - self._bounds[self._owners]
        own = np.array(self._genres, dtype=np.float64).reshape(-1, len(Weights._fields))[self._owners]
        self._own = _mix(tfidf.apart(self._owners), plain.apart(self._owners), index, own, asked, self._owners)
        if len(self._genres) > 1:
            across = np.broadcast_to(np.array(self._genre, dtype=np.float64), own.shape)
            self._across = _mix(tfidf, plain, index, across, asked, np.zeros_like(self._owners))
        else:
            self._across = self._own


class _Mmr:
    """Chooses rows one by one: relevance less the greatest similarity to a row already chosen."""

    def __init__(self, matrix: Matrix, numbers: Numbers, scores: Values, lengths: Numbers, relevance: float) -> None:
        starts, stops = matrix.starts[numbers], matrix.starts[numbers + 1]
        sizes = stops - starts
        self._offsets = np.concatenate([[0], np.cumsum(sizes)])
        cells = np.arange(int(self._offsets[-1])) + np.repeat(starts - self._offsets[:-1], sizes)
        self._columns, self._values = matrix.columns[cells], matrix.values[cells]
        self._rows = np.repeat(np.arange(len(numbers)), sizes)
        self._dense = np.zeros(matrix.width)
        self._scores, self._lengths, self._relevance = scores, lengths, relevance
        self._similar = np.zeros(len(numbers))
        self._free = np.ones(len(numbers), dtype=np.bool_)
        self._used = 0
        self.taken: list[int] = []

    def take(self, words: int, limit: int, allowed: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> None:
        """Choose among the allowed rows until `words` are used, never beyond `limit`; ties go to the earlier row."""
        while self._used < words:
            open_ = self._free & allowed & (self._lengths <= limit - self._used)
            if not open_.any():
                return
            worth = self._relevance * self._scores - (1.0 - self._relevance) * self._similar
            row = int(np.argmax(np.where(open_, worth, -np.inf)))
            self._add(row)

    def _add(self, row: int) -> None:
        self.taken.append(row)
        self._used += int(self._lengths[row])
        own = slice(int(self._offsets[row]), int(self._offsets[row + 1]))
        self._dense[self._columns[own]] = self._values[own]
        products = self._values * self._dense[self._columns]
        self._dense[self._columns[own]] = 0.0
        similar = np.bincount(self._rows, products, minlength=len(self._similar))
        np.maximum(self._similar, similar, out=self._similar)
        self._free &= self._similar < _SAME
        self._free[row] = False


def _mix(tfidf: Matrix, plain: Matrix, index: Numbers, weights: Values, asked: Values, groups: Numbers) -> Values:
    """The weighted sum of the features, each scaled within its group, scaled again: shape (sentences,).

    `weights` has a row of `Weights` for each sentence.
    """
    lexrank, textrank, centroid, position, slope = weights.T[:5]
    ones = np.ones(len(index))
    mixed = position * (1.0 + index) ** -slope + _FOCUS * scale(asked, groups)
    mixed += lexrank * scale(centrality(tfidf), groups)
    if textrank.any():
        mixed += textrank * scale(centrality(plain), groups)
    if centroid.any():
        mixed += centroid * scale(tfidf.times(tfidf.transposed_times(ones)), groups)
    return scale(mixed, groups)


def _genre(document: _Document) -> Weights:
    """The weights for choosing within one document, by what it looks like."""
    dense = is_dense(document.text)
    sentences = len(document.spans)
    if is_dialogue(document.text):
        found = DIALOGUE
    elif sentences > 250 and quoted_share([document.text[start:end] for start, end in document.spans]) > 0.2:
        found = NARRATIVE
    elif sentences > 120:
        found = LONG
    else:
        return DENSE_ARTICLE if dense else ARTICLE
    # Half the words say as much where Korean particles and endings stand inside the word.
    return found._replace(least_words=(found.least_words + 2) // 2) if dense else found


def _batch_genre(genres: Sequence[Weights], sizes: Sequence[int]) -> Weights:
    """The weights for choosing across documents, by their genres and numbers of sentences."""
    if genres and all(found._replace(least_words=DIALOGUE.least_words) == DIALOGUE for found in genres):
        return DIALOGUE
    if len(sizes) >= 10 and sorted(sizes)[len(sizes) // 2] <= 20:
        return REVIEWS
    return MULTI


def _digest(documents: Sequence[tuple[str, str]], focus: str | None) -> str:
    """SHA-256 over the version and every part with its length in front, so that no two batches run together."""
    digest = hashlib.sha256(VERSION.encode())
    for part in ("" if focus is None else "=" + focus, *(part for document in documents for part in document)):
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big"))
        digest.update(encoded)
    return digest.hexdigest()
