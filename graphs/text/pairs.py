"""The terms of Hangul, Kana, Han and their like, which are pairs of characters, out of a whole text at once."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from graphs.text.arrays import Numbers, gaps, numbered
from graphs.text.characters import DIGIT, HANGUL, SPACELESS, Codes, classes_of_codes, codes_of
from graphs.text.words import UNCASED

_BITS = 21  # of a code point
_BLANK = ord(" ")
_PAIR = re.compile(f"[{UNCASED}]{{2}}")
_MOST_CELLS = 1 << 22  # of a table of pairs; it is better than sorting where characters are few


class Pairs(NamedTuple):
    """The pairs of a text, and what is left of it."""

    keys: Numbers
    """As `key_of` makes them, each once."""
    inverse: Numbers
    """Which of the keys stands at each place: shape (pairs,), like the places."""
    places: Numbers
    """Where each pair begins, in characters."""
    codes: Codes
    """The code points of the text: shape (characters,)."""
    rest: str
    """The text with spaces for the characters of the pairs."""

    def of_keys(self, keys: Numbers) -> Iterator[tuple[int, Numbers]]:
        """Yield which of some keys stand in the text, and where the pairs of each begin."""
        found = self.keys.searchsorted(keys)
        there = (np.append(self.keys, -1)[found] == keys).nonzero()[0]
        wanted = np.zeros(len(self.keys), np.bool_)
        wanted[found[there]] = True
        pairs = wanted[self.inverse].nonzero()[0]
        numbers, places = self.inverse[pairs], self.places[pairs]
        for number in there.tolist():
            yield number, places[numbers == found[number]]


class Phrases:
    """Words and phrases of such scripts that are looked for all at once, by a pair that each of them has."""

    def __init__(self, phrases: Sequence[str]) -> None:
        """Each has two letters of one script beside each other."""
        pairs = [pair for phrase in phrases if (pair := _PAIR.search(phrase))]
        self._phrases = phrases
        self._offsets = [pair.start() for pair in pairs]
        self._keys = np.array([key_of(pair[0]) for pair in pairs], np.int64)

    def places(self, pairs: Pairs) -> Iterator[tuple[int, Numbers]]:
        """Yield the number of each phrase that is there, and where it begins."""
        for number, found in pairs.of_keys(self._keys):
            phrase, begins = self._phrases[number], found - self._offsets[number]
            begins = begins[(begins >= 0) & (begins <= len(pairs.codes) - len(phrase))]
            for place, character in enumerate(phrase):
                begins = begins[pairs.codes[begins + place] == ord(character)]
            if len(begins):
                yield number, begins


def pairs_of(folded: str) -> Pairs | None:
    """Find them in a text as `fold` returns it; a character without a neighbour of its script is a term alone.

    None where there are numbers in digits of a script without spaces.
    """
    codes = codes_of(folded)
    classes = classes_of_codes(codes)
    scripts = classes & (SPACELESS | HANGUL)
    dense = scripts.nonzero()[0]
    if not len(dense):
        return Pairs(dense, dense, dense, codes, folded)
    if (classes[dense] & DIGIT).any():
        return None
    goes_on = gaps(dense, -1) == 1
    goes_on[:-1] &= scripts[dense[:-1]] == scripts[dense[1:]]
    comes_on = np.concatenate([[False], goes_on[:-1]])
    own = (goes_on | ~comes_on).nonzero()[0]  # the last one of several is part of the pair before
    first = codes[dense].astype(np.int64)
    second = np.where(goes_on, np.concatenate([first[1:], first[:1]]), 0)[own]
    keys, inverse = _distinct(first[own], second)
    rest = codes.copy()
    rest[dense] = _BLANK
    return Pairs(keys, inverse, dense[own], codes, rest.tobytes().decode("utf-32-le", "surrogatepass"))


def key_of(term: str) -> int:
    """The number of a term of one or two characters."""
    return ord(term[0]) << _BITS | (ord(term[1]) if len(term) > 1 else 0)


def _distinct(first: Numbers, second: Numbers) -> tuple[Numbers, Numbers]:
    """The keys of pairs, each once, in order, and which of them each pair has."""
    present = np.zeros(int(max(first.max(), second.max())) + 1, np.bool_)
    present[first] = present[second] = True
    characters = present.nonzero()[0]
    size = len(characters)
    if size * size > _MOST_CELLS:
        keys, inverse = np.unique(first << _BITS | second, return_inverse=True)
        return keys, inverse
    number = np.empty(len(present), np.int64)
    number[characters] = np.arange(size)
    taken, inverse = numbered(number[first] * size + number[second], size * size)
    return characters[taken // size] << _BITS | characters[taken % size], inverse
