"""Sparse matrices of sentences and terms, in plain numpy arrays."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from graphs.text.arrays import Numbers, numbered, runs_of

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
        starts = rows.searchsorted(np.arange(height + 1))
        return cls(starts, rows, columns, values.astype(np.float64), max(1, width))

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
        offsets = np.concatenate([[0], sizes.cumsum()])
        cells = np.arange(int(offsets[-1])) + (starts - offsets[:-1]).repeat(sizes)
        rows = np.arange(len(numbers)).repeat(sizes)
        return self._replace(starts=offsets, rows=rows, columns=self.columns[cells], values=self.values[cells])

    @property
    def height(self) -> int:
        """The number of rows."""
        return len(self.starts) - 1

    def sizes(self) -> Numbers:
        """How many cells each row has."""
        return self.starts[1:] - self.starts[:-1]

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
    sizes = counts.sizes().astype(np.float64)
    factors = 1.0 / np.sqrt(2.0 * np.log(np.maximum(sizes, 1.0) + 1.0))
    return counts._replace(values=factors[counts.rows])


def scale(values: Values, prose: Values, groups: Numbers) -> Values:
    """Values moved so that prose reaches from 0 to 1 within each group, others cut there; 0 where all are the same.

    Each row by itself: shape (..., sentences). `prose` is 1 for a sentence that is prose, else 0; `groups` ascend.
    """
    own = prose.nonzero()[0]
    if not len(own):
        return np.zeros(values.shape)
    taken, within = values[..., own], groups[own]
    if groups[0] == groups[-1]:
        low, high = np.minimum.reduce(taken, axis=-1, keepdims=True), np.maximum.reduce(taken, axis=-1, keepdims=True)
    else:
        runs = runs_of(within)
        shape = (*values.shape[:-1], int(groups[-1]) + 1)
        low, high = np.full(shape, np.inf), np.full(shape, -np.inf)
        low[..., within[runs]] = np.minimum.reduceat(taken, runs, axis=-1)
        high[..., within[runs]] = np.maximum.reduceat(taken, runs, axis=-1)
    width = high - low
    flat = width <= 1e-12 * np.abs(high)
    low[flat], width[flat] = 0.0, np.inf  # whatever is divided by that is 0
    if low.shape[-1] > 1:
        low, width = low[..., groups], width[..., groups]
    moved = (values - low) / width
    return np.asarray(np.minimum(np.maximum(moved, 0.0, out=moved), 1.0, out=moved), dtype=np.float64)


def _sums(places: Numbers, values: Values, size: int) -> Values:
    return np.asarray(np.bincount(places, values, minlength=size), dtype=np.float64)
