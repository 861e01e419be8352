"""ROUGE: how much of the wording of a reference a summary shares. It knows nothing of truth, order or style.

C.-Y. Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", 2004. On English text the figures equal those of
rouge-score with its stemmer.
"""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

from graphs.evidence.porter import stem
from graphs.text.words import HANGUL, SPACELESS

_TOKEN = re.compile(f"[a-z0-9]+|[{SPACELESS}]+|[{HANGUL}]+|[^\\W_a-z0-9{SPACELESS}{HANGUL}]+")
_BIGRAM_RUN = re.compile(f"[{SPACELESS}{HANGUL}]")
Unit = TypeVar("Unit", str, tuple[str, str])

_LEAST_STEMMED = 4  # characters: rouge-score leaves shorter words as they are


class Share(NamedTuple):
    """What two texts have in common, as shares from 0 to 1."""

    precision: float
    """Of the summary."""
    recall: float
    """Of the reference."""
    f1: float
    """Their harmonic mean."""


class Rouge(NamedTuple):
    """ROUGE of one summary against one reference."""

    one: Share
    """Words in common."""
    two: Share
    """Pairs of neighbouring words in common."""
    longest: Share
    """The longest sequence of words that both have in the same order, with gaps (ROUGE-L)."""

    @property
    def mean(self) -> float:
        """(ROUGE-1 + ROUGE-2) / 2 of F1: one figure to compare by."""
        return (self.one.f1 + self.two.f1) / 2


def rouge_of(summary: Sequence[str], reference: Sequence[str]) -> Rouge:
    """ROUGE-1, ROUGE-2 and ROUGE-L of two texts as `rouge_tokens`. An empty text shares nothing."""
    one = _shared(Counter(summary), Counter(reference))
    two = _shared(Counter(pairwise(summary)), Counter(pairwise(reference)))
    return Rouge(one, two, _share(_longest(summary, reference), len(summary), len(reference)))


def rouge_tokens(text: str) -> list[str]:
    """The words of a text in lower case, English ones stemmed; Hangul, Kana, Han and the like as character bigrams."""
    tokens: list[str] = []
    for form in _TOKEN.findall(text.lower()):
        if _BIGRAM_RUN.match(form):
            tokens += map(str.__add__, form, form[1:]) if len(form) > 1 else [form]
        else:
            tokens.append(stem(form) if len(form) >= _LEAST_STEMMED else form)
    return tokens


def _shared(summary: Counter[Unit], reference: Counter[Unit]) -> Share:
    common = sum(min(count, reference[unit]) for unit, count in summary.items())
    return _share(common, summary.total(), reference.total())


def _share(common: int, summary: int, reference: int) -> Share:
    if not common:
        return Share(0.0, 0.0, 0.0)
    return Share(common / summary, common / reference, 2 * common / (summary + reference))


def _longest(one: Sequence[str], other: Sequence[str]) -> int:
    """The length of the longest common subsequence, a bit of an integer for each token of `one`.

    H. Hyyrö, "Bit-parallel LCS-length computation revisited", 2004: a row of the usual table is one addition.
    """
    places: dict[str, int] = {}
    for place, token in enumerate(one):
        places[token] = places.get(token, 0) | 1 << place
    row = every = (1 << len(one)) - 1
    for token in other:
        matched = row & places.get(token, 0)
        row = ((row + matched) | (row - matched)) & every
    return len(one) - row.bit_count()
