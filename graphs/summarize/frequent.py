"""The most frequent terms of each document, of each group and of all: what a good summary names."""

from collections.abc import Iterable
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
    def of(cls, documents: Iterable[tuple[str, str, str]]) -> Self:
        """Return the frequent terms of documents, given as id, label of the group and text. A second for some 10 MB,
        of documents that are no longer than the sample.
        """
        of_batch = TermCounts()
        by_group: dict[str, TermCounts] = {}
        of_documents: dict[str, list[str]] = {}
        for number, (id, group, text) in enumerate(documents, 1):
            counts = TermCounts(_sample(text))
            of_batch.add(counts)
            if group and (group in by_group or len(by_group) <= MOST_SCORED):
                by_group.setdefault(group, TermCounts()).add(counts)
            if number <= MOST_SCORED:
                of_documents[id] = counts.top()
            else:
                of_documents.clear()
        if len(by_group) > MOST_SCORED:
            by_group.clear()
        return cls(of_documents, {group: counts.top() for group, counts in by_group.items()}, of_batch.top())


def _sample(text: str) -> str:
    """Return the beginning and the middle of a text."""
    half = SAMPLE_CHARACTERS // 2
    middle = max(half, len(text) // 2)
    return f"{text[:half]}\n{text[middle : middle + half]}"
