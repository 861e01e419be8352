"""Read the sentences of a batch once: their terms, words, numbers and telling words, at the speed of C."""

import re
import zlib
from array import array
from collections.abc import Sequence
from itertools import compress, pairwise
from typing import NamedTuple, Self

import numpy as np

from graphs.models.matrix import Flags, Matrix, Numbers
from graphs.text.words import BREAK, count_words, terms_of, word_forms

PIECE_CHARACTERS = 100_000  # read at once: some milliseconds in which no other thread of Python runs
REMEMBERED_FORMS = 1 << 18  # of words
MOST_TERMS = 1 << 20  # later ones share a number by their checksum: hostile text has no end of new words

_PERSONS = frozenset(
    """
    i i'd i'll i'm i've me my mine we we'd we'll we're we've us our ours you you'd you'll you're you've your yours
    yeah okay ok um uh hmm
    """.split()
)
# Words of websites, reference lists and notices of rights: a sentence that has one is looked at closely.
_SUSPECTS = frozenset(
    """
    rights cookie privacy sign log subscribe click skip doi arxiv pp isbn domain reproduced licensed commons copyright
    etext ebook gutenberg typeset
    """.split()
)
_SUSPECT_PARTS = re.compile("doi|arxiv|isbn|전재|저작권|로그인|구독|바로가기")

_PERSON, _NUMBER, _SUSPECT = 1, 2, 4
_SPACE, _ALNUM = 1, 2
_CLASSES = np.array(
    [_SPACE if chr(code).isspace() else _ALNUM * chr(code).isalnum() for code in range(128)], dtype=np.uint8
)

# Typography that means the same to terms and words as a character of ASCII, and makes much English text not ASCII.
_TYPOGRAPHY = {"“": '"', "”": '"', "‘": '"', "’": "'", "–": "-", "—": "-", "…": '"', "•": "*", "\u00a0": " "}


class Reading(NamedTuple):
    """What was read, by sentence."""

    counts: Matrix
    """How often each term stands in each sentence."""
    words: Numbers
    """As `count_words` counts: shape (sentences,), like the rest."""
    persons: Numbers
    """Words of whoever speaks or is spoken to, such as "I", "you", "okay"."""
    numbers: Numbers
    suspects: Flags
    """Whether it has a word of websites, reference lists or notices of rights."""

    def head(self, height: int) -> Self:
        """What was read of the first sentences."""
        counts, words, persons, numbers, suspects = self
        return type(self)(counts.head(height), words[:height], persons[:height], numbers[:height], suspects[:height])


class _Forms(dict[str, int]):
    """The number of each word as it stands there; `BREAK` is 0. Knows the terms and flags of each."""

    def __init__(self, terms: dict[str, int], *, ascii: bool) -> None:
        self._known, self._ascii = terms, ascii
        self.clear()

    def clear(self) -> None:
        """Forget the words; terms keep their numbers."""
        super().clear()
        self[BREAK] = 0
        self.first, self.terms, self.flags = array("q", (0, 0)), array("q"), array("b", (0,))

    def __missing__(self, form: str) -> int:
        bare = form.strip(".,'")
        if bare != form:  # they are never part of a term there
            number = self[form] = self[bare]
            return number
        number = self[form] = len(self.flags)
        self.terms.extend(map(self._number, terms_of(form, ascii=self._ascii)))
        self.first.append(len(self.terms))
        self.flags.append(_flags(form))
        return number

    def _number(self, term: str) -> int:
        number = self._known.get(term)
        if number is None:
            number = len(self._known)
            if number >= MOST_TERMS:
                return zlib.crc32(term.encode("utf-8", "surrogatepass")) % MOST_TERMS
            self._known[term] = number
        return number


def simplified(text: str) -> str:
    """The text with typographic signs as ASCII, each in its place: to be read, which is then three times as fast."""
    if not text.isascii():
        for sign, plain in _TYPOGRAPHY.items():
            text = text.replace(sign, plain)
    return text


def read(texts: Sequence[str]) -> Reading:
    """Read the sentences of a batch. Takes some 40 ms for a megabyte of English."""
    terms: dict[str, int] = {}
    forms = {ascii: _Forms(terms, ascii=ascii) for ascii in (False, True)}
    plain = np.fromiter(map(str.isascii, texts), bool, len(texts))
    persons, numbers, suspects = (np.zeros(len(texts), np.int64) for _ in range(3))
    rows, columns = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for first, last in _pieces(texts):
        for ascii in (False, True):
            own = np.flatnonzero(plain[first:last] == ascii) + first
            if not len(own):
                continue
            known = forms[ascii]
            words = word_forms([texts[place] for place in own.tolist()], ascii=ascii)
            codes = np.fromiter(map(known.__getitem__, words), np.int64, len(words))
            place = np.cumsum(codes == 0)
            flags = np.frombuffer(known.flags, np.int8)[codes]
            for flag, counted in ((_PERSON, persons), (_NUMBER, numbers), (_SUSPECT, suspects)):
                counted[own] = np.bincount(place[(flags & flag) > 0], minlength=len(own))
            begins = np.frombuffer(known.first, np.int64)
            sizes = np.diff(begins)[codes]
            ends = np.cumsum(sizes)
            cells = np.arange(int(sizes.sum())) + np.repeat(begins[codes] - ends + sizes, sizes)
            rows.append(np.repeat(own[place], sizes))
            columns.append(np.frombuffer(known.terms, np.int64)[cells])
            del begins  # a view: the array could not grow
            if len(known) > REMEMBERED_FORMS:
                known.clear()
    counts = Matrix.counted(np.concatenate(rows), np.concatenate(columns), len(texts), len(terms))
    return Reading(counts, _count_all(texts, plain), persons, numbers, suspects > 0)


def _flags(form: str) -> int:
    if form in _PERSONS:
        return _PERSON
    if form[:1].isdigit():
        return _NUMBER
    is_plain = form.isascii() and form.isalpha()
    return _SUSPECT * (form in _SUSPECTS if is_plain else _SUSPECT_PARTS.search(form) is not None)


def _pieces(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Runs of sentences, as first and last, that have together about `PIECE_CHARACTERS`."""
    ends = np.cumsum([len(text) for text in texts]) if texts else np.zeros(0, np.int64)
    bounds = np.flatnonzero(np.diff(ends // PIECE_CHARACTERS, prepend=0))
    edges = sorted({0, *bounds.tolist(), len(texts)})
    return list(pairwise(edges))


def _count_all(texts: Sequence[str], plain: Flags) -> Numbers:
    """`count_words` of each sentence; those in ASCII, which are most, without a call for each."""
    counted = np.zeros(len(texts), np.int64)
    for place in np.flatnonzero(~plain).tolist():
        counted[place] = count_words(texts[place])
    for first, last in _pieces(texts):
        own = np.flatnonzero(plain[first:last]) + first
        piece = list(compress(texts[first:last], plain[first:last]))
        classes = _CLASSES[np.frombuffer(" ".join(piece).encode(), np.uint8)]
        is_space = classes == _SPACE
        # A word is a run between white space that has a letter or digit: take the first such of each run.
        telling = np.flatnonzero(classes == _ALNUM)
        runs = np.cumsum(is_space)[telling]
        heads = telling[np.flatnonzero(np.diff(runs, prepend=-1))]
        ends = np.cumsum([len(text) + 1 for text in piece]) if piece else np.zeros(0, np.int64)
        counted[own] += np.bincount(np.searchsorted(ends, heads, side="right"), minlength=len(own))[: len(own)]
    return counted
