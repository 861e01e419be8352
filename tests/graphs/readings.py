"""Sentences that are read without a document around them."""

import numpy as np

from graphs.models import reading
from graphs.text.passages import Passage, passages


def read(texts: list[str]) -> reading.Reading:
    """Read sentences, each of which is a document."""
    return reading.read(passages([Passage(text, np.array([0]), np.array([len(text)])) for text in texts]))
