"""How often a name or term stands in a text."""

import re
import unicodedata

PIECE_CHARACTERS = 100_000  # folded at once: some milliseconds in which no other thread of Python runs

_SPACES = re.compile(r"\s+")
_HAN_OR_KANA = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_GLUED = re.compile(r"[\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7ff]")  # particles may follow


class Haystack:
    """A text that is looked into often. Case and the kind of white space make no difference."""

    def __init__(self, text: str) -> None:
        starts = range(0, len(text), PIECE_CHARACTERS)
        self._text = "".join(_folded(text[start : start + PIECE_CHARACTERS]) for start in starts)

    def holds(self, needle: str) -> bool:
        """Tell whether a term stands in the text."""
        return self._find(_folded(needle).strip(), 0) >= 0

    def count(self, needle: str) -> int:
        """Return how often a term stands in the text as a word of its own; a Korean or Japanese one may have a particle
        behind it.
        """
        folded = _folded(needle).strip()
        count, place = 0, self._find(folded, 0)
        while place >= 0:
            count += 1
            place = self._find(folded, place + len(folded))
        return count

    def _find(self, folded: str, start: int) -> int:
        """Return where a term stands next as a word of its own; -1: nowhere."""
        if not folded:
            return -1
        place = self._text.find(folded, start)
        while place >= 0 and not self._stands_alone(folded, place):
            place = self._text.find(folded, place + 1)
        return place

    def _stands_alone(self, folded: str, place: int) -> bool:
        first, last = folded[0], folded[-1]
        end = place + len(folded)
        before, after = self._text[max(0, place - 2) : place], self._text[end : end + 2]
        if not (_HAN_OR_KANA.match(first) or _ends_between(before[-1:], first)):
            return False
        if first.isdigit() and before[:1].isdigit() and before[-1:] in (".", ","):
            return False
        if last.isdigit() and after[:1] in (".", ",") and after[1:].isdigit():
            return False
        return _GLUED.match(last) is not None or _ends_between(last, after[:1])


def _ends_between(one: str, other: str) -> bool:
    """Tell whether a word ends between two neighbours: "Precis는" and "于1923年" each hold two words."""
    if not (_is_of_word(one) and _is_of_word(other)):
        return True
    return (_GLUED.match(one) is None) != (_GLUED.match(other) is None)


def _is_of_word(character: str) -> bool:
    """Tell whether a character, or none, is a part of a word: a letter, a digit, or a sign on one."""
    return character.isalnum() or (character != "" and unicodedata.category(character).startswith("M"))


def _folded(text: str) -> str:
    return _SPACES.sub(" ", unicodedata.normalize("NFC", text).casefold())
