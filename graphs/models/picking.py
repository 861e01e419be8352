"""Choose sentences one by one: worth, less what repeats, more what is new, each document its due."""

from typing import NamedTuple

import numpy as np

from graphs.models.matrix import Matrix, Values
from graphs.text.arrays import Flags, Numbers, gaps, runs_of

SAME = 0.95  # a sentence this similar to a chosen one only repeats it
MOST_CANDIDATES = 4_000  # of the best score: the rest of a long text is never reached

_COVERED = 0.2  # what a term that a chosen sentence has still counts
_LENGTH = 0.6  # new terms count by words ** -this: by the word they favour fragments, by the sentence endless ones
_SHORTEST = 4  # words
_LEAN = 0.1  # of score, for a sentence that says only with the one before of whom it speaks, while that is missing
_FILLER = 0.1  # of score below the best sentence that is open
_MOST_LOSS = 0.25  # of score for a length nearer to what was asked: a summary that lacks the best sentence is worse


class Terms(NamedTuple):
    """What choosing needs of all sentences."""

    tfidf: Matrix
    """Rows of length one."""
    gains: Values
    """What each term is worth that no chosen sentence has: shape (width,)."""


class Balance(NamedTuple):
    """How much each of several groups of candidates should have of the words."""

    groups: Numbers
    """The group of each candidate."""
    due: Values
    """The share of each group; they sum to one."""
    strength: float
    """What is taken off a sentence whose group has had its due, and off one that alone is twice its group's due."""


class Picker:
    """Chooses among candidates in source order; rows are their places."""

    def __init__(
        self,
        terms: Terms,
        numbers: Numbers,
        scores: Values,
        lengths: Numbers,
        leaning: Flags,
        *,
        redundancy: float,
        novelty: float,
        balance: Balance | None,
    ) -> None:
        own = terms.tfidf.picked(numbers)
        self._own = own
        self._rows, self._columns, self._values = own.rows, own.columns, own.values
        self._lengths = lengths
        self._lean = _LEAN * leaning
        self._scores = scores - self._lean
        self._is_next = np.append(np.diff(numbers) == 1, False)  # to the row behind it
        self._redundancy, self._novelty, self._balance = redundancy, novelty, balance
        self._gains = terms.gains.copy() if novelty else np.zeros(0)
        self._short = np.maximum(lengths, _SHORTEST) ** -_LENGTH
        self._most_new = float(self._new().max(initial=0.0)) if novelty else 0.0
        self._similar = np.zeros(len(numbers))
        self._dense = np.zeros(own.width)
        self._free = np.ones(len(numbers), dtype=np.bool_)
        self._had = np.zeros(len(balance.due)) if balance else np.zeros(0)
        self._used = 0
        self.taken: list[int] = []

    def take(self, words: int, limit: int, allowed: Flags, total: int, *, enough: int) -> None:
        """Choose among the allowed rows until `words` are used, never beyond `limit`; ties go to the earlier row.

        With `enough` of them used, nothing is taken that is much poorer than what no longer fits: it would only fill
        the rest. `total` is what all groups share.
        """
        while self._used < words:
            open_ = self._free & allowed
            fits = open_ & (self._lengths <= limit - self._used)
            if not fits.any():
                return
            worth = self._worth(total)
            row = int(np.argmax(np.where(fits, worth, -np.inf)))
            if self._used >= enough and worth[row] < worth[open_].max() - _FILLER:
                return
            self._add(row)

    def fill(self, least: int, limit: int) -> None:
        """Where fewer than `least` words were chosen, because no other sentence fits, exchange one for a longer one.

        The exchange that costs the least score; none where each costs much or misses what lies from `least` to `limit`.
        """
        best, exchange = -_MOST_LOSS, None
        for row in self.taken if self._used < least else ():
            used = self._used - self._lengths[row] + self._lengths
            gains = np.where(self._free & (used >= least) & (used <= limit), self._scores - self._scores[row], -np.inf)
            other = int(np.argmax(gains))
            if gains[other] > best:
                best, exchange = float(gains[other]), (row, other)
        if exchange:
            self.taken.remove(exchange[0])
            self.taken.append(exchange[1])

    def _worth(self, total: int) -> Values:
        worth = self._scores - self._redundancy * self._similar
        if self._most_new:
            worth += self._novelty / self._most_new * self._new()
        if self._balance:
            groups, due, strength = self._balance
            had = (self._had / (due * total))[groups]
            beyond = had + self._lengths / (due * total)[groups] - 1.0
            worth -= strength * (had + np.maximum(beyond, 0.0))
        return worth

    def _new(self) -> Values:
        found = np.bincount(self._rows, self._gains[self._columns], minlength=len(self._lengths))
        return np.asarray(found * self._short, dtype=np.float64)

    def _add(self, row: int) -> None:
        self.taken.append(row)
        words = int(self._lengths[row])
        self._used += words
        if self._is_next[row]:
            self._scores[row + 1] += self._lean[row + 1]
        own = slice(int(self._own.starts[row]), int(self._own.starts[row + 1]))
        columns = self._columns[own]
        self._dense[columns] = self._values[own]
        products = self._values * self._dense[self._columns]
        self._dense[columns] = 0.0
        np.maximum(self._similar, np.bincount(self._rows, products, minlength=len(self._similar)), out=self._similar)
        if self._novelty:
            self._gains[columns] *= _COVERED
        if self._balance:
            self._had[self._balance.groups[row]] += words
        self._free &= self._similar < SAME
        self._free[row] = False


def best_of_each(scores: Values, groups: Numbers, most: int) -> Numbers:
    """The places of the best of each group, in order, about `most` in all: every group has its equal part."""
    if len(scores) <= most:
        return np.arange(len(scores))
    order = np.lexsort((-scores, groups))
    firsts = runs_of(groups[order])
    rank = np.arange(len(order)) - firsts.repeat(gaps(firsts, len(order)))
    return np.sort(order[rank < max(1, most // len(firsts))])
