"""The most frequent terms of each document, of each group and of all: what a good summary names."""

from collections.abc import Collection
from typing import NamedTuple

from graphs.evidence.scores import TermCounts

MOST_SCORED = 200  # documents, or groups, at some milliseconds each; of a larger batch the batch alone
SAMPLE_CHARACTERS = 50_000  # of a document, that tell its most frequent terms


class FrequentTerms(NamedTuple):
    """Terms of what is summarised, most frequent first."""

    of_documents: dict[str, list[str]]  # by id
    of_groups: dict[str, list[str]]  # by label
    of_batch: list[str]


class TermCounting:
    """Counts the terms of a batch's documents, one after the other. A second for some 10 MB, of documents that are no
    longer than the sample.
    """

    def __init__(self, documents: int, groups: Collection[str]) -> None:
        self._of_batch = TermCounts()
        self._by_group = {group: TermCounts() for group in groups} if len(groups) <= MOST_SCORED else {}
        self._of_documents: dict[str, list[str]] = {}
        self._are_scored = documents <= MOST_SCORED

    def add(self, id: str, group: str, text: str) -> None:
        """Count the terms of a document with the label of its group, "" for none. Some milliseconds."""
        counts = TermCounts(_sample(text))
        self._of_batch.add(counts)
        if group in self._by_group:
            self._by_group[group].add(counts)
        if self._are_scored:
            self._of_documents[id] = counts.top()

    def result(self) -> FrequentTerms:
        """Return what is most frequent in all that was counted."""
        by_group = {group: counts.top() for group, counts in self._by_group.items()}
        return FrequentTerms(self._of_documents, by_group, self._of_batch.top())


def _sample(text: str) -> str:
    """Return the beginning and the middle of a text."""
    half = SAMPLE_CHARACTERS // 2
    middle = max(half, len(text) // 2)
    return f"{text[:half]}\n{text[middle : middle + half]}"
