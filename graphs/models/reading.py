"""Read the sentences of a batch once: their terms, words, numbers and telling words, at the speed of C."""

import re
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Self

import numpy as np

from graphs.models.matrix import Matrix
from graphs.models.vocabulary import (
    CUE,
    KEPT_CHARACTERS,
    MOST_CHARACTERS,
    NUMBER,
    PERSON,
    SEVERAL,
    SUSPECT,
    Vocabulary,
    shared,
)
from graphs.text.arrays import Flags, Numbers, gaps, runs_of
from graphs.text.characters import SIGN, NarrowCodes, classes_of_codes, looked_up, narrow_codes_of
from graphs.text.forms import forms_of
from graphs.text.lengths import count_all
from graphs.text.pairs import Phrases, key_of, pairs_of
from graphs.text.passages import Passage
from graphs.text.words import BREAK, fold, folded_forms, is_hangul, is_spaceless, joined, terms_of

MOST_TERMS = 1 << 20  # later ones share a column by their checksum: hostile text has no end of new words

_LAST_ASCII = 127
_DENSE_SUSPECTS = ("전재", "저작권", "로그인", "구독", "바로가기")
# What those say who lead a meeting, take the floor or thank for it.
_DENSE_PERSONS = (
    "습니까", "십시오", "하겠습니다", "드리겠습니다", "바랍니다", "있겠습니다", "수고하", "수고 많", "말씀",
    "감사합니다", "감사드", "여러분", "존경하는", "선포합니다", "의석을", "성원이 되", "저는", "제가", "お願い",
    "ありがとう",
)  # fmt: skip
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
_DENSE = Phrases((*_DENSE_SUSPECTS, *_DENSE_PERSONS, *_DENSE_CUES))
# The indicator phrases of Paice 1990; a sentence with one of their words (`CUE`) is searched for them.
_CUE_PHRASE = re.compile(
    r"\b(?:this (?:paper|article|study|report|thesis)|in this work|our (?:results|experiments|findings)"
    r"|results (?:show|indicate|suggest|demonstrate)|experiments (?:show|demonstrate)"
    r"|we (?:propose|introduce|present))\b"
)
_CUE_STARTS = ("this ", "our ", "we ", "results ", "experiments ")
# How a sentence begins that says nothing of whom it speaks.
_LEANING = (
    *("He ", "She ", "They ", "His ", "Her ", "Their ", "그는 ", "그녀는 ", "그들은 ", "이들은 ", "그러면서 ", "이어 "),
    *("彼は", "彼女は", "彼らは", "他说", "她说", "他们"),
)
_LEANING_BY_START = {
    start: tuple(words for words in _LEANING if words[0] == start) for start in {words[0] for words in _LEANING}
}
_LEANS = np.zeros(1 << 16, np.bool_)
"""Whether a sentence that begins with a character, by its code, may be one of them."""
_LEANS[list(map(ord, _LEANING_BY_START))] = True


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


class _Columns:
    """The column of each term of a batch, as they first come: of words, and of pairs by their keys."""

    def __init__(self) -> None:
        self.width = 0
        self._vocabulary = shared()
        self._of_terms = np.zeros(len(self._vocabulary.names), np.int32)  # and one: 0 is none yet
        self._keys = np.zeros(0, np.int64)  # of pairs, ascending
        self._of_keys = np.zeros(0, np.int64)

    def vocabulary(self) -> Vocabulary:
        """The vocabulary whose terms have columns. Another one after texts with very many words."""
        if self._vocabulary.characters > MOST_CHARACTERS:
            known = self._of_terms.nonzero()[0]
            names = self._vocabulary.names
            self._vocabulary = Vocabulary([names[number] for number in known.tolist()])
            self._of_terms = self._of_terms[known]
        return self._vocabulary

    def of_terms(self, numbers: Numbers) -> Numbers:
        """The columns of terms by their numbers in the vocabulary."""
        names = self._vocabulary.names
        known = self._of_terms
        if len(names) > len(known):
            self._of_terms = np.zeros(2 * len(names), np.int32)
            self._of_terms[: len(known)] = known
            known = self._of_terms
        new = numbers[known[numbers] == 0]
        # The last to be written is the first of its kind; below 0, to be told from columns.
        known[new[::-1]] = np.arange(-len(new), 0)
        firsts = new[known[new] == np.arange(-1, -len(new) - 1, -1)]
        found, own = self._next(firsts, names.__getitem__)
        known[firsts] = found + 1
        columns = known[numbers].astype(np.int64) - 1
        known[firsts[own:]] = 0  # so that no more than `MOST_TERMS` are remembered
        return columns

    def of_keys(self, keys: Numbers) -> Numbers:
        """The columns of pairs by their keys, which ascend."""
        places = self._keys.searchsorted(keys)
        columns = np.append(self._of_keys, 0)[places]
        new = np.append(self._keys, -1)[places] != keys
        columns[new], own = self._next(keys[new], int)
        kept = new.nonzero()[0][:own]
        self._keys = np.insert(self._keys, places[kept], keys[kept])
        self._of_keys = np.insert(self._of_keys, places[kept], columns[kept])
        return columns

    def _next(self, terms: Numbers, name: Callable[[int], str | int]) -> tuple[Numbers, int]:
        """New columns, and how many of them are nobody else's."""
        columns = np.arange(self.width, self.width + len(terms))
        own = min(len(terms), MOST_TERMS - self.width)
        for place, term in enumerate(terms[own:].tolist(), own):
            columns[place] = zlib.crc32(str(name(term)).encode("utf-8", "surrogatepass")) % MOST_TERMS
        self.width += own
        return columns, own


