"""Sparse matrices of sentences and terms, in plain numpy arrays."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from graphs.text.arrays import Numbers, numbered

Values = NDArray[np.float64]

_TABLE_CELLS = 64  # for each number that is looked up in a table; with more of them, sorting is faster


class Matrix(NamedTuple):
    """A sparse matrix by rows. Row i holds `values[starts[i]:starts[i + 1]]` in the columns of the same places."""

    starts: Numbers
    """Shape (rows + 1,)."""
    rows: Numbers
    columns: Numbers
    values: Values
    """Shape (non-zero,) each, ordered by row, then column."""
    width: int
    """The number of columns."""

    @classmethod
    def of_cells(cls, rows: Numbers, columns: Numbers, values: Numbers, height: int, width: int) -> Self:
        """The matrix of cells that are ordered by row, then column, each once."""
        starts = np.searchsorted(rows, np.arange(height + 1))
        return cls(starts.astype(np.int64), rows, columns, values.astype(np.float64), max(1, width))

    def head(self, height: int) -> Self:
        """The first rows."""
        stop = int(self.starts[height])
        columns, values = self.columns[:stop], self.values[:stop]
        return self._replace(starts=self.starts[: height + 1], rows=self.rows[:stop], columns=columns, values=values)

    def row(self, number: int) -> Values:
        """One row with its zeros: shape (width,)."""
        start, stop = int(self.starts[number]), int(self.starts[number + 1])
        return _sums(self.columns[start:stop], self.values[start:stop], self.width)

    def picked(self, numbers: Numbers) -> Self:
        """The rows of these numbers, in their order."""
        starts = self.starts[numbers]
        sizes = self.starts[numbers + 1] - starts
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        cells = np.arange(int(offsets[-1])) + np.repeat(starts - offsets[:-1], sizes)
        rows = np.repeat(np.arange(len(numbers)), sizes)
        return self._replace(starts=offsets, rows=rows, columns=self.columns[cells], values=self.values[cells])

    @property
    def height(self) -> int:
        """The number of rows."""
        return len(self.starts) - 1

    def times(self, vector: Values) -> Values:
        """The product with a vector of shape (width,): shape (height,)."""
        return _sums(self.rows, self.values * vector[self.columns], self.height)

    def transposed_times(self, vector: Values) -> Values:
        """The product of the transpose with a vector of shape (height,): shape (width,)."""
        return _sums(self.columns, self.values * vector[self.rows], self.width)

    def scaled(self, by_row: Values) -> Self:
        """Each row times its own factor."""
        return self._replace(values=self.values * by_row[self.rows])

    def squares(self) -> Values:
        """The squared length of each row."""
        return _sums(self.rows, self.values**2, self.height)

    def apart(self, groups: Numbers) -> Self:
        """The matrix whose rows share a column only within their group: products stay inside the groups."""
        number = int(groups[-1]) + 1 if len(groups) else 0
        cells = groups[self.rows] * self.width + self.columns
        if number * self.width > _TABLE_CELLS * (len(cells) + 1):
            taken, columns = np.unique(cells, return_inverse=True)
        else:
            taken, columns = numbered(cells, number * self.width)
        return self._replace(columns=columns, width=max(1, len(taken)))

    def like(self, other: Self) -> Self:
        """The values in the columns of another matrix that has the same cells otherwise."""
        return self._replace(columns=other.columns, width=other.width)


def inverse_frequency(counts: Matrix) -> Values:
    """log((1 + N) / (1 + df)) + 1 for each term over N sentences (Spärck Jones 1972, smoothed): shape (width,)."""
    frequency = np.bincount(counts.columns, minlength=counts.width)
    return np.asarray(np.log((1.0 + counts.height) / (1.0 + frequency)) + 1.0, dtype=np.float64)


def weigh(counts: Matrix, inverse: Values) -> Matrix:
    """(1 + log tf) * idf with rows of length one (Salton & Buckley 1988)."""
    weighed = counts._replace(values=(1.0 + np.log(counts.values)) * inverse[counts.columns])
    length = np.sqrt(weighed.squares())
    return weighed.scaled(1.0 / np.where(length > 0.0, length, 1.0))


def overlap(counts: Matrix) -> Matrix:
    """Rows whose products are |a & b| / (2 sqrt(log |a| log |b|)), near the |a & b| / (log |a| + log |b|) of TextRank.

    The geometric instead of the arithmetic mean of the logarithms makes it a product of sparse rows; one is added to
    each length, so that a sentence of one term has a logarithm to divide by.
    """
    sizes = np.diff(counts.starts).astype(np.float64)
    factors = 1.0 / np.sqrt(2.0 * np.log(np.maximum(sizes, 1.0) + 1.0))
    return counts._replace(values=np.ones_like(counts.values)).scaled(factors)


def scale(values: Values, prose: Values, groups: Numbers) -> Values:
    """Values moved so that prose reaches from 0 to 1 within each group, others cut there; 0 where all are the same.

    Each row by itself: shape (..., sentences). `prose` is 1 for a sentence that is prose, else 0; `groups` ascend.
    """
    own = np.flatnonzero(prose > 0)
    size = int(groups[-1]) + 1 if len(groups) else 0
    shape = (*values.shape[:-1], size)
    low, high = np.full(shape, np.inf), np.full(shape, -np.inf)
    if len(own):
        runs = np.flatnonzero(np.diff(groups[own], prepend=-1))
        filled = groups[own[runs]]
        low[..., filled] = np.minimum.reduceat(values[..., own], runs, axis=-1)
        high[..., filled] = np.maximum.reduceat(values[..., own], runs, axis=-1)
    flat = high - low <= 1e-12 * np.abs(high)
    low, width = np.where(flat, 0.0, low), np.where(flat, 1.0, high - low)
    moved = (values - low[..., groups]) / width[..., groups]
    return np.where(flat[..., groups], 0.0, np.clip(moved, 0.0, 1.0))


def _sums(places: Numbers, values: Values, size: int) -> Values:
    return np.asarray(np.bincount(places, values, minlength=size), dtype=np.float64)
