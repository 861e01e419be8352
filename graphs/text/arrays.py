"""Arrays of whole numbers: places, counts and codes."""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]


def runs_of(numbers: Numbers) -> Numbers:
    """Where each run of equal numbers begins. Like its neighbour, many times as fast for a few as `np.diff` is."""
    begins = np.ones(len(numbers), np.bool_)
    np.not_equal(numbers[1:], numbers[:-1], out=begins[1:])
    return begins.nonzero()[0]


def gaps(places: Numbers, end: int) -> Numbers:
    """How far it is from each place to the next one, and from the last to the end."""
    distances = np.empty(len(places), np.int64)
    np.subtract(places[1:], places[:-1], out=distances[:-1])
    distances[-1:] = end - places[-1:]
    return distances


def numbered(cells: Numbers, size: int) -> tuple[Numbers, Numbers]:
    """What is among numbers below `size`, each once and in order, and which of them each is: without sorting."""
    present = np.zeros(size, np.bool_)
    present[cells] = True
    taken = present.nonzero()[0]
    places = np.empty(size, np.int32)  # looked up all over the place: the smaller, the faster
    places[taken] = np.arange(len(taken))
    return taken, places[cells].astype(np.int64)
