"""Cut a document into chunks: exact character spans that end at sentence borders and hold a bounded number of
tokens.
"""

import math
import re
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from graphs.text.sentences import split_sentences
from graphs.text.tokens import TokenCounter

# Counting tokens is most of the work, so a chunk is drawn by an estimate and then counted, in most cases just once.
FILL = 0.96  # of the limit that an estimate aims at; what proves larger than the limit is drawn and counted again
PARAGRAPH_FROM = 0.8  # of the span aimed at: from here on the end of a paragraph is preferred
SAMPLES = 8  # of a text, spread over it, that tell its tokens per character
SAMPLE_CHARACTERS = 500
SAMPLED_CHARACTERS = 4_000  # of text for each sample, at least
NEAR_CHUNKS = 3  # so near the end the rest is sampled by itself, lest a wrong guess leave a crumb
WHOLE_SLACK = 1.1  # an estimate of up to so many times the limit may prove to fit
SHRINK = 0.8  # more for each time that a span proves too large, so that it is drawn a few times at most
HALVINGS = 4  # of a chunk that a model has no room for: into sixteen pieces at most
STRETCH = 3  # times a span that proves too small may grow, once: what lies behind it may be much denser
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")
_SPACE = re.compile(r"\s")
_NO_SPACE = re.compile(r"\S")


class Chunk(NamedTuple):
    """A span of a document that fits one map call."""

    start: int  # characters
    end: int  # characters, exclusive
    tokens: int


def chunk_document(
    text: str,
    tokens: TokenCounter,
    chunk_tokens: int,
    sentences: Callable[[str], Iterable[tuple[int, int]]] = split_sentences,
    *,
    whole_tokens: int = 0,
) -> list[Chunk]:
    """Return the chunks of a text in order; together they hold every character that is not white space.

    Chunks are balanced: a text of 3.2 chunks becomes about four of equal size, not three full ones and a rest. A
    sentence longer than a chunk is cut at white space, or anywhere if it has none. A text of at most `whole_tokens`
    stays whole, also if that is more than a chunk. `sentences` finds those of the text, where it must be cut.
    """
    if chunk_tokens < 1:
        raise ValueError("chunk_tokens must be positive")
    start, end = text_span(text)
    if start == end:
        return []
    whole_tokens = max(whole_tokens, chunk_tokens)
    estimate = (end - start) * _density(text, start, end, tokens) if end - start > whole_tokens else 0.0
    counted = None
    if estimate <= WHOLE_SLACK * whole_tokens:
        (counted,) = tokens.count([text[start:end]])
        if counted <= whole_tokens:
            return [Chunk(start, end, counted)]
    cutter = _Cutter(text, sentences(text), tokens, chunk_tokens)
    return list(cutter.chunks((start, end), counted, estimate))


def text_span(text: str) -> tuple[int, int]:
    """Return where a text begins and ends without its outer white space; both 0 where there is nothing else."""
    end = len(text.rstrip())
    return (len(text) - len(text.lstrip()) if end else 0), end


