"""Which sentences of a document are prose, and which stand around it: headings, tables, code, links, references."""

import re
from typing import NamedTuple

import numpy as np

from graphs.text.arrays import Flags, Numbers
from graphs.text.characters import ALNUM, HANGUL, SPACELESS, NarrowCodes, classes_of_codes, looked_up, narrow_codes_of

PROSE, SHORT, APPARATUS, WORDLESS = range(4)
"""Kinds of sentence, best first: a summary takes a worse kind only from a span that holds no better one."""

SENTENCE_END = re.compile(r"[.!?…。！？｡:;][\"'”’»」』)\]）】]*$|[다요죠까]$")
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
_ANNOUNCING = ("다음 각 호", "다음 각 목", "다음과 같", "次のとおり", "以下のとおり", "如下")  # what follows is a list
_LONGEST_HEADING = 200  # characters
_LAST_ASCII = 127
_BEFORE = np.array([-1])  # the first character
_CODE = ("=>", "==", "()", "</", "{{", "}}")
_REPEATED = ("|", "\t", " › ", " » ", " · ", " > ")  # twice in a sentence: a table row or a trail of links
_CITATION = ("doi:", "doi.org/", "arxiv:", " pp. ", "isbn ", "isbn:")
_PROCEEDINGS = re.compile(r"\bproceedings of\b.*\b(?:pages|pp\.?|vol\.?|volume)\s+\d", re.DOTALL)
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
_REFERENCES_WORDS = 4

# How a Korean sentence ends that is one: with a verb, an adjective, or a noun made of one. A caption or a headline may
# have a full stop, and ends with a name or a thing.
_PREDICATES = "다요까죠네자라오지음함됨임"
_TAIL = 4  # characters of a sentence among which the last letter is
_WHOLE_SHARE = 0.5  # of the words of a document's prose in that script: notes are written without

_PLAIN_END, _CLOSER, _ODD_START, _COLON, _REFERENCES_START, _PREDICATE = 1, 2, 4, 8, 16, 32
_TABLE = np.zeros(1 << 16, np.uint8)
"""What a character may mean at the start or the end of a sentence, by its code; rarer ones mean nothing."""
for _bit, _characters in (
    (_PLAIN_END, ".!?。！？｡"),
    (_CLOSER, "\"'”’」』"),
    (_ODD_START, "#|`~[-*+>("),
    (_COLON, ":："),
    (_REFERENCES_START, "#0123456789rRbBwWlL참参參"),
    (_PREDICATE, _PREDICATES),
):
    _TABLE[list(map(ord, _characters))] |= _bit


class Sentences(NamedTuple):
    """Sentences of documents whose texts stand in a row, a blank line between two."""

    text: str
    starts: Numbers
    """In characters of the text: shape (sentences,), like the rest."""
    ends: Numbers
    documents: Numbers
    """The number of the document of each."""
    words: Numbers
    least_words: Numbers
    """A sentence with fewer is short."""
    suspects: Flags
    """Whether it has a word of websites or of reference lists."""


def kinds(sentences: Sentences) -> Numbers:
    """The kind of each sentence: PROSE, SHORT, APPARATUS or WORDLESS.

    Apparatus is what stands around the prose: headings, list markers, table rows, code, navigation, reference lists.
    """
    text, starts, ends, _, words, least_words, suspects = sentences
    found = np.where(words < least_words, SHORT, PROSE)
    found[words == 0] = WORDLESS
    signs = Signs(narrow_codes_of(text))
    marked = _marked(text, starts, ends, signs)
    references = _in_references(sentences, signs)
    found[references & (words > 0)] = APPARATUS
    unlike = _is_unlike_whole(sentences, found == PROSE, signs)
    found[(found == PROSE) & (_announces(text, starts, ends, signs) | unlike)] = SHORT
    short = words < 2 * least_words
    plain = signs.end_plainly(ends) & ~signs.at(starts, _ODD_START)
    plain &= (ends - starts > _LONGEST_MARKER) & ~suspects & ~marked
    titles = (plain & short).nonzero()[0]
    plain[titles] = ~_may_be_headings(text, starts, ends, titles, signs)
    close = (words > 0) & ~references & ~plain
    for row in close.nonzero()[0].tolist():
        start, end = int(starts[row]), int(ends[row])
        sentence = text[start:end]
        if (
            _stands_around(sentence)
            or (marked[row] and _is_marked_apparatus(sentence))
            or (suspects[row] and _is_link_or_notice(sentence, int(words[row])))
            or (short[row] and _is_heading(text, start, end))
        ):
            found[row] = APPARATUS
    return found


