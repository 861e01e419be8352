"""Which sentences of a document are prose, and which stand around it: headings, tables, code, links, references."""

import re
from collections.abc import Sequence

from graphs.models.matrix import Flags, Numbers

PROSE, SHORT, APPARATUS, WORDLESS = range(4)
"""Kinds of sentence, best first: a summary takes a worse kind only from a span that holds no better one."""

_SENTENCE_END = re.compile(r"[.!?…。！？｡:;][\"'”’»」』)\]）】]*$|[다요죠까]$")
_REFERENCES = re.compile(
    r"(?:#+ *)?(?:\d+\.? *)?(?:references?|bibliography|works cited|literature cited"
    r"|참고 ?문헌|参考文献|參考文獻)[:.]?",
    re.IGNORECASE,
)
_AFTER_REFERENCES = re.compile(r"#{1,6}\s|appendi(?:x|ces)\b|annex\b|부록|付録|附录", re.IGNORECASE)
_APPARATUS = re.compile(
    r"[#|]|```|~~~"  # heading, table row, fence
    r"|(?:import|from|def|class|return|function|const|let|var|public|private)\s.*[;:({]$"
    r"|\[\d{1,3}\]\s.*(?:19|20)\d\d",  # reference list
    re.DOTALL,
)
_LEADER = re.compile(r"\.{4,}|(?:\. ){4,}|…{2,}|·{4,}")  # a table of contents
_LONGEST_HEADING = 200  # characters
_CODE = ("=>", "==", "()", "</", "{{", "}}")
_REPEATED = ("|", "\t", " › ", " » ", " · ", " > ")  # twice in a sentence: a table row or a trail of links
_CITATION = ("doi:", "doi.org/", "arxiv:", " pp. ", "isbn ", "isbn:")
_WEBSITE = (
    *("cookie policy", "privacy policy", "sign in", "log in", "subscribe to", "click here"),
    *("skip to content", "저작권자", "로그인", "구독하기", "바로가기"),
)
_NOTICE = (
    *("is in the public domain", "all rights reserved", "may be reproduced", "may not be reproduced", "licensed under"),
    *("creative commons", "copyright (c)", "copyright holder", "this etext", "this ebook", "project gutenberg"),
    *("newly typeset", "무단 전재", "무단전재"),
)
_NOTICE_WORDS = 40  # a notice of rights is longer than a link
_WEBSITE_WORDS = 15  # longer sentences with these phrases are prose about them
_MARKER = re.compile(r"(?:[-*+•‣◦▪●○◎■□◆◇▶▷►※∙·–—>]|\(?(?:\d{1,3}|[A-Za-z]|[ivx]{1,4})[.)]|\[\d{1,3}\])\s*$")
_LONGEST_MARKER = 8  # characters
_UNFINISHED = re.compile(
    r"\b(?:an?|and|are|as|at|but|by|for|from|in|is|its|of|on|or|our|that|the|their|to|was|were|which|with)$"
)  # the rest of the sentence stands elsewhere
_EMPHASISED = re.compile(r"([*_]{1,3})[^*_]+(?<![.!?。！？*_\s])\1")  # a caption, a list of authors

# What only a close look can tell. A sentence without any of it ends like a sentence and is one, which is told without
# a call: most are.
_SIGNS = ("=>", "==", "()", "</", "{{", "}}", "|", "\t", " › ", " » ", "·", " > ", "....", ". . . .", "……", "©")
_PLAIN_ENDS = frozenset(".!?。！？｡")
_CLOSERS = frozenset("\"'”’」』")
_ODD_STARTS = frozenset("#|`~[-*+>(")


def kinds(text: str, spans: Sequence[tuple[int, int]], words: Numbers, least_words: int, suspects: Flags) -> list[int]:
    """The kind of each sentence of a document: PROSE, SHORT (under `least_words`), APPARATUS or WORDLESS.

    Apparatus is what stands around the prose: headings, list markers, table rows, code, navigation, reference lists.
    `suspects` tells which sentences have a word of websites or of reference lists.
    """
    marked = _marked(text, spans)
    result = []
    in_references = False
    for (start, end), count, suspect, mark in zip(spans, words.tolist(), suspects.tolist(), marked, strict=True):
        if count >= 2 * least_words and not (suspect or mark or in_references) and _ends_plainly(text, start, end):
            result.append(PROSE)
            continue
        if count == 0:
            result.append(WORDLESS)
            continue
        sentence = text[start:end]
        if count <= 4 and _REFERENCES.fullmatch(sentence):
            in_references = 3 * start > len(text)
        elif in_references and _AFTER_REFERENCES.match(sentence):
            in_references = False
        if (
            in_references
            or _stands_around(sentence)
            or (mark and _is_marked_apparatus(sentence))
            or (suspect and _is_link_or_notice(sentence, count))
            or (count < 2 * least_words and _is_heading(text, start, end))
        ):
            result.append(APPARATUS)
        else:
            result.append(SHORT if count < least_words else PROSE)
    return result