class _Page:
    """What is read of one passage: for each sentence how many words of a kind it has, and where the terms stand."""

    def __init__(self, passage: Passage, columns: _Columns) -> None:
        self._passage = passage
        self._known = columns
        height = len(passage.starts)
        self._words, self._persons, self._numbers, self._suspects, self._cues, self._has_cue = np.zeros(
            (6, height), np.int64
        )
        self._rows = [np.zeros(0, np.int64)]
        self._columns = [np.zeros(0, np.int64)]

    def read(self) -> tuple[tuple[Numbers | Flags, ...], tuple[Numbers, Numbers, Numbers]]:
        """What a `Reading` has of each sentence; row, column and number of each term, by row, then column."""
        codes = narrow_codes_of(self._passage.text)
        plain = _are_plain(self._passage, codes)
        if plain.any():
            self._read_plain(plain)
        others = (~plain).nonzero()[0]
        if len(others):
            self._read_others(self._passage.sentences(others), others)
        said = self._cues.nonzero()[0]
        for row, sentence in zip(said.tolist(), self._passage.sentences(said), strict=True):
            self._has_cue[row] |= _has_cue(sentence)
        flags = self._suspects > 0, self._has_cue > 0, _lean(self._passage, codes)
        return (self._words, self._persons, self._numbers, *flags), self._count()

    def _count(self) -> tuple[Numbers, Numbers, Numbers]:
        """Order the terms that were read, and count what is the same."""
        width = self._known.width + 1
        cells = np.concatenate(self._rows) * width + np.concatenate(self._columns)
        if len(self._words) * width < 1 << 31:
            cells = cells.astype(np.int32)  # sorted in half the time
        cells.sort()
        starts = runs_of(cells)
        rows, columns = np.divmod(cells[starts].astype(np.int64), width)
        return rows, columns, gaps(starts, len(cells))

    def _read_plain(self, plain: Flags) -> None:
        """Read the plain sentences; the others make no word here, or only parts of some."""
        forms = forms_of(self._passage.text)
        firsts = forms.starts.searchsorted(self._passage.starts)
        sizes = gaps(firsts, len(forms.starts))
        if not plain.all():
            forms = forms.picked(plain.repeat(sizes))
            sizes = np.where(plain, sizes, 0)
        place = np.arange(len(sizes)).repeat(sizes)
        self._words += np.bincount(place[forms.opens], minlength=len(sizes))
        vocabulary = self._known.vocabulary()
        self._read_words(vocabulary, vocabulary.numbers_of_forms(forms), place)

    def _read_others(self, sentences: Sequence[str], own: Numbers) -> None:
        """Read sentences with other characters; `own` are their rows."""
        self._words[own] = count_all(sentences)
        # Sentence by sentence, since one odd sign makes a whole piece ten times slower.
        rest = folded = fold(joined([unicodedata.normalize("NFKC", sentence) for sentence in sentences]))
        found = pairs_of(folded)
        if found and len(found.keys):
            place = own[(found.codes == 0).cumsum()]
            self._rows.append(place[found.places])
            self._columns.append(self._known.of_keys(found.keys)[found.inverse])
            counted = (
                *(self._suspects,) * len(_DENSE_SUSPECTS),
                *(self._persons,) * len(_DENSE_PERSONS),
                *(self._has_cue,) * len(_DENSE_CUES),
            )
            for phrase, places in _DENSE.places(found):
                np.add.at(counted[phrase], place[places], 1)
            rest = " ".join(found.rest.split())
        words = folded_forms(rest, cased=found is not None)
        place = own[np.cumsum([word == BREAK for word in words], dtype=np.int64)]
        if not found:
            words = self._read_runs(words, place)
        vocabulary = self._known.vocabulary()
        self._read_words(vocabulary, vocabulary.numbers_of_words(words, ascii=False), place)

    def _read_runs(self, words: Sequence[str], place: Numbers) -> list[str]:
        """Read runs of Hangul, Kana, Han and their like that digits of theirs stand among; return the other words."""
        others = list(words)
        for number, word in enumerate(words):
            if is_hangul(word[0]) or is_spaceless(word[0]):
                others[number] = BREAK
                keys, inverse = np.unique(list(map(key_of, terms_of(word, ascii=False))), return_inverse=True)
                self._rows.append(place[number].repeat(len(inverse)))
                self._columns.append(self._known.of_keys(keys)[inverse])
        return others

    def _read_words(self, vocabulary: Vocabulary, words: Numbers, place: Numbers) -> None:
        """Count words by their numbers; `place` has the row of each."""
        flags = vocabulary.flags[words]
        telling = flags.nonzero()[0]
        flags, rows = flags[telling], place[telling]
        for flag, counted in (
            (PERSON, self._persons),
            (NUMBER, self._numbers),
            (SUSPECT, self._suspects),
            (CUE, self._cues),
        ):
            np.add(counted, np.bincount(rows[flags == flag], minlength=len(counted)), out=counted)
        terms = vocabulary.only[words]
        one, more = (terms >= 0).nonzero()[0], (terms == SEVERAL).nonzero()[0]
        rows, terms = place[one], terms[one]
        if len(more):  # "e.g." is two
            sizes, several = vocabulary.several(words[more])
            rows, terms = np.concatenate([rows, place[more].repeat(sizes)]), np.concatenate([terms, several])
        self._rows.append(rows)
        self._columns.append(self._known.of_terms(terms))