class Signs(NamedTuple):
    """The characters of a text."""

    codes: NarrowCodes

    def places_of(self, sign: str) -> Numbers:
        """Where a sign of some characters stands, its places in characters: sooner than `str.find` tells them."""
        ahead = len(sign) - len(sign.lstrip(" "))  # of which there are many
        last = max(0, len(self.codes) - len(sign) + 1)
        places: Numbers = (self.codes[ahead : last + ahead] == ord(sign[ahead])).nonzero()[0]
        for place, character in enumerate(sign):
            if place != ahead and len(places):
                places = places[self.codes[places + place] == ord(character)]
        return places

    def at(self, places: Numbers, meaning: int) -> Flags:
        """Whether the character at each place has a meaning."""
        return _mean(self.codes[places], meaning)

    def end_plainly(self, ends: Numbers) -> Flags:
        """Whether what ends there ends as only a sentence does."""
        closed = self.at(ends - 1, _CLOSER) & self.at(np.maximum(ends - 2, 0), _PLAIN_END)
        return self.at(ends - 1, _PLAIN_END) | closed


def _mean(codes: NarrowCodes, meaning: int) -> Flags:
    """Whether each of some characters has a meaning."""
    found: Flags = (looked_up(_TABLE, codes) & meaning) > 0
    return found


def _announces(text: str, starts: Numbers, ends: Numbers, signs: Signs) -> Flags:
    """Whether each sentence only tells that something follows, which a summary would leave out."""
    announcing = signs.at(ends - 1, _COLON)
    for phrase in () if text.isascii() else _ANNOUNCING:
        place = text.find(phrase) if phrase[0] in text else -1  # looking for one character is faster
        while place >= 0:
            row = int(ends.searchsorted(place, side="right"))
            if row < len(ends) and starts[row] <= place:
                announcing[row] = True
            place = text.find(phrase, place + len(phrase))
    return announcing


def _is_unlike_whole(sentences: Sentences, prose: Flags, signs: Signs) -> Flags:
    """Whether each ends like a caption, a headline or an item, in a document whose prose is in whole sentences.

    In Korean, Japanese and Chinese that is no full stop where most have one; in Korean also a name or a thing where
    most end with a verb.
    """
    text, starts, ends, documents, words, *_ = sentences
    unlike = np.zeros(len(starts), np.bool_)
    if text.isascii() or not len(starts):
        return unlike
    codes = signs.codes
    last = np.zeros(len(starts), codes.dtype)
    for back in range(_TAIL, 0, -1):  # the one nearest to the end is written last
        code = codes[np.maximum(ends - back, starts)]
        is_letter = (classes_of_codes(code) & (ALNUM | SPACELESS)) > 0
        last[is_letter] = code[is_letter]
    script = classes_of_codes(last)
    korean, dense = (script & HANGUL) > 0, (script & (HANGUL | SPACELESS)) > 0
    if not dense.any():
        return unlike
    size = int(documents[-1]) + 1
    for own, whole in ((korean, _mean(last, _PREDICATE)), (dense, last != codes[ends - 1])):
        count = words * (own & prose)
        mostly = np.bincount(documents, count * whole, size) > _WHOLE_SHARE * np.bincount(documents, count, size)
        unlike |= own & ~whole & mostly[documents]
    return unlike


