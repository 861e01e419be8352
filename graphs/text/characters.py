"""What the characters of a long text are, all at once."""

from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from graphs.text.words import is_hangul, is_spaceless

Codes = NDArray[np.uint32]
NarrowCodes = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.uint32]
Classes = NDArray[np.uint8]

SPACE, ALNUM, SPACELESS, HANGUL, DIGIT, SIGN = 1, 2, 4, 8, 16, 32
"""Bits of a character's class. One of a script without spaces has no `ALNUM`; a `SIGN` is one of `_SIGNS`."""

# That stand for themselves (NFKC leaves them alone), between words like a sign of ASCII.
_SIGNS = frozenset("¡¢£¥¦§©«¬®°±¶·»¿×÷†‡‰‹›€←↑→↓⇒−≈≠≤≥∞■□▪▫●○◆◇★☆\ufffd")

_Kept = TypeVar("_Kept", np.uint8, np.bool_)

_NARROW_BYTES = 2
_TABLE = 1 << 16  # the characters whose classes are looked up; there are few of the others in any text


def codes_of(text: str) -> Codes:
    """The code point of each character: shape (characters,)."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.dtype("<u4"))


def narrow_codes_of(text: str) -> NarrowCodes:
    """The same in a quarter of the memory where the text is ASCII, in half of it where it has no emoji or rare Han."""
    if text.isascii():
        return np.frombuffer(text.encode(), np.uint8)
    encoded = text.encode("utf-16-le", "surrogatepass")
    return np.frombuffer(encoded, np.dtype("<u2")) if len(encoded) == 2 * len(text) else codes_of(text)


def classes_of(text: str) -> Classes:
    """The class of each character: shape (characters,). Takes some 1 ms for a megabyte of ASCII."""
    if text.isascii():
        return np.frombuffer(text.encode().translate(_ascii_classes()), np.uint8)
    return classes_of_codes(narrow_codes_of(text))


def classes_of_codes(codes: NarrowCodes) -> Classes:
    """The same of characters by their code points."""
    classes = looked_up(_classes(), codes)
    if codes.dtype.itemsize > _NARROW_BYTES:
        rare = codes >= _TABLE
        classes[rare] = [_class_of(code) for code in codes[rare].tolist()]
    return classes


def looked_up(table: NDArray[_Kept], codes: NarrowCodes) -> NDArray[_Kept]:
    """What a table by code point, of 65,536 places, has of some characters; beyond its end, what its last has."""
    found: NDArray[_Kept] = table[codes if codes.dtype.itemsize <= _NARROW_BYTES else np.minimum(codes, _TABLE - 1)]
    return found


def _class_of(code: int) -> int:
    character = chr(code)
    digit = DIGIT * character.isdecimal()
    if is_spaceless(character):
        return SPACELESS | digit
    sign = SIGN * (character in _SIGNS)
    return SPACE * character.isspace() | ALNUM * character.isalnum() | HANGUL * is_hangul(character) | digit | sign


@cache
def _ascii_classes() -> bytes:
    return bytes(map(_class_of, range(256)))


@cache
def _classes() -> Classes:
    return np.array([_class_of(code) for code in range(_TABLE)], np.uint8)
