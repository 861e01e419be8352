"""Figures of a selection."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean
from typing import NamedTuple

import numpy as np

from bench.extracts.sets import Item
from graphs.evidence.rouge import rouge_of, rouge_tokens
from graphs.text.words import terms

TOP_TERMS = 25


class Figures(NamedTuple):
    """What is measured of one selection; shares from 0 to 1."""

    one: float
    """F1 of ROUGE-1, -2 and -L, the mean over the references."""
    two: float
    longest: float
    terms: float
    """Share of the 25 most frequent terms of the documents that the selection has."""
    repeated: float
    """Share of its pairs of neighbouring words that came before."""
    length: float
    """Its words as a share of the budget."""

    @property
    def mean(self) -> float:
        """(ROUGE-1 + ROUGE-2) / 2."""
        return (self.one + self.two) / 2


def measure(item: Item, selections: Sequence[Sequence[int]]) -> Figures | None:
    """The mean figures of the selections of one item; None if there is none."""
    if not selections:
        return None
    return Figures(*np.mean([_measure(item, selection) for selection in selections], axis=0).tolist())


def _measure(item: Item, selection: Sequence[int]) -> Figures:
    text = " ".join(item.sentences[place].text for place in selection)
    tokens = rouge_tokens(text)
    shared = [rouge_of(tokens, rouge_tokens(reference)) for reference in item.references]
    counts = Counter(term for whole in item.texts for term in terms(whole) if not term.isdigit())
    top = [term for term, _ in counts.most_common(TOP_TERMS)]
    pairs = list(pairwise(tokens))
    return Figures(
        one=fmean(rouge.one.f1 for rouge in shared),
        two=fmean(rouge.two.f1 for rouge in shared),
        longest=fmean(rouge.longest.f1 for rouge in shared),
        terms=len(set(top) & set(terms(text))) / max(1, len(top)),
        repeated=1 - len(set(pairs)) / max(1, len(pairs)),
        length=sum(item.sentences[place].words for place in selection) / item.budget,
    )
