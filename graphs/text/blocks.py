"""Spans of a text that no sentence crosses: paragraphs with their wrapped lines, and the lines that stand alone."""

import re
from collections.abc import Iterator
from itertools import chain

_COPIED_CHARACTERS = 100_000

_WRAP_CHARACTERS = 160  # no hard-wrapped text has longer lines: such a line is a paragraph of its own
_FULL_LINE = 0.8  # a line is wrapped when the next word would have made it longer than this share of the usual width
_NARROW = 40  # narrower columns are verse, addresses and lists; wide characters take two columns
_FIRST_WORD = 12  # characters of the next word that count, so that one URL does not make every line look full

_SPACE = re.compile(r"\s")
_FENCE = re.compile(r"```|~~~")
_HEADS = frozenset("#-=_*~")  # how a heading or a rule may begin
_HEADING_OR_RULE = re.compile(r"#{1,6}\s|[-=_*~]{3,}[ \t]*$", re.MULTILINE)
_COLUMNS = re.compile(r"[^\n\t]*\S[ \t]*\t[^\n\t]*\S\t")
_ITEM = re.compile(
    r"[-*+•‣◦▪▫●○◎■□◆◇▶▷►※∙·–—][ \t]"
    r"|\(?(?:\d{1,3}|[A-Za-z]|[ivx]{1,4}|[가나다라마바사아자차카타파하])[.)][ \t]"
    r"|\[\d{1,3}\][ \t]"
    r"|[①-⑳㉠-㉭・][ \t]?"
    r"|>[ \t]?"
)
_ITEM_CHARACTERS = 5  # an item that begins with a letter has its dot or bracket among these
_INITIAL = re.compile(r"[A-Z]\. [A-Z]")  # in wrapped prose "George\nH. W. Bush" is one name
_TURN = re.compile(r"[^\W\d_a-z][^\n:.!?]{0,30}:[ \t]")  # of a dialogue: it begins with its speaker
_TURN_CHARACTERS = 32  # of a turn, with its colon
_ENDS = frozenset(".!?…。！？｡:;\"'”’」』)")


def blocks(plain: str) -> Iterator[tuple[int, int]]:
    r"""Yield them as (start, end) in characters, in order, with white space or nothing between them.

    The text has "\n" as its only line end.
    """
    lines: list[tuple[int, int]] = []
    fenced = False
    tables = "|" in plain or "\t" in plain
    fences = "```" in plain or "~~~" in plain
    end = -1
    for line in chain.from_iterable(_lines(plain)):
        start, end = end + 1, end + 1 + len(line)
        if line and line[0].isspace():
            start = end - len(line.lstrip())
        if start == end:  # blank
            if lines:
                yield from _of_paragraph(plain, lines, tables=tables) if len(lines) > 1 else lines
                lines = []
        elif fences and _FENCE.match(plain, start):
            fenced = not fenced
            yield from _of_paragraph(plain, lines, tables=tables)
            lines = []
            yield start, end
        elif fenced:
            yield start, end
        else:
            lines.append((start, end))
    yield from _of_paragraph(plain, lines, tables=tables)


def _lines(plain: str) -> Iterator[list[str]]:
    """Yield the lines without their ends, few at a time, which are all that is in memory."""
    start = 0
    while (stop := plain.find("\n", start + _COPIED_CHARACTERS)) >= 0:
        yield plain[start:stop].split("\n")
        start = stop + 1
    yield plain[start:].split("\n")


def _of_paragraph(plain: str, lines: list[tuple[int, int]], *, tables: bool) -> Iterator[tuple[int, int]]:
    """Cut lines without a blank one between them where one ends and the next does not run on."""
    if len(lines) < 2:
        yield from lines
        return
    if tables:
        first, last = lines[0][0], lines[-1][1]
        tables = plain.find("|", first, last) >= 0 or plain.find("\t", first, last) >= 0
    # Not the longest line: one URL or one unwrapped paragraph would make every other line look short.
    width = sorted(end - start for start, end in lines)[3 * len(lines) // 4]
    block_start, previous_start, previous_end = lines[0][0], *lines[0]
    alone = (tables or plain[block_start] in _HEADS) and _is_alone(plain, *lines[0], tables=tables)
    for start, end in lines[1:]:
        # Of most lines this is told without a call, which takes as long as all the rest: in wrapped prose they begin in
        # lower case, behind a line that is no short one, and not like an item.
        previous_alone, alone = (
            alone,
            (tables or plain[start] in _HEADS) and _is_alone(plain, start, end, tables=tables),
        )
        runs_on = (
            "a" <= plain[start] <= "z"
            and 2 * (previous_end - previous_start) >= width
            and "." not in (head := plain[start : start + _ITEM_CHARACTERS])
            and ")" not in head
        )
        if previous_alone or alone or not (runs_on or _runs_on(plain, previous_start, previous_end, start, width)):
            yield block_start, previous_end
            block_start = start
        previous_start, previous_end = start, end
    yield block_start, previous_end


def _is_alone(plain: str, start: int, end: int, *, tables: bool) -> bool:
    """Whether a line is a heading, a rule or a row of a table, whatever stands around it."""
    if plain[start] in _HEADS and _HEADING_OR_RULE.match(plain, start):
        return True
    if not tables:
        return False
    return (
        plain[start] == "|"
        or plain.count("|", start, end) > 1
        or (plain.count("\t", start, end) > 1 and _COLUMNS.match(plain, start) is not None)
    )


def _runs_on(plain: str, previous_start: int, previous_end: int, start: int, width: int) -> bool:
    """Whether the line at `start` continues the one before: that was full, or this one begins in lower case."""
    length = previous_end - previous_start
    first = plain[start]
    if not first.islower() or 2 * length < width:
        wide = first >= "\u1100"
        if length > _WRAP_CHARACTERS or width < (_NARROW // 2 if wide else _NARROW):
            return False
        if length + 1 + _FIRST_WORD < _FULL_LINE * width:
            return False
        if length + 2 < _FULL_LINE * width and length + 1 + _first_word(plain, start) < _FULL_LINE * width:
            return False
    return not _begins_anew(plain, previous_start, previous_end, start)


def _first_word(plain: str, start: int) -> int:
    """The characters of the word at `start`, as far as they count."""
    if "\u3040" <= plain[start] <= "\u9fff":
        return 1
    space = _SPACE.search(plain, start, start + _FIRST_WORD)
    return space.start() - start if space else min(_FIRST_WORD, len(plain) - start)


def _begins_anew(plain: str, previous_start: int, previous_end: int, start: int) -> bool:
    """Whether an item or the turn of a speaker begins at `start`: of most lines this is told without a pattern."""
    head = plain[start : start + _ITEM_CHARACTERS]
    if (
        (not head[0].isalpha() or "." in head or ")" in head)
        and _ITEM.match(plain, start)
        and not (
            _INITIAL.match(plain, start)
            and (plain[previous_end - 1].isalpha() or plain[previous_end - 1] == ",")
            and not _ITEM.match(plain, previous_start)
        )
    ):
        return True
    # In wrapped prose "the\nGovReport data set: the words" is no new speaker.
    return (
        plain.find(":", start, start + _TURN_CHARACTERS) >= 0
        and _TURN.match(plain, start) is not None
        and (plain[previous_end - 1] in _ENDS or _TURN.match(plain, previous_start) is not None)
    )
