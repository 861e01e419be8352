"""What the chunks of a long document are told of it: its headings, how it begins, the names it often speaks of."""

import re
from bisect import bisect_right
from collections import Counter
from typing import NamedTuple

from graphs.text.sentences import sentence_spans
from graphs.text.words import count_words

GIST_CHARACTERS = 240
NAMES = 12
NAMES_CHARACTERS = 300
PATH_CHARACTERS = 160
READ_CHARACTERS = 100_000  # of a document, for its names: from its beginning, middle and end
LEAST_GIST_WORDS = 6  # shorter sentences at the beginning are titles, dates and authors

_HEADING = re.compile(r"^(#{1,6})[ \t]+(\S[^\n]*)", re.MULTILINE)
_FENCE = re.compile(r"^(?:```|~~~)", re.MULTILINE)
# Two to five capitalised words, or an acronym. Scripts without capitals give no names.
_CAPITALISED = r"[A-ZÀ-ÖØ-Þ][\w'’-]+"
_NAME = re.compile(
    rf"\b{_CAPITALISED}(?:[ ](?:(?:of|the|and|de|la|der|van|von|du|di)[ ])?{_CAPITALISED}){{1,4}}\b|\b[A-Z]{{2,}}\d*\b"
)


class Outline(NamedTuple):
    """The headings of a document."""

    positions: list[int]  # characters
    paths: list[str]  # of each heading with those above it, one line

    def path(self, position: int) -> str:
        """Return the headings that a position stands under, from the highest; empty where there is none."""
        place = bisect_right(self.positions, position) - 1
        return self.paths[place] if place >= 0 else ""


class Header(NamedTuple):
    """What the prompt of a chunk says of its document."""

    title: str
    gist: str = ""
    names: str = ""
    outline: Outline = Outline([], [])


def header_of(title: str, text: str, *, is_long: bool) -> Header:
    """Return the header of a document. One of a single chunk needs no more than its title and its headings."""
    if not is_long:
        return Header(title)
    return Header(title, gist(text), frequent_names(text), outline(text))


def outline(text: str) -> Outline:
    """Return the Markdown headings of a text, those in fenced code left out."""
    found_paths = Outline([], [])
    if "#" not in text:
        return found_paths
    fences = [found.start() for found in _FENCE.finditer(text)]
    above: list[tuple[int, str]] = []
    for found in _HEADING.finditer(text):
        if bisect_right(fences, found.start()) % 2:
            continue
        level, title = len(found[1]), " ".join(found[2].strip(" \t#").split())
        above = [(depth, name) for depth, name in above if depth < level]
        above.append((level, title))
        found_paths.positions.append(found.start())
        found_paths.paths.append(" > ".join(name for _, name in above)[:PATH_CHARACTERS])
    return found_paths


def gist(text: str) -> str:
    """Return how a text begins: its first real sentence, cut to `GIST_CHARACTERS`."""
    for start, end in sentence_spans(text[: 20 * GIST_CHARACTERS]):
        sentence = " ".join(text[start:end].split())
        if not sentence.startswith(("#", "|")) and count_words(sentence) >= LEAST_GIST_WORDS:
            return sentence if len(sentence) <= GIST_CHARACTERS else f"{sentence[: GIST_CHARACTERS - 1].rstrip()}…"
    return ""


def frequent_names(text: str) -> str:
    """Return the names that a text says more than once, most frequent first, as one line."""
    third = READ_CHARACTERS // 3
    middle = len(text) // 2
    sample = text if len(text) <= READ_CHARACTERS else text[:third] + text[middle : middle + third] + text[-third:]
    counts = Counter(_NAME.findall(sample))
    chosen: list[str] = []
    for name, times in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if times < 2 or len(chosen) == NAMES:
            break
        if len("; ".join([*chosen, name])) <= NAMES_CHARACTERS:
            chosen.append(name)
    return "; ".join(chosen)
