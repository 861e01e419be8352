"""How plainly a sentence is worded: whether the text says the same words again and again, small ones too."""

from collections.abc import Sequence

import numpy as np

from graphs.models.matrix import Values
from graphs.text.forms import Keys, heads_of
from graphs.text.lengths import pieces
from graphs.text.words import joined

_SCATTER = np.uint64(0x9E3779B97F4A7C15)  # 2 ** 64 over the golden ratio (Knuth, volume 3, 6.4)
_SPACE = ord(" ")
_PADDING = b" " * 9  # as `heads_of` asks for
_LEAST_BITS, _MOST_BITS = 16, 22  # of the table of words; few of them share a place there

# Letters and digits, what is not ASCII and the sign between two texts stay; all else is a space.
_PARTS = bytes(code if not code or chr(code).isalnum() or code >= 128 else _SPACE for code in range(256))


def wording(texts: Sequence[str], prose: Values) -> Values:
    """The mean over a sentence's words of the logarithm of how often the word comes in all prose; 0 where it has none.

    Stop words count as any other: what many people have to say they say in plain words, and a sentence of rare ones
    tells a detail. `prose` is 1 for a sentence that is prose, else 0: shape (sentences,), like what is returned. Takes
    some 10 ms for a megabyte.
    """
    bits = min(max((sum(map(len, texts)) // 2).bit_length(), _LEAST_BITS), _MOST_BITS)
    owners, slots = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    for first, last in pieces(texts):
        keys = _keys(texts[first:last])
        is_word = keys > 0
        own = first + (~is_word).cumsum()[is_word]
        owners.append(own.astype(np.int32))
        slots.append((keys[is_word] * _SCATTER >> np.uint64(64 - bits)).astype(np.int32))
    own, slot = np.concatenate(owners), np.concatenate(slots)
    often = np.log(np.maximum(np.bincount(slot, prose[own], minlength=1 << bits), 1.0))
    summed = np.bincount(own, often[slot], minlength=len(texts))
    return np.asarray(summed / np.maximum(np.bincount(own, minlength=len(texts)), 1), dtype=np.float64)


def _keys(texts: Sequence[str]) -> Keys:
    """The words of texts in order as numbers, with a 0 between one text's and the next's.

    Eight bytes tell a word from others: a longer one counts as all that begin as it does.
    """
    read = b" " + joined(texts).lower().encode("utf-8", "surrogatepass").translate(_PARTS) + _PADDING
    is_space = np.frombuffer(read, np.uint8) == _SPACE
    edges = (is_space[1:] != is_space[:-1]).nonzero()[0] + 1
    return heads_of(read, edges[::2], edges[1::2])
