"""What the embedded model knows of each sentence: how central, frequent, early and matter-of-fact it is."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from graphs.models.genres import Weights
from graphs.models.matrix import Matrix, Values, overlap, scale
from graphs.models.reading import Reading
from graphs.text.arrays import Numbers

FOCUS = 2.0  # how much resemblance to the focus counts beside features that each reach 0.5 to 2
_MOST_NUMBERS = 3
# By the genre.
_WEIGHED = ("lexrank", "textrank", "frequency", "wording", "agreement", "meaning", "persons", "numbers", "cues")


class Features(NamedTuple):
    """Features of all sentences, each of shape (sentences,), unscaled."""

    lexrank: Values
    textrank: Values
    frequency: Values
    wording: Values
    agreement: Values
    meaning: Values
    persons: Values
    numbers: Values
    cues: Values
    asked: Values
    """Resemblance to the focus."""


def centrality(matrix: Matrix, prose: Values) -> Values:
    """How similar each sentence is to all others that are prose: the sum of its products with them, shape (height,).

    `prose` is 1 for such a sentence, else 0. This is the continuous degree centrality of Erkan & Radev 2004 (section
    3.2) on the rows of `weigh`, TextRank's (Mihalcea & Tarau 2004) on those of `overlap`: a random walk on an
    undirected graph ends in the degrees. The similarities, M M' without its diagonal, are never formed: their row sums
    are M (M' prose).
    """
    summed = matrix.times(matrix.transposed_times(prose))
    return np.maximum(summed - prose * matrix.squares(), 0.0)


def frequency(counts: Matrix, prose: Values) -> Values:
    """The mean over a sentence's distinct terms of log(1 + how often the term comes in prose): shape (height,)."""
    return _mean(counts, np.log1p(counts.transposed_times(prose)))


def agreement(counts: Matrix, apart: Matrix) -> Values:
    """The mean over a sentence's distinct terms of the number of groups (documents) that have the term.

    `apart` are the counts with the columns of the groups apart.
    """
    return _mean(counts, np.bincount(_terms(counts, apart), minlength=counts.width).astype(np.float64))


def likeness(tfidf: Matrix, apart: Matrix, prose: Values, groups: Numbers, size: int) -> float:
    """The mean cosine between the sums of the prose of two of `size` groups; 1 where there are not two."""
    sums = tfidf.like(apart).transposed_times(prose)
    owners = np.zeros(apart.width, np.int64)
    owners[apart.columns] = groups[apart.rows]
    length = np.sqrt(np.bincount(owners, sums**2, minlength=size))
    filled = int((length > 0).sum())
    if filled < 2:
        return 1.0
    sums /= np.where(length > 0, length, 1.0)[owners]
    whole = np.bincount(_terms(tfidf, apart), sums, minlength=tfidf.width)
    return float((whole @ whole - filled) / (filled * (filled - 1)))


def measure(tfidf: Matrix, reading: Reading, asked: Values, *, prose: Values, by_overlap: bool) -> Features:
    """The features of all sentences; those within groups, if rows of different groups share no columns.

    `textrank` is 0 unless it is asked for by `by_overlap`; `wording`, `agreement` and `meaning` are.
    """
    counts = reading.counts
    words = np.maximum(reading.words, 1)
    return Features(
        lexrank=centrality(tfidf, prose),
        textrank=centrality(overlap(counts), prose) if by_overlap else np.zeros(counts.height),
        frequency=frequency(counts, prose),
        wording=np.zeros(counts.height),
        agreement=np.zeros(counts.height),
        meaning=np.zeros(counts.height),
        persons=reading.persons / words,
        numbers=np.minimum(reading.numbers, _MOST_NUMBERS).astype(np.float64),
        cues=reading.cues.astype(np.float64),
        asked=asked,
    )


def mix(features: Features, index: Values, weights: Sequence[Weights], *, prose: Values, groups: Numbers) -> Values:
    """The weighted sum of the features, each scaled within its group, scaled again: shape (sentences,).

    `weights` are those of each group, one for all where there is but one; `index` is the place of each sentence among
    the prose of its document.
    """
    alone = len(weights) == 1
    table = np.array(weights, np.float64).reshape(-1, len(Weights._fields)).T
    counts = dict(zip(Weights._fields, (table != 0.0).any(axis=1), strict=True))
    weight = dict(zip(Weights._fields, table if alone else table[:, groups], strict=True))
    mixed = weight["position"] * (1.0 + index) ** -(weight["slope"].repeat(len(index)) if alone else weight["slope"])
    used = [name for name in _WEIGHED if counts[name]]
    counting = [weight[name] for name in used]
    if features.asked.any():
        used.append("asked")
        counting.append(np.full(1, FOCUS))
    for factor, scaled in zip(
        counting, scale(np.array([getattr(features, name) for name in used]), prose, groups), strict=True
    ):
        mixed += factor * scaled
    return scale(mixed, prose, groups)


def _mean(counts: Matrix, by_column: Values) -> Values:
    """The mean of a value of the columns over the cells of each row; 0 for an empty row."""
    summed = np.bincount(counts.rows, by_column[counts.columns], minlength=counts.height)
    return np.asarray(summed / np.maximum(counts.sizes(), 1), dtype=np.float64)


def _terms(matrix: Matrix, apart: Matrix) -> Numbers:
    """Which column of a matrix each column of it with groups apart comes from."""
    terms = np.zeros(apart.width, np.int64)
    terms[apart.columns] = matrix.columns
    return terms
