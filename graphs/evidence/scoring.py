"""BM25 of sentences for the terms of a claim, and of what stands around both."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

K1 = 1.2  # how fast a repeated term saturates
B = 0.75  # how much a long sentence is discounted

CANDIDATES = 10  # sentences that share the most, among which it is chosen
CANDIDATE_SHARE = 0.5  # of the best one's score, for a sentence to be a candidate: first of all its own words count
NEXT_WEIGHT = 0.1  # of the scores of the sentences next to a candidate
AROUND_WEIGHT = 0.3  # of what stands around the claim in the summary
AROUND = 8  # sentences before and behind a candidate in which that is looked for

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]


class Block(NamedTuple):
    """Postings of a stretch of sentences, by term and then by sentence."""

    first: int  # sentence
    last: int  # exclusive
    terms: Integers  # that occur
    begins: Integers  # of each one's postings, and the end of all
    rows: NDArray[np.int32]  # the posting's sentence
    times: NDArray[np.unsignedinteger[Any]]  # that it has the term

    def postings(self, term: int) -> slice:
        """Return where a term's postings are."""
        place = int(np.searchsorted(self.terms, term))
        if place == len(self.terms) or self.terms[place] != term:
            return slice(0, 0)
        return slice(int(self.begins[place]), int(self.begins[place + 1]))


def _inside(rows: NDArray[np.int32], first: int, last: int) -> tuple[int, int]:
    """Return where the rows of [first, last) begin and end among ascending ones."""
    begin, end = rows.searchsorted(np.array((first, last), np.int32))  # other integers would have all rows converted
    return int(begin), int(end)


class Terms(NamedTuple):
    """Terms by number, and what they weigh."""

    terms: Integers
    idf: Reals


def idf_of(often: Integers, sentences: int) -> Reals:
    """Return the weight of terms that so many of the sentences have; a term that none has weighs as if one had it."""
    often = np.maximum(often, 1)
    idf: Reals = np.log(1 + (max(sentences, 1) - often + 0.5) / (often + 0.5))
    return idf


class Scoring:
    """BM25 of sentences for terms, by number."""

    def __init__(self, blocks: Sequence[Block], lengths: NDArray[np.int32]) -> None:
        self._blocks = blocks
        self._lengths = lengths
        self._mean = max(float(lengths.mean()), 1.0)

    def often(self, terms: Integers, first: int, last: int) -> Integers:
        """Return in how many of the sentences [first, last) each term stands."""
        often = np.zeros(len(terms), np.int64)
        for block in self._blocks:
            if block.first < last and first < block.last:
                for place, term in enumerate(terms.tolist()):
                    begin, end = _inside(block.rows[block.postings(term)], first, last)
                    often[place] += end - begin
        return often

    def weights(self, block: Block, postings: slice | Integers) -> Reals:
        """Return what postings of a block add to the scores of their sentences, before the term's own weight."""
        times = block.times[postings].astype(np.float64)
        lengths = self._lengths[block.rows[postings]]
        weights: Reals = times * (K1 + 1) / (times + K1 * (1 - B + B * lengths / self._mean))
        return weights

    def surroundings(self, wanted: Terms, around: Terms, rows: Integers, ranges: Integers) -> Reals:
        """Return what the sentences around others, inside the given ranges, add to their scores."""
        if len(rows) < 2:
            return np.zeros(len(rows))  # there is nothing to choose
        added: Reals = NEXT_WEIGHT * self._near(wanted, rows, ranges, np.array([-1, 1])).sum(axis=1)
        if not len(around.terms):
            return added
        offsets = np.concatenate((np.arange(-AROUND, 0), np.arange(1, AROUND + 1)))
        added += AROUND_WEIGHT * self._near(around, rows, ranges, offsets).max(axis=1)
        return added

    def shared(self, terms: Terms, rows: Integers) -> Reals:
        """Return the weight of those of the terms that stand in the sentences."""
        order = np.argsort(rows)
        shared = np.zeros(len(rows))
        for idf, at, _ in self._matches(terms, rows[order].astype(np.int32)):
            shared[order[at]] += idf
        return shared

    def _near(self, terms: Terms, rows: Integers, ranges: Integers, offsets: Integers) -> Reals:
        """Return the scores of the sentences at some offsets from others, 0 outside their ranges: (rows, offsets)."""
        near = rows[:, None] + offsets
        inside = (near >= ranges[:, :1]) & (near < ranges[:, 1:])
        asked, places = np.unique(near[inside], return_inverse=True)
        scores = np.zeros(len(asked))
        for idf, at, weights in self._matches(terms, asked.astype(np.int32)):
            scores[at] += idf * weights
        table = np.zeros(near.shape)
        table[inside] = scores[places]
        return table

    def _matches(self, terms: Terms, rows: NDArray[np.int32]) -> Iterator[tuple[float, Integers, Reals]]:
        """Yield each term's idf, the places in `rows`, ascending sentences, that have it, and its weights there."""
        for block in self._blocks:
            first, last = _inside(rows, block.first, block.last)
            if first == last:
                continue
            asked = rows[first:last]
            for term, idf in zip(terms.terms.tolist(), terms.idf.tolist(), strict=True):
                postings = block.postings(term)
                having = block.rows[postings]
                if not len(having):
                    continue
                places = np.minimum(having.searchsorted(asked), len(having) - 1)
                at = (having[places] == asked).nonzero()[0]
                if len(at):
                    yield idf, at + first, self.weights(block, places[at] + postings.start)


def best_sentences(block: Block, weights: Reals, terms: Terms, first: int, last: int) -> list[tuple[float, int]]:
    """Return the candidates in [first, last) with their scores, negated so that they sort best first."""
    scores = np.zeros(last - first)
    for term, idf in zip(terms.terms.tolist(), terms.idf.tolist(), strict=True):
        at = block.postings(term)
        rows = block.rows[at]
        inside = slice(*_inside(rows, first, last))
        scores[rows[inside] - first] += idf * weights[at][inside]
    best = float(scores.max())
    if best <= 0:
        return []
    found = np.flatnonzero(scores >= CANDIDATE_SHARE * best)
    found = found[np.argsort(-scores[found], kind="stable")][:CANDIDATES]  # of equal ones the first
    return [(-float(scores[place]), first + int(place)) for place in found]