def halves(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Cut a span at the sentence border nearest to its middle, or at its middle if it is one sentence; a half that
    would be empty is left out.
    """
    middle = (end - start) // 2
    borders = (begin for begin, _ in split_sentences(text[start:end])[1:])
    at = start + min(borders, key=lambda border: abs(border - middle), default=middle)
    return [half for half in ((start, at), (at, end)) if half[0] < half[1]]


def _density(text: str, start: int, end: int, tokens: TokenCounter) -> float:
    """Return about how many tokens a character has."""
    number = max(1, min(SAMPLES, (end - start) // SAMPLED_CHARACTERS))
    stretch = (end - start) // number
    places = [start + stretch * index + max(0, stretch - SAMPLE_CHARACTERS) // 2 for index in range(number)]
    samples = [text[place : min(end, place + SAMPLE_CHARACTERS)] for place in places]
    return sum(tokens.count(samples)) / sum(map(len, samples))


class _Cutter:
    """Cuts one text from its start to its end; `here` is where the next chunk starts."""

    def __init__(self, text: str, sentences: Iterable[tuple[int, int]], tokens: TokenCounter, limit: int) -> None:
        self.text = text
        self.tokens = tokens
        self.limit = limit
        self.aim = max(1.0, FILL * limit)
        borders = array("I", chain.from_iterable(sentences))
        self.starts, self.ends = borders[::2], borders[1::2]
        self.here = 0
        self.density = 0.0  # tokens per character of the span counted last: the best guess for the next one
        self.too_long = 0  # the end of the last sentence that proved longer than a chunk

    def chunks(self, span: tuple[int, int], counted: int | None, estimate: float) -> Iterator[Chunk]:
        """Yield the chunks of a text that has `counted` tokens or, where nobody counted them, about `estimate`."""
        self.here, end = span
        left = float(counted or estimate)
        average = self.density = left / (end - self.here)
        is_near = False
        while True:
            chunk, rest = self._next(left, end)
            yield chunk
            if chunk.end == end:
                return
            self.here = self._skip_space(chunk.end)
            # Differences to a count stay exact; those to an estimate would pile up.
            counted = rest if rest is not None else counted
            if counted is None:
                left = (end - self.here) * average
                if left <= NEAR_CHUNKS * self.aim and not is_near:
                    average, is_near = _density(self.text, self.here, end, self.tokens), True
                    left = (end - self.here) * average
            else:
                counted -= chunk.tokens
                left = max(1.0, counted)

    def _next(self, left: float, end: int) -> tuple[Chunk, int | None]:
        """Return the next chunk, and the exact tokens from its start to the end of the text if they were counted."""
        number = math.ceil(left / self.aim)
        wanted = left / number
        stop = self._border(end if number == 1 else self.here + wanted / self.density, end + 1)
        size = self._count(stop)
        rest = None
        if stop == end and size > self.limit:
            rest = size
            wanted = rest / math.ceil(rest / self.aim)
        elif stop < end and size < PARAGRAPH_FROM * wanted:
            farther = self._border(
                min(self.here + wanted / self.density, self.here + STRETCH * (stop - self.here)), end + 1
            )
            if farther > stop:
                stop, size = farther, self._count(farther)
        shrink = 1.0
        while size > self.limit and stop - self.here > 1:
            stop = self._border(self.here + (stop - self.here) * shrink * min(1.0, wanted / size), stop)
            size = self._count(stop)
            shrink *= SHRINK
        return Chunk(self.here, stop, size), rest

    def _count(self, stop: int) -> int:
        (count,) = self.tokens.count([self.text[self.here : stop]])
        self.density = count / (stop - self.here)
        return count

    def _border(self, reach: float, below: int) -> int:
        """Return where to end a chunk that should go about as far as `reach`, and not as far as `below`."""
        first = bisect_right(self.ends, self.here)  # the sentence that the chunk starts with, or in
        last = bisect_right(self.ends, min(reach, below - 1)) - 1
        if last + 1 < len(self.ends):
            further = self.ends[last + 1]
            nearer = last < first or further - reach < reach - self.ends[last]
            if nearer and further < below and (further - self.here) * self.density <= self.aim:
                last += 1
        if last < first:
            # A sentence is cut only when it was counted: when `below` is its end, or when it was cut before.
            whole = self.ends[first]
            if whole < below and whole != self.too_long:
                return whole
            self.too_long = whole
            return self._cut(max(self.here + 1, min(int(reach), below - 1)))
        for index in range(last, first - 1, -1):
            if self.ends[index] - self.here < PARAGRAPH_FROM * (reach - self.here):
                break
            if self._ends_paragraph(index):
                return self.ends[index]
        return self.ends[last]

    def _ends_paragraph(self, index: int) -> bool:
        if index + 1 == len(self.ends):
            return True
        end, following = self.ends[index], self.starts[index + 1]
        return following - end > 1 and _BLANK_LINE.search(self.text, end, following) is not None

    def _cut(self, at: int) -> int:
        """Return a place to cut within a sentence: the last white space in the second half of what lies before `at`,
        or `at` if there is none.
        """
        middle = (self.here + at) // 2 + 1
        for position in range(at, middle, -1):
            if _SPACE.match(self.text, position - 1):
                return self.here + len(self.text[self.here : position].rstrip())
        return at

    def _skip_space(self, position: int) -> int:
        found = _NO_SPACE.search(self.text, position)
        assert found is not None  # a text ends with a sentence
        return found.start()
