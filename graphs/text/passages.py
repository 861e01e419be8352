"""The sentences of documents in passages that are read at once."""

from collections.abc import Iterable, Iterator
from itertools import accumulate, pairwise
from typing import NamedTuple, Self

import numpy as np

from graphs.text.arrays import Numbers
from graphs.text.words import simplified

PASSAGE_CHARACTERS = 200_000  # read at once: some milliseconds in which no other thread of Python runs


class Passage(NamedTuple):
    """Some sentences. White space stands between each two of them, and nothing else does."""

    text: str
    starts: Numbers
    """In characters of the text: shape (sentences,), like their ends."""
    ends: Numbers

    def sentences(self, rows: Numbers) -> list[str]:
        """Some of the sentences."""
        spans = zip(self.starts[rows].tolist(), self.ends[rows].tolist(), strict=True)
        return [self.text[start:end] for start, end in spans]

    def simplified(self) -> Self:
        """The same with typographic signs as ASCII."""
        return self._replace(text=simplified(self.text))


def passages(documents: Iterable[Passage]) -> Iterator[Passage]:
    """The same sentences in passages of some `PASSAGE_CHARACTERS`: short documents together, long ones in parts.

    Sentences of documents, unlike those of passages, may stand without a space between them.
    """
    gathered: list[Passage] = []
    size = 0
    for document in documents:
        for part in _parts(document):
            gathered.append(part)
            size += len(part.text)
            if size >= PASSAGE_CHARACTERS:
                yield _joined(gathered)
                gathered, size = [], 0
    if gathered:
        yield _joined(gathered)


def _parts(document: Passage) -> Iterator[Passage]:
    text, starts, ends = document
    if len(text) <= PASSAGE_CHARACTERS:
        yield document
        return
    cuts = starts.searchsorted(np.arange(PASSAGE_CHARACTERS, len(text), PASSAGE_CHARACTERS))
    bounds = np.unique(np.concatenate([[0], cuts, [len(starts)]])).tolist()
    for first, last in pairwise(bounds):
        low = int(starts[first])
        yield Passage(text[low : ends[last - 1]], starts[first:last] - low, ends[first:last] - low)


def _joined(parts: list[Passage]) -> Passage:
    joined = parts[0]
    if len(parts) > 1:
        sizes = [len(part.text) + 1 for part in parts]
        moved = [part.starts + offset for part, offset in zip(parts, accumulate(sizes, initial=0), strict=False)]
        starts = np.concatenate(moved)
        lengths = np.concatenate([part.ends - part.starts for part in parts])
        joined = Passage("\n".join(part.text for part in parts), starts, starts + lengths)
    text, starts, ends = joined
    touching = np.concatenate([[False], starts[1:] == ends[:-1]])  # as sentences of Chinese are
    if touching.any():
        text = "\n".join(text[start:end] for start, end in pairwise([0, *starts[touching].tolist(), len(text)]))
        moved_by = touching.cumsum()
        joined = Passage(text, starts + moved_by, ends + moved_by)
    return joined
