"""The numbers in brackets by which a model says what it rests on: put before the sentences of a prompt, and read from
an answer.
"""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import NamedTuple

LONGEST_END = 8  # characters of what closes a sentence: a full stop, quotes and brackets
LONGEST_MARKS = 100  # characters of the marks at the end of an unfinished answer
LONGEST_RANGE = 8  # sentences that one "[3-7]" may stand for; who cites more cites nothing

_NUMBERS = r"\d{1,6}(?:\s*[-–,;、]\s*\d{1,6})*"
_MARK = re.compile(rf"[\[【]\s*({_NUMBERS})\s*[\]】]")
# In a source, whatever a model could read as a mark: with characters that nobody sees, in wide brackets too.
_BESIDE = r"\s,;、–\-\xad\u200b-\u200f\u2060-\u2064\ufeff"
_LOOKALIKE = re.compile(rf"[\[【［][{_BESIDE}]*\d[\d{_BESIDE}]*[\]】］]")
_MARKS_TO_COME = re.compile(r"(?:\s*[\[【][\s\d\-–,;、]*[\]】])*\s*(?:[\[【][\s\d\-–,;、]*)?\Z")
_BLANK = re.compile(r"[ \t]*")
_RANGE = re.compile(r"(\d+)(?:\s*[-–]\s*(\d+))?")
_LINE_START = re.compile(r"[ \t]*(?:[-*+•]|#{1,6}|\d{1,3}[.)])?[ \t]*")
_SENTENCE_ENDS = tuple(".!?。！？…")
_CLOSERS = "\"'”’»」』)）"


class Mark(NamedTuple):
    """A mark of an answer: where it stood in the text without marks, and the numbers in it."""

    position: int  # characters; of one that stood before its sentence, the first of the sentence and one
    numbers: tuple[int, ...]


class Marked(NamedTuple):
    """An answer without its marks, and the marks."""

    text: str
    marks: list[Mark]


def numbered(text: str, sentences: Iterable[tuple[int, int]], first: int = 1) -> str:
    """Return a text with a number in brackets before each of its sentences, counted from `first`.

    What looks like such a number in the text itself stands in round brackets instead.
    """
    plain = without_lookalikes(text)
    pieces: list[str] = []
    here = 0
    for number, (start, end) in enumerate(sentences, first):
        pieces.append(f"{plain[here:start]}[{number}] {plain[start:end]}")
        here = end
    return "".join(pieces)


def without_lookalikes(text: str) -> str:
    """Return a text of the same length in which nothing looks like a mark."""
    if text.isascii() and "[" not in text:
        return text
    return _LOOKALIKE.sub(lambda found: found[0].translate(_ROUND), text)


_ROUND = str.maketrans("[]【】［］", "()()()")


def read_marks(answer: str) -> Marked:
    """Return an answer without its marks, and where they stood.

    A mark belongs to the sentence that it follows; at the start of a line, to the one that it precedes, and so does
    each mark of an answer that begins with one and does not end with one. Marks without a word between them belong
    together.
    """
    pieces: list[str] = []
    marks: list[Mark] = []
    here = length = 0
    found_marks = list(_found_in(answer))
    all_lead = bool(found_marks) and not answer[: found_marks[0][0]].strip() and found_marks[-1][1].end() < len(answer)
    end, leads = -1, False  # of the mark before
    for start, found in found_marks:
        blank = answer[start : found.start()]
        pieces.append(answer[here:start])
        length += len(pieces[-1])
        if start == end:
            blank = ""
        else:
            leads = _LINE_START.fullmatch(answer, answer.rfind("\n", 0, start) + 1, start) is not None or (
                all_lead and answer[max(0, start - LONGEST_END) : start].rstrip(_CLOSERS).endswith(_SENTENCE_ENDS)
            )
        here = end = found.end()
        if leads:  # the blank that parts it from what stands before is kept, the one behind it goes
            pieces.append(blank)
            length += len(blank)
            here = _BLANK.match(answer, end).end()  # type: ignore[union-attr]  # it matches anything
        marks.append(Mark(length + leads, tuple(_numbers(found[1]))))
    pieces.append(answer[here:])
    return Marked("".join(pieces), marks)


def text_so_far(answer: str) -> str:
    """Return the text of an unfinished answer without its marks, and without what may become one."""
    at = max(0, len(answer) - LONGEST_MARKS)
    end = _MARKS_TO_COME.search(answer, at)
    return read_marks(answer[: end.start()] if end else answer).text.rstrip()


def without_marks(answer: str) -> str:
    """Return an answer's words, to be counted: the marks are gone, blanks may stand where they stood."""
    return _MARK.sub("", answer)


def cited_numbers(answer: str) -> set[int]:
    """Return the numbers that an answer cites."""
    return {number for found in _MARK.finditer(answer) for number in _numbers(found[1])}


def renumbered(answer: str, numbers: Mapping[int, int], most: int) -> str:
    """Return an answer with other numbers in its marks. Numbers that have no new one are dropped, and so are all but
    the first `most`.
    """
    pieces: list[str] = []
    here, left = 0, most
    for start, found in _found_in(answer):
        new = sorted({numbers[number] for number in _numbers(found[1]) if number in numbers})[:left]
        left -= len(new)
        pieces.append(answer[here : found.start() if new else start])
        pieces += [f"[{number}]" for number in new]
        here = found.end()
    pieces.append(answer[here:])
    return "".join(pieces)


def marks_by_sentence(marked: Marked, spans: list[tuple[int, int]], known: Container[int]) -> list[list[int]]:
    """Return for each sentence of an answer without marks the known numbers that it cites, in order, once each."""
    cited: list[dict[int, None]] = [{} for _ in spans]
    place = 0
    for position, numbers in marked.marks:
        while place + 1 < len(spans) and spans[place + 1][0] < position:
            place += 1
        if spans:
            cited[place].update(dict.fromkeys(number for number in numbers if number in known))
    return [list(numbers) for numbers in cited]


def _found_in(answer: str) -> Iterator[tuple[int, re.Match[str]]]:
    """Yield the marks of an answer, and where the blanks before each begin.

    The expression does not look for these itself: it would try at every character, not at brackets alone, and take ten
    times as long.
    """
    for found in _MARK.finditer(answer):
        start = found.start()
        while start and answer[start - 1] in " \t":
            start -= 1
        yield start, found


def _numbers(inside: str) -> list[int]:
    """Return the numbers that a mark holds: "3, 7-9" is 3, 7, 8 and 9."""
    if inside.isdecimal():  # nearly always
        return [int(inside)]
    numbers: list[int] = []
    for first, last in _RANGE.findall(inside):
        numbers.append(int(first))
        if last and int(first) < int(last) < int(first) + LONGEST_RANGE:
            numbers += range(int(first) + 1, int(last) + 1)
        elif last:
            numbers.append(int(last))
    return numbers
