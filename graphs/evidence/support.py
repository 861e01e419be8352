"""How much of a sentence its citations say too. Words, names and numbers are compared, not meanings: a sentence that is
supported need not be true, and one in another language than its source cannot be measured.
"""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from graphs.text.language import primary
from graphs.text.words import UNCASED, terms

DOUBTFUL = 0.35  # support below which a sentence is worth a second look: one in ten that people found evidence for
AROUND = 160  # characters around a citation that still belong to it

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_WORD = re.compile(rf"[^\W\d_{UNCASED}](?:[^\W{UNCASED}'’-]|['’-]+(?=[^\W{UNCASED}]))*")
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_WORD_VALUES = {
    **{word: value for value, word in enumerate(_ONES)},
    **{word: value for value, word in enumerate(_ORDINALS, 1)},
    **{word: 10 * value for value, word in enumerate(_TENS, 2)},
}
_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12, "천": 3, "만": 4, "억": 8, "조": 12}
"""The powers of ten that words for large numbers stand for."""

_SCALED = re.compile(rf"({_NUMBER.pattern})(?:[ -]?({'|'.join(_SCALES)}))?", re.IGNORECASE)
_SPELT = re.compile(
    rf"\b(?:{'|'.join(_WORD_VALUES)})(?:(?: and |[ -])(?:{'|'.join([*_WORD_VALUES, *list(_SCALES)[:5]])}))*\b",
    re.IGNORECASE,
)
_OPENERS = frozenset(":\"'“‘«([.!?*•/")
_LONGEST_VALUE = 28  # digits that Decimal computes with exactly
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
    if same_language and primary(language) not in _NOUN_CAPITALS:
        missing = [*_missing_names(sentence, together), *missing]
    return Support(None if share is None else round(share, 3), missing)


def _missing_numbers(sentence: str, passages: str) -> list[str]:
    there = {*_values(passages), *_spelt_values(passages)}
    found = ((match[1], set(_values(match[0]))) for match in _SCALED.finditer(sentence))
    return list(dict.fromkeys(number for number, values in found if there.isdisjoint(values)))


def _values(text: str) -> Iterator[str]:
    """Yield what each number in digits may stand for: "3만" for 3 and for 30000, as "1,200.0" for 1200."""
    for number, scale in _SCALED.findall(text):
        plain = _plain(number)
        yield plain
        if scale and len(plain) <= _LONGEST_VALUE and ":" not in plain and plain.count(".") <= 1 and "," not in plain:
            yield _plain(format(Decimal(plain).scaleb(_SCALES[scale.lower()]), "f"))


def _spelt_values(text: str) -> Iterator[str]:
    """Yield the values of numbers in English words: "two hundred and five thousand" for 205000."""
    for spelt in _SPELT.findall(text):
        total = part = 0
        for word in re.findall("[a-z]+", spelt.lower()):
            if word in _WORD_VALUES:
                part += _WORD_VALUES[word]
            elif word == "hundred":
                part *= 100
            elif word != "and":
                total, part = total + part * 10 ** _SCALES[word], 0
        yield str(total + part)


def _missing_names(sentence: str, passages: str) -> list[str]:
    """Return the capitalised words, the sentence's first one apart, that the passages do not hold."""
    there = {_folded(word) for word in _WORD.findall(passages)}
    there |= {_bare(word) for word in there}
    there.update(part for word in list(there) for part in word.split("-"))
    names = [match[0] for match in _WORD.finditer(sentence) if _is_name(match[0], is_first=_opens(sentence, match))]
    return list(dict.fromkeys(name for name in names if not _holds(there, name) and not _is_spelt(passages, name)))


def _opens(sentence: str, word: re.Match[str]) -> bool:
    """Whether a word has its capital because it comes first, in the sentence or in what is quoted or listed in it."""
    before = sentence[: word.start()].rstrip()
    return _WORD.search(before) is None or before[-1] in _OPENERS


def _is_spelt(passages: str, name: str) -> bool:
    """Whether an acronym stands there with something between its letters: "L.C.D." or "L_C_D_" for LCD."""
    if not (2 <= len(name) <= 6 and name.isalpha() and name.isupper()):
        return False
    return re.search(rf"(?<![^\W_]){'[._ -]'.join(name)}(?![^\W_])", passages) is not None


def _is_name(word: str, *, is_first: bool) -> bool:
    if len(word) < 2 or not word[0].isupper():
        return False
    return word.isupper() or not is_first


def _holds(there: set[str], name: str) -> bool:
    folded = _folded(name)
    stem = _bare(folded).removesuffix("'")
    if not there.isdisjoint((folded, stem, stem.removesuffix("s"), f"{stem}s", f"{stem}'s")):
        return True
    return "-" in stem and all(not part or part in there for part in stem.split("-"))


def _folded(word: str) -> str:
    return word.casefold().replace("’", "'")


def _bare(word: str) -> str:
    return word.removesuffix("'s")


def _plain(number: str) -> str:
    """Return a number without what does not change it: "1,200", "01200" and "1200.0" are "1200"."""
    plain = _GROUPED.sub("", number).lstrip("0") or "0"
    if plain.count(".") == 1 and plain.replace(".", "").isdigit():
        plain = plain.rstrip("0").rstrip(".") or "0"
    return f"0{plain}" if plain.startswith((".", ",", ":")) else plain
