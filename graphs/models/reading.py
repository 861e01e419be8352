"""Read the sentences of a batch once: their terms, words, numbers and telling words, at the speed of C."""

import re
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from operator import methodcaller
from typing import NamedTuple, Self

import numpy as np

from graphs.models.matrix import Matrix
from graphs.text.arrays import Flags, Numbers
from graphs.text.forms import forms_of
from graphs.text.lengths import count_all, pieces
from graphs.text.pairs import key_of, pairs_of
from graphs.text.words import BREAK, fold, folded_forms, is_hangul, is_spaceless, joined, terms_of

REMEMBERED_FORMS = 1 << 18  # of words
KEPT_FACTS = 1 << 16  # of words, some 20 MB
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
    etext ebook gutenberg typeset proceedings
    """.split()
)
_SUSPECT_PARTS = re.compile("doi|arxiv|isbn")
_DENSE_SUSPECTS = ("전재", "저작권", "로그인", "구독", "바로가기")
# What those say who lead a meeting, take the floor or thank for it.
_DENSE_PERSONS = (
    "습니까", "십시오", "하겠습니다", "드리겠습니다", "바랍니다", "있겠습니다", "수고하", "수고 많", "말씀",
    "감사합니다", "감사드", "여러분", "존경하는", "선포합니다", "의석을", "성원이 되", "저는", "제가", "お願い",
    "ありがとう",
)  # fmt: skip
# Words of the phrases in which a paper or a report says what it does and what it found (the indicator phrases of
# Paice 1990): a sentence that has one is searched for a phrase.
_CUES = frozenset(
    """
    paper article study report thesis results experiments findings propose introduce present
    """.split()
)
_CUE_PHRASE = re.compile(
    r"\b(?:this (?:paper|article|study|report|thesis)|in this work|our (?:results|experiments|findings)"
    r"|results (?:show|indicate|suggest|demonstrate)|experiments (?:show|demonstrate)"
    r"|we (?:propose|introduce|present))\b",
    re.IGNORECASE,
)
_DENSE_CUES = (
    "본 논문",
    "본 연구",
    "이 논문",
    "본고에서",
    "본 보고서",
    "本論文",
    "本研究",
    "本稿",
    "本报告",
    "本文提出",
)

# How a sentence begins that says nothing of whom it speaks.
_LEANING = (
    *("He ", "She ", "They ", "His ", "Her ", "Their ", "그는 ", "그녀는 ", "그들은 ", "이들은 ", "그러면서 ", "이어 "),
    *("彼は", "彼女は", "彼らは", "他说", "她说", "他们"),
)

_PERSON, _NUMBER, _SUSPECT, _CUE = 1, 2, 4, 8


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
    cues: Flags
    """Whether it says what its text does or found, as in "in this paper"."""
    leaning: Flags
    """Whether it says only with the sentence before of whom it speaks, as in "He said"."""

    def head(self, height: int) -> Self:
        """What was read of the first sentences."""
        counts, words, persons, numbers, suspects, cues, leaning = self
        words, persons, numbers = words[:height], persons[:height], numbers[:height]
        flags = suspects[:height], cues[:height], leaning[:height]
        return type(self)(counts.head(height), words, persons, numbers, *flags)


class _Terms(dict[str | int, int]):
    """The number of each term, as they first come: of words, and of pairs by their keys."""

    def numbers(self, terms: Sequence[str | int]) -> Numbers:
        """Return the number of each term."""
        numbers = np.fromiter(map(self.get, terms, repeat(-1)), np.int64, len(terms))
        unknown = np.flatnonzero(numbers < 0)
        new = [terms[place] for place in unknown.tolist()]
        self.update(zip(dict.fromkeys(new), range(len(self), MOST_TERMS), strict=False))
        numbers[unknown] = np.fromiter(map(self.__getitem__, new), np.int64, len(new))
        return numbers

    def __missing__(self, term: str | int) -> int:
        return zlib.crc32(str(term).encode("utf-8", "surrogatepass")) % MOST_TERMS


class _Facts(dict[str, tuple[int, tuple[str | int, ...]]]):
    """Flags and terms of words, kept from batch to batch; threads may share it."""

    def __init__(self, *, ascii: bool) -> None:
        self._ascii = ascii

    def __missing__(self, form: str) -> tuple[int, tuple[str | int, ...]]:
        if len(self) >= KEPT_FACTS:
            self.clear()
        bare = form.strip(".,'") if self._ascii else form  # they are never part of a term there
        terms = terms_of(bare, ascii=self._ascii)
        is_dense = not self._ascii and (is_hangul(form[0]) or is_spaceless(form[0]))
        facts = self[form] = _flags(bare), tuple(map(key_of, terms) if is_dense else terms)
        return facts


_FACTS = {ascii: _Facts(ascii=ascii) for ascii in (False, True)}


class _Forms(dict[str, int]):
    """The number of each word as it stands there; `BREAK` is 0. Knows flags and terms of each."""

    def __init__(self, terms: _Terms, facts: _Facts) -> None:
        self._known, self._facts = terms, facts
        self.clear()

    def clear(self) -> None:
        """Forget the words; terms keep their numbers."""
        super().clear()
        self[BREAK] = 0
        self.flags, self.sizes, self.firsts = np.zeros((3, 1), np.int64)
        self.terms = np.zeros(0, np.int64)

    def numbers(self, distinct: Sequence[str]) -> Numbers:
        """Return the number of each word; of the new ones, look up flags, how many terms, where the first is, all."""
        numbers = np.fromiter(map(self.get, distinct, repeat(-1)), np.int64, len(distinct))
        unknown = np.flatnonzero(numbers < 0)
        if len(unknown):
            new = [distinct[place] for place in unknown.tolist()]
            numbers[unknown] = np.arange(len(self), len(self) + len(new))
            self.update(zip(new, range(len(self), len(self) + len(new)), strict=True))
            flags, terms = zip(*map(self._facts.__getitem__, new), strict=True)
            sizes = np.fromiter(map(len, terms), np.int64, len(terms))
            self.firsts = np.concatenate([self.firsts, len(self.terms) + np.cumsum(sizes) - sizes])
            self.flags = np.concatenate([self.flags, flags])
            self.sizes = np.concatenate([self.sizes, sizes])
            self.terms = np.concatenate([self.terms, self._known.numbers(list(chain.from_iterable(terms)))])
        return numbers


class _Reader:
    """Reads the sentences piece by piece."""

    def __init__(self, texts: Sequence[str]) -> None:
        height = len(texts)
        self.persons, self.numbers, self.suspects, self.cues = (np.zeros(height, np.int64) for _ in range(4))
        self.dense_cues = np.zeros(height, np.int64)
        self._texts = texts
        self._plain = np.fromiter(map(str.isascii, texts), np.bool_, height)
        self._terms = _Terms()
        self._forms = {ascii: _Forms(self._terms, _FACTS[ascii]) for ascii in (False, True)}
        empty = np.zeros(0, np.int64)
        self._cells = [(empty, empty, empty)]
        self._rows: list[Numbers] = []
        self._columns: list[Numbers] = []

    def counts(self) -> Matrix:
        """How often each term stands in each sentence that was read."""
        rows, columns, counts = map(np.concatenate, zip(*self._cells, strict=True))
        return Matrix.of_cells(rows, columns, counts, len(self._texts), len(self._terms))

    def has_cues(self) -> Flags:
        """Whether each sentence that was read says what its text does or found."""
        found = self.dense_cues > 0
        for row in np.flatnonzero(self.cues).tolist():
            found[row] |= _CUE_PHRASE.search(self._texts[row]) is not None
        return found

    def read(self, first: int, last: int) -> None:
        """Read the sentences from one number to another."""
        texts = self._texts[first:last]
        for ascii, read in ((True, self._read_plain), (False, self._read_others)):
            own = np.flatnonzero(self._plain[first:last] == ascii)
            if len(own) == len(texts):
                read(texts, own + first)
            elif len(own):
                read([texts[place] for place in own.tolist()], own + first)
        self._count(first, last)

    def _read_plain(self, texts: Sequence[str], own: Numbers) -> None:
        """Read sentences in ASCII; `own` are their numbers."""
        distinct, words = forms_of(texts)
        known = self._forms[True]
        self._read_words(known.numbers(distinct)[words], known, own)

    def _read_others(self, texts: Sequence[str], own: Numbers) -> None:
        """Read sentences with other characters."""
        # Sentence by sentence, since one odd sign makes a whole piece ten times slower.
        rest = folded = fold(joined([unicodedata.normalize("NFKC", text) for text in texts]))
        found = pairs_of(folded)
        if found:
            place = own[np.cumsum(found.codes == 0)]
            self._rows.append(place[found.places])
            self._columns.append(self._terms.numbers(found.keys.tolist())[found.inverse])
            for counted, parts in (
                (self.suspects, _DENSE_SUSPECTS),
                (self.persons, _DENSE_PERSONS),
                (self.dense_cues, _DENSE_CUES),
            ):
                for sign in chain.from_iterable(_places(folded, part) for part in parts):
                    counted[place[sign]] += 1
            rest = " ".join(found.rest.split())
        words = folded_forms(rest)
        known = self._forms[False]
        known.numbers(list(dict.fromkeys(words)))
        self._read_words(np.fromiter(map(known.__getitem__, words), np.int64, len(words)), known, own)

    def _read_words(self, codes: Numbers, known: _Forms, own: Numbers) -> None:
        place = np.repeat(own, np.diff(np.flatnonzero(codes == 0), prepend=0, append=len(codes)))
        flags = known.flags[codes]
        telling = np.flatnonzero(flags)
        for flag, counted in (
            (_PERSON, self.persons),
            (_NUMBER, self.numbers),
            (_SUSPECT, self.suspects),
            (_CUE, self.cues),
        ):
            np.add.at(counted, place[telling[(flags[telling] & flag) > 0]], 1)
        sizes = known.sizes[codes]
        one, more = np.flatnonzero(sizes == 1), np.flatnonzero(sizes > 1)  # "e.g." is two
        sizes, firsts = sizes[more], known.firsts[codes[more]]
        ends = np.cumsum(sizes)
        several = np.repeat(firsts - ends + sizes, sizes) + np.arange(int(sizes.sum()))
        self._rows += [place[one], np.repeat(place[more], sizes)]
        self._columns += [known.terms[known.firsts[codes[one]]], known.terms[several]]
        if len(known) > REMEMBERED_FORMS:
            known.clear()

    def _count(self, first: int, last: int) -> None:
        """Order what was read since the last time, and count what is the same."""
        width = len(self._terms) + 1
        cells = (np.concatenate(self._rows) - first) * width + np.concatenate(self._columns)
        self._rows, self._columns = [], []
        if (last - first) * width < 1 << 31:
            cells = cells.astype(np.int32)  # sorted in half the time
        cells.sort()
        starts = np.flatnonzero(np.diff(cells, prepend=-1))
        rows, columns = np.divmod(cells[starts].astype(np.int64), width)
        self._cells.append((rows + first, columns, np.diff(starts, append=len(cells))))


def read(texts: Sequence[str]) -> Reading:
    """Read the sentences of a batch. Takes some 50 ms for a megabyte."""
    reader = _Reader(texts)
    for first, last in pieces(texts):
        reader.read(first, last)
    leaning = np.fromiter(map(methodcaller("startswith", _LEANING), texts), np.bool_, len(texts))
    flags = reader.suspects > 0, reader.has_cues(), leaning
    return Reading(reader.counts(), count_all(texts), reader.persons, reader.numbers, *flags)


def _flags(form: str) -> int:
    if form in _PERSONS:
        return _PERSON
    if form[:1].isdigit():
        return _NUMBER
    if form in _CUES:
        return _CUE
    is_plain = form.isascii() and form.isalpha()
    return _SUSPECT * (form in _SUSPECTS if is_plain else _SUSPECT_PARTS.search(form) is not None)


def _places(text: str, part: str) -> Iterator[int]:
    """Yield where a part stands in a text."""
    place = text.find(part)
    while place >= 0:
        yield place
        place = text.find(part, place + len(part))
