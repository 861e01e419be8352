"""The most frequent terms of each document, of each group and of all: what a good summary names."""

from collections.abc import Collection
from typing import NamedTuple, Self

from graphs.evidence.scores import TermCounts

MOST_SCORED = 200  # documents, or groups, at some milliseconds each; of a larger batch the batch alone
SAMPLE_CHARACTERS = 50_000  # of a document, that tell its most frequent terms


class FrequentTerms(NamedTuple):
    """Terms of what is summarised, most frequent first."""

    of_documents: dict[str, list[str]]  # by id
    of_groups: dict[str, list[str]]  # by label
    of_batch: list[str]

    @classmethod
    def of(cls, documents: Collection[tuple[str, str, str]]) -> Self:
        """Return the frequent terms of documents, given as id, label of the group and text. A second for some 10 MB,
        of documents that are no longer than the sample.
        """
        of_batch = TermCounts()
        groups = {group for _, group, _ in documents if group}
        by_group = {group: TermCounts() for group in groups} if len(groups) <= MOST_SCORED else {}
        of_documents: dict[str, list[str]] = {}
        for id, group, text in documents:
            counts = TermCounts(_sample(text))
            of_batch.add(counts)
            if group in by_group:
                by_group[group].add(counts)
            if len(documents) <= MOST_SCORED:
                of_documents[id] = counts.top()
        return cls(of_documents, {group: counts.top() for group, counts in by_group.items()}, of_batch.top())


def _sample(text: str) -> str:
    """Return the beginning and the middle of a text."""
    half = SAMPLE_CHARACTERS // 2
    middle = max(half, len(text) // 2)
    return f"{text[:half]}\n{text[middle : middle + half]}"
