"""The words of a text, told apart by their letters as numbers: no string is made of a word that is known."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from graphs.text.arrays import Flags, Numbers

Keys = NDArray[np.uint64]

LONGEST = 16  # characters of a word that two numbers hold; one in two hundred is longer

_HALF = 8
_MASKS = np.array([(1 << 8 * length) - 1 for length in range(_HALF + 1)], np.uint64)
_SPACE = ord(" ")
_PADDING = b" " * (LONGEST + 1)

# In lower case; what no term holds becomes a space. A full stop, comma or apostrophe may stand within a term.
_FORMS = bytes(
    ord(chr(code).lower()) if chr(code).isalnum() or chr(code) in ".,'" else _SPACE for code in range(128)
) + bytes([_SPACE] * 128)
_PIECES = bytes(_SPACE if code < 128 and chr(code).isspace() else code for code in range(256))
_FIRST_ALNUM = ord("0")  # what `_FORMS` leaves below is ".", ",", "'" or a space


class Forms(NamedTuple):
    """The words of a text in lower case, without the signs around them: each array of shape (words,)."""

    read: bytes
    """What they were read from, with spaces for all that is part of none; there are some behind the last one."""
    starts: Numbers
    """In characters, like their ends."""
    ends: Numbers
    heads: Keys
    """The first eight characters as a number; 0 is none."""
    tails: Keys
    """The next eight."""
    opens: Flags
    """Whether white space stands before it: "well-known" is two of these words, and one as `count_words` counts."""

    def picked(self, flags: Flags) -> Self:
        """Some of the words."""
        read, starts, ends, heads, tails, opens = self
        return type(self)(read, starts[flags], ends[flags], heads[flags], tails[flags], opens[flags])

    def spelt(self, places: Numbers) -> list[str]:
        """Some of the words as strings."""
        spans = zip(self.starts[places].tolist(), self.ends[places].tolist(), strict=True)
        return [self.read[start:end].decode() for start, end in spans]


def forms_of(text: str) -> Forms:
    """The words of a text as `word_forms` returns them, bare of ".,'" at their ends. Takes some 5 ms for a megabyte.

    Any character that is not ASCII is read as white space around a sign.
    """
    encoded = text.encode("ascii", "replace") + _PADDING
    read = encoded.translate(_FORMS)
    runs = np.frombuffer(read, np.uint8) >= _FIRST_ALNUM
    edges = (runs[1:] != runs[:-1]).nonzero()[0] + 1
    if runs[0]:
        edges = np.concatenate([[0], edges])
    starts, ends = edges[::2], edges[1::2]
    opens = _parted(encoded.translate(_PIECES), starts, ends)
    first = _parted(read, starts, ends)
    if not first.all():
        # Of a word such as "1,200" or "don't", which is one whatever its parts are.
        kept = first.nonzero()[0]
        opens, starts = opens[kept], starts[kept]
        ends = ends[np.concatenate([kept[1:] - 1, [len(ends) - 1]])]
    return Forms(read, starts, ends, *_keys(read, starts, ends), opens)


def _parted(read: bytes, starts: Numbers, ends: Numbers) -> Flags:
    """Whether a space stands between each run of letters and digits and the one before it; the first has one."""
    codes = np.frombuffer(read, np.uint8)
    parted = np.ones(len(starts), np.bool_)
    # Most have one right behind the run before, most others right before their own.
    close = (codes[ends[:-1]] != _SPACE).nonzero()[0] + 1
    close = close[codes[starts[close] - 1] != _SPACE]
    parted[close] = False
    wide = close[starts[close] - ends[close - 1] > 2]
    for run, start, end in zip(wide.tolist(), ends[wide - 1].tolist(), starts[wide].tolist(), strict=True):
        parted[run] = read.find(b" ", start, end) >= 0
    return parted


def _keys(read: bytes, starts: Numbers, ends: Numbers) -> tuple[Keys, Keys]:
    """The first and the second eight characters of each word."""
    tails = np.zeros(len(starts), np.uint64)
    long = (ends - starts > _HALF).nonzero()[0]
    tails[long] = heads_of(read, starts[long] + _HALF, ends[long])
    return heads_of(read, starts, ends), tails


def heads_of(read: bytes, starts: Numbers, ends: Numbers) -> Keys:
    """The first eight bytes of each word as a number. Seven bytes or more must stand behind the last word."""
    eights = np.ndarray((len(read) - _HALF + 1,), "<u8", read, strides=(1,))
    return np.asarray(eights[starts] & _MASKS[np.minimum(ends - starts, _HALF)], dtype=np.uint64)