def _may_be_headings(text: str, starts: Numbers, ends: Numbers, rows: Numbers, signs: Signs) -> Flags:
    """Whether some of the sentences might be headings: which `_is_heading` says of no others.

    The line around such a one is short and ends like no sentence, and it is a paragraph by itself, or nothing but the
    sentence stands in it.
    """
    if not len(rows):
        return np.zeros(0, np.bool_)
    breaks = (signs.codes == ord("\n")).nonzero()[0]
    borders = np.concatenate((_BEFORE, breaks, np.array([len(text)])))
    lefts = borders[breaks.searchsorted(starts[rows])] + 1
    rights = borders[breaks.searchsorted(ends[rows]) + 1]
    may: Flags = rights - lefts <= _LONGEST_HEADING
    may &= ~signs.end_plainly(np.maximum(rights, 1))
    if "\r" not in text:  # which may end a line, too
        # A sentence begins or ends in the line besides this one.
        others = (rows > 0) & (ends[rows - 1] > lefts)
        others |= (rows < len(starts) - 1) & (starts[np.minimum(rows + 1, len(starts) - 1)] < rights)
        behind = signs.codes[np.minimum(rights + 1, len(text) - 1)]
        goes_on = (lefts > 0) & (signs.codes[np.maximum(lefts - 2, 0)] != ord("\n"))
        goes_on |= (rights + 1 < len(text)) & (behind > ord(" ")) & (behind <= _LAST_ASCII)
        may &= ~(others & goes_on)
    return may


def _in_references(sentences: Sentences, signs: Signs) -> Flags:
    """Whether each sentence is part of a list of references, its heading included."""
    text, starts, ends, documents, words, *_ = sentences
    inside = np.zeros(len(starts), np.bool_)
    few = ((words > 0) & (words <= _REFERENCES_WORDS)).nonzero()[0]
    few = few[signs.at(starts[few], _REFERENCES_START)]
    heads = [row for row in few.tolist() if _REFERENCES.fullmatch(text, int(starts[row]), int(ends[row]))]
    for row in heads:
        first, last = documents.searchsorted(documents[row] + np.arange(2)).tolist()
        stop = row
        if 3 * (starts[row] - starts[first]) > ends[last - 1] - starts[first]:  # not one of a table of contents
            stop = row + 1
            while stop < last and not (
                words[stop] and _AFTER_REFERENCES.match(text, int(starts[stop]), int(ends[stop]))
            ):
                stop += 1
        inside[row:stop] = True
    return inside


def _marked(text: str, starts: Numbers, ends: Numbers, signs: Signs) -> Flags:
    """Whether each sentence has one of the signs of code, tables and trails: each is searched for in the whole text."""
    marked = np.zeros(len(starts), np.bool_)
    for sign in _SIGNS:
        if all(map(text.__contains__, sign)):  # looking for one character is faster
            places = signs.places_of(sign)
            if len(places):
                rows = ends.searchsorted(places, side="right")
                places, rows = places[rows < len(starts)], rows[rows < len(starts)]
                marked[rows[starts[rows] <= places]] = True
    return marked


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
        or _PROCEEDINGS.search(lowered) is not None
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
    return alone and not SENTENCE_END.search(text[max(start, end - 8) : end])


def _short_paragraph(text: str, start: int, end: int) -> tuple[int, int, bool]:
    """The line around a span, and whether it is a paragraph by itself that is short enough for a heading."""
    left = text.rfind("\n", max(0, start - _LONGEST_HEADING), start) + 1
    right = text.find("\n", end, end + _LONGEST_HEADING)
    right = len(text) if right < 0 and end + _LONGEST_HEADING >= len(text) else right
    if right < 0 or right - left > _LONGEST_HEADING or (left == 0 and start > _LONGEST_HEADING):
        return start, end, False
    stands_first = left == 0 or text[max(0, left - 2) : left] == "\n\n"
    return left, right, stands_first and not text[right : right + 2].strip()
