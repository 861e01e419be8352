"""How much of a sentence its citations say too. Words, names and numbers are compared, not meanings: a sentence that is
supported need not be true, and one in another language than its source cannot be measured.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from graphs.text.words import terms

DOUBTFUL = 0.4  # support below which a sentence is worth a second look
AROUND = 160  # characters around a citation that still belong to it

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_WORD = re.compile(r"[^\W\d_](?:[\w'’-]*\w)?")
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_NOUN_CAPITALS = frozenset(["de"])  # languages that write common nouns like names


class Support(NamedTuple):
    """What a sentence shares with the passages that it cites."""

    share: float | None  # of its terms that stand in them, 0 to 1; None: it cannot be measured
    unsupported: list[str]  # names and numbers that do not

    @property
    def is_doubtful(self) -> bool:
        """Whether the sentence is worth a second look."""
        return bool(self.unsupported) or (self.share is not None and self.share < DOUBTFUL)


def support_of(sentence: str, passages: Sequence[str], *, language: str, same_language: bool = True) -> Support:
    """Return the support that passages give to a sentence in `language`.

    Without passages nothing supports it. Where they are in another language and share few words, the share is not
    measured, and only numbers are looked for.
    """
    together = "\n".join(passages)
    missing = _missing_numbers(sentence, together)
    own = set(terms(sentence))
    share = len(own.intersection(terms(together))) / len(own) if own else None
    if share is not None and share < DOUBTFUL and not same_language:
        return Support(None, missing)  # other words for the same are no doubt
    if same_language and language.split("-", maxsplit=1)[0] not in _NOUN_CAPITALS:
        missing = [*_missing_names(sentence, together), *missing]
    return Support(None if share is None else round(share, 3), missing)


def _missing_numbers(sentence: str, passages: str) -> list[str]:
    there = {_plain(number) for number in _NUMBER.findall(passages)}
    return list(dict.fromkeys(number for number in _NUMBER.findall(sentence) if _plain(number) not in there))


def _missing_names(sentence: str, passages: str) -> list[str]:
    """Return the capitalised words, the sentence's first one apart, that the passages do not hold."""
    there = {word.casefold() for word in _WORD.findall(passages)}
    words = _WORD.findall(sentence)
    names = [word for place, word in enumerate(words) if _is_name(word, is_first=place == 0)]
    return list(dict.fromkeys(name for name in names if not _holds(there, name)))


def _is_name(word: str, *, is_first: bool) -> bool:
    if len(word) < 2 or not word[0].isupper():
        return False
    return word.isupper() or not is_first


def _holds(there: set[str], name: str) -> bool:
    folded = name.casefold()
    stem = folded.removesuffix("'s").removesuffix("’s")
    return folded in there or stem in there or stem.removesuffix("s") in there or f"{stem}s" in there


def _plain(number: str) -> str:
    return _GROUPED.sub("", number)