def _ends_plainly(text: str, start: int, end: int) -> bool:
    """Whether the span begins and ends as only a sentence does."""
    last = text[end - 1]
    return (last in _PLAIN_ENDS or (last in _CLOSERS and text[end - 2] in _PLAIN_ENDS)) and text[
        start
    ] not in _ODD_STARTS


def _marked(text: str, spans: Sequence[tuple[int, int]]) -> list[bool]:
    """Whether each sentence has one of the signs of code, tables and trails: each is searched for in the whole text."""
    marked = [False] * len(spans)
    for sign in _SIGNS:
        place, row = text.find(sign), 0
        while place != -1 and row < len(spans):
            row = _row_of(spans, place, row)
            if row == len(spans):
                break
            marked[row] = marked[row] or spans[row][0] <= place
            place = text.find(sign, max(place + 1, spans[row][1]))
    return marked


def _row_of(spans: Sequence[tuple[int, int]], place: int, low: int) -> int:
    """The first sentence from `low` on that ends behind the place."""
    high = len(spans)
    while low < high:
        middle = (low + high) // 2
        if spans[middle][1] <= place:
            low = middle + 1
        else:
            high = middle
    return low


def _stands_around(sentence: str) -> bool:
    """Whether the sentence looks like a heading, a list's marker, a table's row, code or a reference."""
    return (
        _APPARATUS.match(sentence) is not None
        or (len(sentence) <= _LONGEST_MARKER and _MARKER.match(sentence) is not None)
        or sentence.endswith((");", "{", "}"))
        or _UNFINISHED.search(sentence, max(0, len(sentence) - 8)) is not None
        or _EMPHASISED.fullmatch(sentence) is not None
    )


def _is_marked_apparatus(sentence: str) -> bool:
    """Whether a sentence with one of the signs looks like code, a table of contents or a trail of links."""
    return (
        _LEADER.search(sentence) is not None
        or "©" in sentence
        or any(sign in sentence for sign in _CODE)
        or any(sentence.count(sign) > 1 for sign in _REPEATED)
    )


def _is_link_or_notice(sentence: str, words: int) -> bool:
    """Whether a sentence with one of the suspect words looks like navigation, a citation or a notice of rights."""
    lowered = sentence.lower()
    return (
        any(sign in lowered for sign in _CITATION)
        or (words <= _WEBSITE_WORDS and any(phrase in lowered for phrase in _WEBSITE))
        or (words <= _NOTICE_WORDS and any(phrase in lowered for phrase in _NOTICE))
    )


def _is_heading(text: str, start: int, end: int) -> bool:
    """Whether the span is a line of its own, or part of a short paragraph of one line, that ends like no sentence."""
    before = text[max(0, start - 40) : start].rstrip(" \t")
    after = text[end : end + 40].lstrip(" \t")
    alone = (not before or before[-1] in "\r\n") and (not after or after[0] in "\r\n")
    if not alone:
        start, end, alone = _short_paragraph(text, start, end)
    return alone and not _SENTENCE_END.search(text[max(start, end - 8) : end])


def _short_paragraph(text: str, start: int, end: int) -> tuple[int, int, bool]:
    """The line around a span, and whether it is a paragraph by itself that is short enough for a heading."""
    left = text.rfind("\n", max(0, start - _LONGEST_HEADING), start) + 1
    right = text.find("\n", end, end + _LONGEST_HEADING)
    right = len(text) if right < 0 and end + _LONGEST_HEADING >= len(text) else right
    if right < 0 or right - left > _LONGEST_HEADING or (left == 0 and start > _LONGEST_HEADING):
        return start, end, False
    stands_first = left == 0 or text[max(0, left - 2) : left] == "\n\n"
    return left, right, stands_first and not text[right : right + 2].strip()
