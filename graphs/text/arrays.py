"""Arrays of whole numbers: places, counts and codes."""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]


def numbered(cells: Numbers, size: int) -> tuple[Numbers, Numbers]:
    """What is among numbers below `size`, each once and in order, and which of them each is: without sorting."""
    present = np.zeros(size, np.bool_)
    present[cells] = True
    taken = np.flatnonzero(present)
    places = np.empty(size, np.int64)
    places[taken] = np.arange(len(taken))
    return taken, places[cells]