def read(passages: Iterable[Passage]) -> Reading:
    """Read the sentences of a batch, of which there is at least one passage. Takes some 30 ms for a megabyte."""
    columns = _Columns()
    parts = [_Page(passage, columns).read() for passage in passages]
    if columns.vocabulary().characters > KEPT_CHARACTERS:
        shared.cache_clear()
    facts = [np.concatenate(values) for values in zip(*(facts for facts, _ in parts), strict=True)]
    heights = np.array([len(words) for (words, *_), _ in parts])
    firsts = (heights.cumsum() - heights).repeat([len(rows) for _, (rows, *_) in parts])
    rows, terms, counts = (np.concatenate(values) for values in zip(*(cells for _, cells in parts), strict=True))
    return Reading(Matrix.of_cells(rows + firsts, terms, counts, int(heights.sum()), columns.width), *facts)


def _are_plain(passage: Passage, codes: NarrowCodes) -> Flags:
    """Whether each sentence is in ASCII, but for signs between its words."""
    text, starts, ends = passage
    if text.isascii():
        return np.ones(len(starts), np.bool_)
    others = (codes > _LAST_ASCII).nonzero()[0]
    others = others[(classes_of_codes(codes[others]) & SIGN) == 0]
    plain: Flags = others.searchsorted(starts) == others.searchsorted(ends)
    return plain


def _has_cue(sentence: str) -> bool:
    """Whether a sentence has one of the phrases, which is looked for where one of them may begin."""
    lowered = sentence.casefold()
    return any(start in lowered for start in _CUE_STARTS) and _CUE_PHRASE.search(lowered) is not None


def _lean(passage: Passage, codes: NarrowCodes) -> Flags:
    """Whether each sentence says only with the one before of whom it speaks."""
    text, starts, ends = passage
    leaning = np.zeros(len(starts), np.bool_)
    rows = (ends > starts).nonzero()[0]
    rows = rows[looked_up(_LEANS, codes[starts[rows]])]
    for row, start, end in zip(rows.tolist(), starts[rows].tolist(), ends[rows].tolist(), strict=True):
        leaning[row] = text.startswith(_LEANING_BY_START[text[start]], start, end)
    return leaning
