"""Cut a document into chunks: exact character spans that end at sentence borders and hold a bounded number of
tokens.
"""

import math
import re
from itertools import pairwise
from typing import NamedTuple

from graphs.text.sentences import split_sentences
from graphs.text.tokens import TokenCounter

PARAGRAPH_FROM = 0.8  # of a chunk's target size: from here on a paragraph's end closes the chunk
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")
_SPACE = re.compile(r"\s")


class Chunk(NamedTuple):
    """A span of a document that fits one map call."""

    start: int  # characters
    end: int  # characters, exclusive
    tokens: int


class _Piece(NamedTuple):
    start: int
    end: int
    tokens: int
    ends_paragraph: bool


def chunk_document(text: str, tokens: TokenCounter, chunk_tokens: int, language: str = "en") -> list[Chunk]:
    """Return the chunks of a text in order; together they hold every character that is not white space.

    Chunks are balanced: a text of 3.2 chunks becomes about four of equal size, not three full ones and a rest. A
    sentence longer than a chunk is cut at white space, or anywhere if it has none.
    """
    if chunk_tokens < 1:
        raise ValueError("chunk_tokens must be positive")
    pieces = _pieces(text, tokens, chunk_tokens, language)
    if not pieces:
        return []
    left = sum(piece.tokens for piece in pieces)  # not yet in a closed chunk
    groups: list[list[_Piece]] = [[]]
    filled = 0
    for piece in pieces:
        if groups[-1] and _is_full(groups[-1], filled, piece.tokens, left, chunk_tokens):
            left -= filled
            groups.append([])
            filled = 0
        groups[-1].append(piece)
        filled += piece.tokens
    spans = [(group[0].start, group[-1].end) for group in groups]
    counts = tokens.count([text[start:end] for start, end in spans])
    return [Chunk(start, end, count) for (start, end), count in zip(spans, counts, strict=True)]


def _is_full(group: list[_Piece], filled: int, more: int, left: int, limit: int) -> bool:
    if filled + more > limit:
        return True
    if left <= limit:  # what is left fits one chunk
        return False
    target = left / math.ceil(left / limit)
    if filled + more / 2 > target:  # the piece would lie mostly behind the balanced border
        return True
    return group[-1].ends_paragraph and filled >= PARAGRAPH_FROM * target


def _pieces(text: str, tokens: TokenCounter, limit: int, language: str) -> list[_Piece]:
    """Return sentences with their token counts, over-long ones already cut."""
    sentences = split_sentences(text, language)
    if not sentences:
        return []
    # A sentence is counted with the white space behind it, so that the sum over a chunk is not below the chunk's own
    # count.
    ends = [start for start, _ in sentences[1:]] + [len(text)]
    counts = tokens.count([text[start:until] for (start, _), until in zip(sentences, ends, strict=True)])
    pieces: list[_Piece] = []
    for (start, end), until, count in zip(sentences, ends, counts, strict=True):
        closes = _BLANK_LINE.search(text, end, until) is not None
        if count <= limit:
            pieces.append(_Piece(start, end, count, closes))
        else:
            pieces += _cut(text, start, end, count, limit, tokens)
    return pieces


def _cut(text: str, start: int, end: int, count: int, limit: int, tokens: TokenCounter) -> list[_Piece]:
    """Cut one over-long sentence into pieces of at most `limit` tokens (or of one character)."""
    step = max(1, int((end - start) * limit / count * 0.9))
    borders = [start]
    while borders[-1] + step < end:
        borders.append(_border(text, borders[-1], borders[-1] + step))
    borders.append(end)
    spans = list(pairwise(borders))
    pieces: list[_Piece] = []
    for (left, right), size in zip(spans, tokens.count([text[a:b] for a, b in spans]), strict=True):
        if size > limit and right - left > 1:
            pieces += _cut(text, left, right, max(size, limit + 1), limit, tokens)
        elif not text[left:right].isspace():
            pieces.append(_Piece(left, right, size, ends_paragraph=False))
    return pieces


def _border(text: str, start: int, at: int) -> int:
    """Return the place behind the last white space of the second half of [start, at), or `at` if there is none."""
    middle = (start + at) // 2 + 1
    for position in range(at, middle, -1):
        if _SPACE.match(text, position - 1):
            return position
    return at
