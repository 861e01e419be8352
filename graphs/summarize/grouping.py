"""Which steps are merged with each other: neighbours within a document; across documents, what their contents say."""

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from graphs.summarize.state import DocumentPlan, GroupPlan, Step
from graphs.text.topics import Features, topics_of


def digest_of(text: str) -> int:
    """Return a number of 64 bits that a text alone decides."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())


def balanced(layer: Sequence[Step], most: int) -> list[list[Step]]:
    """Divide a layer, in order, into as few groups of about equal size as hold at most so many steps."""
    number = math.ceil(len(layer) / most)
    borders = [round(index * len(layer) / number) for index in range(number + 1)]
    return [list(layer[left:right]) for left, right in pairwise(borders)]


class Source(NamedTuple):
    """What a batch's summary is merged of: a document, or a group of them."""

    document: str  # its id; of a group, the first that has text
    group: str  # its label; "": it is a document alone


def sources_of(documents: Iterable[DocumentPlan], groups: Iterable[GroupPlan]) -> dict[str, Source]:
    """Return the sources of a batch by the steps that summarise them, in the order in which their text first comes."""
    of_group = {id: group for group in groups for id in group["documents"]}
    sources: dict[str, Source] = {}
    for document in documents:
        group = of_group.get(document["id"])
        if document["top"]:
            top, label = (group["top"], group["name"]) if group else (document["top"], "")
            sources.setdefault(top, Source(document["id"], label))
    return sources


@dataclass(slots=True)
class ContentGroups:
    """Groups of sources' summaries and of the merges above them, which one document more or less leaves alone."""

    digests: dict[str, int]  # of a document's title and text or of a group's label, by step
    places: dict[str, int]  # in the batch, of a step's first document
    topics: dict[str, int] = field(default_factory=dict)  # of the documents' summaries, by step; empty: by order

    def sorted_by_topic(self, tops: Sequence[Step], features: Mapping[str, Features]) -> list[Step]:
        """Find the topics of the documents that some steps summarise, and return the steps by topic.

        Topics are found by digest, so that they do not depend on where in the batch a document stands.
        """
        drawn = sorted(tops, key=lambda step: self.digests[step["id"]])
        found = topics_of([features[str(step["document"])] for step in drawn])
        self.topics = {step["id"]: topic for step, topic in zip(drawn, found, strict=True)}
        return sorted(tops, key=lambda step: (self.topics[step["id"]], self._place(step)))

    def put(self, step: Step, group: Sequence[Step]) -> None:
        """Take in the step that stands above a group."""
        self.digests[step["id"]] = min(self.digests[lower["id"]] for lower in group)
        self.places[step["id"]] = self._place(group[0])

    def groups(self, layer: Sequence[Step], most: int) -> list[list[Step]]:
        """Divide documents into groups whose borders their own contents set, and their topics: a document more or less
        changes the group that it stands in, and seldom another.
        """
        groups = [sorted(group, key=self._place) for group in self._cut(layer, most)]
        return sorted(groups, key=lambda group: self._place(group[0]))  # in the order of the sources again

    def _cut(self, layer: Sequence[Step], most: int) -> Iterator[Sequence[Step]]:
        """Cut a layer where a topic ends or else behind the step with the lowest digest, and so on with both parts. As
        no place is counted from the beginning, a step more leaves the cuts as they are, but for those next to it.
        """
        ends = [at for at in self._middle(layer, max(2, most // 4)) if self._ends_topic(layer, at)]
        if not ends and len(layer) <= most:
            yield layer
            return
        at = min(ends or self._middle(layer, (most + 1) // 3), key=lambda at: self.digests[layer[at - 1]["id"]])
        yield from self._cut(layer[:at], most)
        yield from self._cut(layer[at:], most)

    def _middle(self, layer: Sequence[Step], least: int) -> list[int]:
        """Return the places where neither part is shorter than `least` or a quarter of the whole, so that no contents
        make a deep tree; of places that are alike the first is the one nearest to the middle.
        """
        least = max(least, len(layer) // 4)
        return sorted(range(least, len(layer) - least + 1), key=lambda at: abs(2 * at - len(layer)))

    def _ends_topic(self, layer: Sequence[Step], at: int) -> bool:
        return self.topics.get(layer[at - 1]["id"]) != self.topics.get(layer[at]["id"])

    def _place(self, step: Step) -> int:
        return self.places[step["id"]]
