"""Which documents of a batch speak of the same things: by the words that they share and others do not."""

import hashlib
import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graphs.text.words import terms

READ_CHARACTERS = 4_000  # of the beginning of each document
WIDTH = 1_024  # hashed terms
ALIKE = 0.35  # cosine, from which on a document belongs to a topic
COMMON = 0.5  # of the documents: terms of more tell no topic
MOST_TOPICS = 128  # every further document joins the topic that is nearest
ALONE = -1  # the topic of documents that are like no other

Features = NDArray[np.float32]


def features_of(text: str) -> Features:
    """Return how often each term stands at the beginning of a text, square-rooted: shape (WIDTH,)."""
    counts = Counter(terms(text[:READ_CHARACTERS]))
    features = np.zeros(WIDTH, np.float32)
    for term, times in counts.items():
        features[_place(term)] += math.sqrt(times)
    return features


def topics_of(features: Sequence[Features]) -> list[int]:
    """Return the topic of each document, numbered as they first come; `ALONE` where no other document has it.

    One pass (leader clustering, Hartigan 1975): a document joins the topic whose first document is most like it, or
    begins one. Common terms count nothing and all others the same, so that one document more changes little.
    """
    if not features:
        return []
    matrix = np.stack(features)
    matrix = matrix * ((matrix > 0).sum(axis=0) <= max(1, COMMON * len(features)))
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    matrix = matrix / np.where(lengths > 0, lengths, 1.0)
    leaders = np.zeros((MOST_TOPICS, WIDTH))
    found: list[int] = []
    topics = 0
    for row in matrix:
        alike = leaders[:topics] @ row
        best = int(alike.argmax()) if topics else 0
        if topics == MOST_TOPICS or (topics and alike[best] >= ALIKE):
            found.append(best)
        else:
            leaders[topics] = row
            found.append(topics)
            topics += 1
    sizes = Counter(found)
    return [topic if sizes[topic] > 1 else ALONE for topic in found]


def _place(term: str) -> int:
    return int.from_bytes(hashlib.blake2b(term.encode("utf-8", "surrogatepass"), digest_size=4).digest()) % WIDTH
