"""How far a mean can be trusted: bootstrap intervals (Efron, "Bootstrap methods", 1979)."""

from collections.abc import Sequence

import numpy as np

RESAMPLES = 2_000
_SEED = 7  # equal values give equal intervals
_SHARES = (0.025, 0.975)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The bootstrap 95 % interval of the mean. ValueError if there are no values."""
    return macro_interval([values])


def macro_interval(sets: Sequence[Sequence[float]]) -> tuple[float, float]:
    """The same for the mean over sets of their means: items are drawn anew within each set."""
    if not sets or not all(sets):
        raise ValueError("a mean needs values")
    draw = np.random.default_rng(_SEED)
    means = np.zeros(RESAMPLES)
    for values in sets:
        drawn = draw.integers(0, len(values), (RESAMPLES, len(values)))
        means += np.asarray(values)[drawn].mean(axis=1) / len(sets)
    low, high = np.quantile(means, _SHARES)
    return float(low), float(high)
