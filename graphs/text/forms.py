"""The words of many texts in ASCII, each looked at once however often it comes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from graphs.text.arrays import Numbers
from graphs.text.words import BREAK, ascii_forms

_BYTES = 8  # of a word that is read as one number; a fifth of all words are longer
_MASKS = np.array([(1 << 8 * length) - 1 for length in range(_BYTES + 1)], np.uint64)
_SCATTER = np.uint64(0x9E3779B97F4A7C15)  # 2 ** 64 over the golden ratio (Knuth, volume 3, 6.4)
_SPACE = ord(" ")

_Keys = NDArray[np.uint64]


class Forms(NamedTuple):
    """The words of texts in order, with `BREAK` between one text's and the next's."""

    distinct: list[str]
    """Each once."""
    words: Numbers
    """Which of them stands at each place."""


def forms_of(texts: Sequence[str]) -> Forms:
    """The words as `word_forms` returns them. Takes some 8 ms for a megabyte."""
    read = b" " + ascii_forms(texts) + b" " * (_BYTES + 1)
    is_space = np.frombuffer(read, np.uint8) == _SPACE
    edges = np.flatnonzero(is_space[1:] != is_space[:-1]) + 1
    starts, ends = edges[::2], edges[1::2]
    lengths = ends - starts
    heads = np.ndarray((len(read) - _BYTES + 1,), "<u8", read, strides=(1,))[starts]
    short = np.flatnonzero(lengths <= _BYTES)
    keys, which = _distinct(heads[short] & _MASKS[lengths[short]])
    spelt = b" ".join(keys.astype("<u8").view(f"S{_BYTES}").tolist()).decode().split(" ") if len(keys) else []
    distinct = [word or BREAK for word in spelt]  # numpy leaves nothing of a word that is a zero
    long = np.flatnonzero(lengths > _BYTES)
    others = [read[start:end] for start, end in zip(starts[long].tolist(), ends[long].tolist(), strict=True)]
    numbers = {word: number for number, word in enumerate(dict.fromkeys(others), len(distinct))}
    words = np.empty(len(starts), np.int64)
    words[short] = which
    words[long] = np.fromiter(map(numbers.__getitem__, others), np.int64, len(others))
    return Forms(distinct + b" ".join(numbers).decode().split(), words)


def _distinct(keys: _Keys) -> tuple[_Keys, Numbers]:
    """The keys, each once, and which of them each is. Most are told by a table of hashes, the others by sorting."""
    bits = max(1, (4 * len(keys)).bit_length())
    slots = keys * _SCATTER >> np.uint64(64 - bits)
    table = np.zeros(1 << bits, np.int32)
    table[slots[::-1]] = np.arange(len(keys))[::-1]  # the last one to be written is the first of its slot
    first = table[slots]
    is_first = first == np.arange(len(keys))
    rest = np.flatnonzero(keys[first] != keys)  # others had the slot before
    others, among = np.unique(keys[rest], return_inverse=True)
    numbers = np.cumsum(is_first) - 1
    which = numbers[first]
    which[rest] = among + int(is_first.sum())
    return np.concatenate([keys[is_first], others]), which
