"""What is known of words whatever they are read in: their terms, and what they tell of who speaks and of what."""

import re
from collections.abc import Sequence
from functools import cache
from itertools import chain
from threading import Lock
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from graphs.text.arrays import Numbers
from graphs.text.forms import LONGEST, Forms, Keys, forms_of
from graphs.text.words import BREAK, terms_of

KEPT_CHARACTERS = 1 << 19  # of words, from batch to batch: some 65,000 words in 20 MB
MOST_CHARACTERS = 1 << 21  # of those of one batch, before they are forgotten and learnt anew

PERSON, NUMBER, SUSPECT, CUE = 1, 2, 4, 8
"""Flags of a word."""

NONE, SEVERAL = -1, -2
"""In place of the number of a word's one term."""

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
# Words of the phrases in which a paper or a report says what it does and what it found (the indicator phrases of
# Paice 1990): a sentence that has one is searched for a phrase.
_CUES = frozenset(
    """
    paper article study report thesis results experiments findings propose introduce present
    """.split()
)

_SLOT_BITS = 17  # twice as many slots as there are words to keep
_MOST_PROBES = 8  # of slots: hostile words that all fall into one are found in the dictionary
_SCATTER = np.uint64(0x9E3779B97F4A7C15)  # 2 ** 64 over the golden ratio (Knuth, volume 3, 6.4)
_MIX = np.uint64(0xC2B2AE3D27D4EB4F)  # any odd number, so that heads and tails do not cancel out
_SHIFT = np.uint64(64 - _SLOT_BITS)

_Number = TypeVar("_Number", np.uint8, np.int64)


