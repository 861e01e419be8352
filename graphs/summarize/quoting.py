"""Sentences that are quoted, as the text of a summary: paragraphs, and lists of what are items in their source."""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from graphs.models.calls import Answer
from graphs.models.extractive import Sentence
from graphs.models.kinds import SENTENCE_END
from graphs.text.words import as_paragraph

FORM = "items"
"""Part of the identity of what is quoted: change it with anything that changes how a choice of sentences is written."""

_MARK = re.compile(r"(?:[-*+•‣◦▪●○◎■□◆◇▶▷►※∙·–—>|]\s+)+")  # before an item, and a cell of a table
_LAST_BAR = re.compile(r"\s*\|\s*$")
_LONGEST_LINE = 2_000  # characters before a sentence: farther back, its line has no mark
_LONGEST_END = 8  # characters of a sentence's end

Read = Callable[[str], str]
"""From the id of a document to its text."""


def quoting(spans: Iterable[Sentence], read: Read, *, as_list: bool) -> Answer:
    """Return sentences with their places: as a list, or else a paragraph a document, in which those that follow each
    other as items of a list, rows of a table or lines without a full stop stay a list.

    The mark before an item is no part of what is quoted.
    """
    bare = [_bare(span, read(span.document)) for span in spans]
    if as_list:
        text = "\n".join(f"- {_quoted(span, read(span.document))}" for span in bare)
    else:
        blocks = groupby(bare, key=lambda span: (span.document, _is_item(span, read(span.document))))
        text = "\n\n".join(_block(list(block), read, is_item=is_item) for (_, is_item), block in blocks)
    return Answer(text, spans=tuple((span.document, span.start, span.end) for span in bare))


def _block(spans: Sequence[Sentence], read: Read, *, is_item: bool) -> str:
    lines = [list(line) for _, line in groupby(spans, key=lambda span: _line_start(span, read(span.document)))]
    if is_item and len(lines) > 1:
        return "\n".join(f"- {_joined(line, read)}" for line in lines)
    return _joined(spans, read)


def _joined(spans: Iterable[Sentence], read: Read) -> str:
    return as_paragraph(_quoted(span, read(span.document)) for span in spans)


def _quoted(span: Sentence, text: str) -> str:
    """Return one sentence on one line."""
    return " ".join(text[span.start : span.end].split())


def _bare(span: Sentence, text: str) -> Sentence:
    """Return a sentence without the marks of its line; as it is where it holds nothing else."""
    mark = _MARK.match(text, span.start, span.end)
    if not mark:
        return span
    bar = _LAST_BAR.search(text, mark.end(), span.end) if "|" in mark[0] else None
    bare = span._replace(start=mark.end(), end=bar.start() if bar else span.end)
    return bare if bare.start < bare.end else span


def _is_item(span: Sentence, text: str) -> bool:
    """Tell whether a sentence stands in a line with a mark, or is all of a line and does not end as sentences do."""
    start = _line_start(span, text)
    if _MARK.match(text, start, span.start):
        return True
    is_line = text[span.end : span.end + 1] in ("", "\n") and not text[start : span.start].strip()
    return is_line and not SENTENCE_END.search(text[max(span.start, span.end - _LONGEST_END) : span.end])


def _line_start(span: Sentence, text: str) -> int:
    """Return where the line begins in which a sentence does, without its indent."""
    start = text.rfind("\n", max(0, span.start - _LONGEST_LINE), span.start) + 1 or max(0, span.start - _LONGEST_LINE)
    return start + len(text[start : span.start]) - len(text[start : span.start].lstrip())
