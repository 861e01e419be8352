"""How often a name or term stands in a text."""

import re
import unicodedata

_SPACES = re.compile(r"\s+")
_BOUNDED = re.compile(r"[^\W_]")  # a letter or digit that a longer word may go on from
_GLUED = re.compile(r"[\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7ff]")  # particles may follow


class Haystack:
    """A text that is looked into often. Case and the kind of white space make no difference."""

    def __init__(self, text: str) -> None:
        self._text = _folded(text)

    def holds(self, needle: str) -> bool:
        """Tell whether a term stands in the text."""
        return self.count(needle) > 0

    def count(self, needle: str) -> int:
        """Return how often a term stands in the text as a word of its own; a Korean or Japanese one may have a particle
        behind it.
        """
        folded = _folded(needle).strip()
        if not folded or folded not in self._text:
            return 0
        before = r"(?<![^\W_])" if _BOUNDED.match(folded[0]) and not _is_han(folded[0]) else ""
        after = r"(?![^\W_])" if _BOUNDED.match(folded[-1]) and not _GLUED.match(folded[-1]) else ""
        if folded[0].isdigit():
            before = r"(?<![^\W_])(?<!\d[.,])"
        if folded[-1].isdigit():
            after = r"(?!\d)(?![.,]\d)(?![a-z])"
        return sum(1 for _ in re.finditer(before + re.escape(folded) + after, self._text))


def _is_han(character: str) -> bool:
    return "\u3040" <= character <= "\u9fff"


def _folded(text: str) -> str:
    return _SPACES.sub(" ", unicodedata.normalize("NFC", text).casefold())