class Vocabulary:
    """The number of each word, from 1; by these numbers, flags and terms. It only grows, and threads may share it.

    Words in ASCII of up to sixteen characters stand in a table with open addressing besides, where numpy finds all
    words of a text in a few steps: that takes a quarter of the time of a dictionary. It is read without the lock, since
    what is written of a word is written before its slot: tails, then heads, then numbers.
    """

    def __init__(self, terms: Sequence[str] = ()) -> None:
        """`terms` are numbered first, in their order."""
        self.flags = np.zeros(1, np.uint8)
        self.only = np.full(1, NONE, np.int64)
        """The number of a word's one term; `NONE` or `SEVERAL` where it has not one."""
        self.names = list(terms)
        """The terms by their numbers."""
        self._known = {name: number for number, name in enumerate(self.names)}
        self.characters = 0
        """Of all words: by them it is told how large it is."""
        self._several: dict[int, list[int]] = {}  # of words with more than one term, their numbers
        self._numbers: dict[bool, dict[str, int]] = {ascii: {BREAK: 0} for ascii in (False, True)}
        self._slot_heads, self._slot_tails = np.zeros((2, 1 << _SLOT_BITS), np.uint64)
        self._slot_numbers = np.zeros(1 << _SLOT_BITS, np.int32)
        self._lock = Lock()

    def __len__(self) -> int:
        """The number of words, one more for those that are none."""
        return sum(map(len, self._numbers.values())) - 1

    def numbers_of_forms(self, forms: Forms) -> Numbers:
        """The number of each word of a text in ASCII; new ones are learnt."""
        numbers = self._looked_up(forms.heads, forms.tails)
        numbers[forms.ends - forms.starts > LONGEST] = 0
        unknown = (numbers == 0).nonzero()[0]
        if len(unknown):
            numbers[unknown] = self.numbers_of_words(forms.spelt(unknown), ascii=True)
        return numbers

    def numbers_of_words(self, words: Sequence[str], *, ascii: bool) -> Numbers:
        """The number of each word out of `word_forms`, bare of signs around it; 0 for `BREAK`; new ones are learnt."""
        known = self._numbers[ascii]
        if not all(map(known.__contains__, words)):
            self._learn(words, ascii=ascii)
        return np.fromiter(map(known.__getitem__, words), np.int64, len(words))

    def several(self, words: Numbers) -> tuple[Numbers, Numbers]:
        """Of some words that have several terms how many each has, and the numbers of them all."""
        found = [self._several[word] for word in words.tolist()]
        return np.fromiter(map(len, found), np.int64, len(found)), np.array(list(chain.from_iterable(found)), np.int64)

    def _looked_up(self, heads: Keys, tails: Keys) -> Numbers:
        """What the table has: 0 for what it has not."""
        slots = _slots(heads, tails)
        found = self._slot_heads[slots]
        same = (found == heads) & (self._slot_tails[slots] == tails)
        numbers = np.where(same, self._slot_numbers[slots], 0).astype(np.int64)
        rest = (~same & (found > 0)).nonzero()[0]  # another word was here before
        for step in range(1, _MOST_PROBES):
            if not len(rest):
                break
            next_ = (slots[rest] + step) % (1 << _SLOT_BITS)
            found = self._slot_heads[next_]
            same = (found == heads[rest]) & (self._slot_tails[next_] == tails[rest])
            numbers[rest[same]] = self._slot_numbers[next_[same]]
            rest = rest[~same & (found > 0)]
        return numbers

    def _learn(self, words: Sequence[str], *, ascii: bool) -> None:
        with self._lock:
            known = self._numbers[ascii]
            new = [word for word in dict.fromkeys(words) if word not in known]
            first = len(self)
            only = np.full(len(new), NONE, np.int64)
            for place, word in enumerate(new):
                numbers = list(map(self._term, terms_of(word, ascii=ascii)))
                if len(numbers) == 1:
                    only[place] = numbers[0]
                elif numbers:
                    only[place] = SEVERAL
                    self._several[first + place] = numbers
            self.characters += sum(map(len, new))
            self.only = _with(self.only, first, only)
            self.flags = _with(self.flags, first, np.fromiter(map(_flags, new), np.uint8, len(new)))
            if ascii:
                self._fill_slots(forms_of("\n".join(new)), first)
            known.update(zip(new, range(first, first + len(new)), strict=True))

    def _term(self, term: str) -> int:
        number = self._known.setdefault(term, len(self.names))
        if number == len(self.names):
            self.names.append(term)
        return number

    def _fill_slots(self, forms: Forms, first: int) -> None:
        """Give new words their slots; one that finds none free is left to the dictionary."""
        fitting = (forms.ends - forms.starts <= LONGEST).nonzero()[0]
        heads, tails = forms.heads[fitting], forms.tails[fitting]
        for number, slot, head, tail in zip(
            (first + fitting).tolist(), _slots(heads, tails).tolist(), heads.tolist(), tails.tolist(), strict=True
        ):
            for step in range(_MOST_PROBES):
                place = (slot + step) % (1 << _SLOT_BITS)
                if not self._slot_heads[place]:
                    self._slot_tails[place] = tail
                    self._slot_heads[place] = head
                    self._slot_numbers[place] = number
                    break


@cache
def shared() -> Vocabulary:
    """The vocabulary that is kept from batch to batch; `shared.cache_clear()` lets go of it."""
    return Vocabulary()


def _slots(heads: Keys, tails: Keys) -> Numbers:
    return ((heads ^ tails * _MIX) * _SCATTER >> _SHIFT).astype(np.int64)


def _with(stored: NDArray[_Number], size: int, added: NDArray[_Number]) -> NDArray[_Number]:
    """An array with room to grow, of which `size` numbers are used, with more of them behind these."""
    if size + len(added) > len(stored):
        stored = np.concatenate([stored, np.zeros(max(len(stored), len(added)), stored.dtype)])
    stored[size : size + len(added)] = added
    return stored


def _flags(word: str) -> int:
    if word in _PERSONS:
        return PERSON
    if word[:1].isdigit():
        return NUMBER
    if word in _CUES:
        return CUE
    is_plain = word.isascii() and word.isalpha()
    return SUSPECT * (word in _SUSPECTS if is_plain else _SUSPECT_PARTS.search(word) is not None)
