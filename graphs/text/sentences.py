"""Sentences of a text, as exact character offsets."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain

import sentencex

from graphs.text.blocks import blocks

LONGEST_CHARACTERS = 2_000
"""A run without any sentence border is cut at a space before this many characters (transcripts without punctuation)."""

# sentencex takes time in the square of the quotes and wide full stops of one paragraph (370 s for 1 MB of Japanese),
# so it is handed short windows; ASCII text has few of both.
_WINDOW_CHARACTERS = 800
_ASCII_WINDOW_CHARACTERS = LONGEST_CHARACTERS

_TOGETHER_CHARACTERS = 1_500  # of short blocks: a call of sentencex takes as long as one, and grows with its length
_BLANK_LINE = "\n\n"

_LOOKED_AT_CHARACTERS = 100_000  # at once: they stay in the processor's cache, and no other thread of Python waits long

Segment = Callable[[str], list[str]]
"""From a window of a text to its sentences: pieces that concatenate to the window."""

# A letter behind these is no initial of the word that follows: "as in Exhibit A. Provider shall" are two sentences.
_LETTERED = ("Exhibit", "Schedule", "Appendix", "Annex", "Attachment")
# What ends a sentence though sentencex sees no border there, by signs without which it need not be looked for.
_MISSED = (
    (("。", "｡"), re.compile(r"(?<=[。｡])(?=[0-9０-９])")),
    (_LETTERED, re.compile(rf"(?<=\S )(?:{'|'.join(_LETTERED)}) [A-Z]\. +(?=[A-Z])")),
)
# Thai and Lao have no full stop: a space stands between sentences, and between clauses.
_THAI = (b"\xe0", b"\xe0\xb8", b"\xe0\xb9", b"\xe0\xba", b"\xe0\xbb")  # how their characters begin in UTF-8
_THAI_GAP = re.compile(
    "(?<=[\u0e00-\u0eff]) +(?=[\u0e00-\u0eff])|(?<=[0-9\u0e50-\u0e59\u0ed0-\u0ed9]) +(?=[\u0e00-\u0eff]{3})"
)
_THAI_CHARACTERS = 40  # of a piece between such spaces, at least
_SURROGATE = re.compile("[\ud800-\udfff]")
_LINE_ENDS = "\x85\u2028\u2029"
_WIDE_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_EMPHASIS = frozenset("*_")
_MARKER = re.compile(r"[(\[]?(?:\d{1,3}|[A-Za-z]|[ivx]{1,4}|[가나다라마바사아자차카타파하])[.)\]]$")
# What stands before a name or a number: sentencex knows most, but not all, and forgets them before "No" or "Will".
_ABBREVIATIONS = tuple(
    """
    Mr. Mrs. Ms. Mx. Dr. Prof. Hon. Messrs. Ft. Fig. Figs. Eq. Eqs. Ch. Vol. Refs. Tab. approx.
    """.split()
)
_ABBREVIATIONS_INSIDE = tuple(sign + word for word in _ABBREVIATIONS for sign in " (\n")
_ABBREVIATED = frozenset(word[-3:] for word in _ABBREVIATIONS)  # how they end, which few other words do
_QUOTATIVE = re.compile(r"이?라(?:고|며|는)(?!\w)|하고(?!\w)")
_CLOSERS = frozenset("\"'”’»」』)）】》〉]")


def split_sentences(text: str, language: str = "en") -> list[tuple[int, int]]:
    """The sentences of `text` as ordered, non-overlapping (start, end) in characters, without outer whitespace.

    Every character that is not whitespace lies in exactly one span. Headings, list items, table rows, turns of a
    dialogue and what stands between blank lines are spans of their own; the lines of a hard-wrapped paragraph are not.
    A run of more than `LONGEST_CHARACTERS` without a border is cut. Time is linear in the length of any text.
    `language` is an ISO 639 code; an unknown one is read like English. Raises nothing.
    """
    return list(sentence_spans(text, language))


def sentence_spans(text: str, language: str = "en") -> Iterator[tuple[int, int]]:
    """Yield what `split_sentences` returns, for a text that has more of it than one wants in memory."""
    plain, thai = _plain(text)
    segment = _segmenter(plain, language, thai=thai)
    short: list[tuple[int, str]] = []
    size = 0
    for start, end in blocks(plain):
        is_short = end - start <= _WINDOW_CHARACTERS
        if is_short:
            short.append((start, plain[start:end]))
            size += end - start
            if size < _TOGETHER_CHARACTERS:
                continue
        yield from _of_short(plain, short, segment)
        short, size = [], 0
        if not is_short:
            yield from _sentences(plain, start, _windows(plain, start, end, segment))
    yield from _of_short(plain, short, segment)


def _plain(text: str) -> tuple[str, bool]:
    r"""The text at the same offsets, with "\n" as the only line end and nothing that UTF-8 cannot carry; whether it has
    Thai or Lao.
    """
    if "\r" in text:
        text = text.replace("\r\n", " \n").replace("\r", "\n")
    for separator in "\v\f":
        if separator in text:
            text = text.replace(separator, "\n")
    if text.isascii():
        return text, False
    odd, broken, thai = set[str](), False, False
    for start in range(0, len(text), _LOOKED_AT_CHARACTERS):
        part = text[start : start + _LOOKED_AT_CHARACTERS]
        if part.isascii():
            continue
        odd.update(filter(part.__contains__, _LINE_ENDS + _WIDE_SPACES))
        try:
            encoded = part.encode()
            thai |= _THAI[0] in encoded and any(sign in encoded for sign in _THAI[1:])
        except UnicodeEncodeError:
            broken = thai = True
    for sign in odd:  # sentencex panics at "C\u00a0."
        text = text.replace(sign, "\n") if sign in _LINE_ENDS else text.replace(sign + ".", " .")
    return _SURROGATE.sub("\ufffd", text) if broken else text, thai


def _of_short(plain: str, short: list[tuple[int, str]], segment: Segment) -> Iterator[tuple[int, int]]:
    """Yield the sentences of short blocks, which are cut all at once: sentencex joins no paragraphs."""
    single = [_is_single(block) for _, block in short]
    several = [block for (_, block), alone in zip(short, single, strict=True) if not alone]
    pieces = iter(segment(_BLANK_LINE.join(several)) if several else ())
    for (start, block), alone in zip(short, single, strict=True):
        if alone:
            yield start, start + len(block.rstrip())
        else:
            own = list(iter(partial(next, pieces, _BLANK_LINE), _BLANK_LINE))
            yield from _sentences(plain, start, own if "".join(own) == block else segment(block))


def _windows(plain: str, position: int, end: int, segment: Segment) -> Iterator[str]:
    """Yield the pieces of one block, which is read a bounded window at a time."""
    characters = 0
    while position < end:
        stop = min(end, position + (characters or _ASCII_WINDOW_CHARACTERS))
        window = plain[position:stop]
        if not characters and len(window) > _WINDOW_CHARACTERS and not window.isascii():
            characters = _WINDOW_CHARACTERS
            continue
        pieces = segment(window)
        if stop < end:
            if len(pieces) > 1:
                pieces.pop()  # it may go on behind the window, which starts there next time
            elif len(window) < LONGEST_CHARACTERS:
                characters = LONGEST_CHARACTERS
                continue
            else:
                pieces = [window[: _last_space(window)]]
        characters = 0
        position += sum(map(len, pieces))
        yield from pieces


def _sentences(plain: str, position: int, pieces: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Yield the sentences of one block out of its pieces."""
    left = right = -1  # of the sentence that the next piece may still belong to
    opens = True  # nothing of this block was yielded yet
    for piece in pieces:
        begin, position = position, position + len(piece)
        until = begin + len(piece.rstrip())
        if not piece[0].isalnum():
            if begin == until:
                continue
            if piece[0].isspace():
                begin = position - len(piece.lstrip())
            elif begin == right and piece[0] in _EMPHASIS:
                right += len(piece) - len(piece.lstrip("*_"))  # it closes what was emphasised: "**Note.** The rest"
                begin = position - len(plain[right:position].lstrip())
                if right >= until:
                    continue
        if right < 0:
            left = begin
        elif not ((opens and _is_marker(plain, left, right)) or _goes_on(plain, left, right, begin)):
            yield left, right
            left, opens = begin, False
        right = until
    if right >= 0:
        yield left, right


def _is_single(block: str) -> bool:
    """Whether nothing ends a sentence in a block but at its end: a heading, an item, a short turn."""
    head = block[:-1]
    return "." not in head and "!" not in head and "?" not in head and head.isascii()


def _is_marker(plain: str, start: int, end: int) -> bool:
    return end - start < 7 and _MARKER.match(plain[start:end]) is not None


def _goes_on(plain: str, start: int, end: int, next_start: int) -> bool:
    """Whether a sentence that sentencex lets end at `end` goes on at `next_start`."""
    if plain[end - 1] == ".":
        return (
            plain[end - 3 : end] in _ABBREVIATED and _ends_shortened(plain, start, end) and plain[next_start].isalnum()
        )
    return plain[end - 1] in _CLOSERS and _reports(plain, end, next_start)


def _ends_shortened(plain: str, start: int, end: int) -> bool:
    """Whether the last word of what ends there is short for what stands before a name or a number."""
    return plain.endswith(_ABBREVIATIONS_INSIDE, start, end) or plain[start:end] in _ABBREVIATIONS


def _reports(plain: str, quoted: int, start: int) -> bool:
    """Whether what starts here goes on behind the quotation that ends at `quoted`: `"…했다."고 말했다` and
    `「…。」と言った` are one sentence each.
    """
    if quoted == start and plain[start].isalpha():
        return True
    return plain[start] in "이라하" and _QUOTATIVE.match(plain, start) is not None


def _segmenter(plain: str, language: str, *, thai: bool) -> Segment:
    """What cuts a window of a text; which ends sentencex might miss there is told once, for the whole text."""
    missed: list[tuple[list[str], Callable[[str], Iterable[str]]]] = [
        (found, partial(_parts, end=end))
        for signs, end in _MISSED
        if (found := [sign for sign in signs if sign in plain])
    ]
    if thai:
        missed.append(([""], _clauses))

    def segment(window: str) -> list[str]:
        pieces: list[str] = sentencex.segment(language, window)
        if "".join(pieces) != window:  # which it promises for one paragraph
            pieces = [window]
        for signs, cut in missed:
            if any(map(window.__contains__, signs)):
                pieces = list(chain.from_iterable(map(cut, pieces)))
        return pieces

    return segment


def _parts(piece: str, *, end: re.Pattern[str]) -> Iterator[str]:
    """Yield a piece in parts that end as `end` matches."""
    start = 0
    for match in end.finditer(piece):
        yield piece[start : match.end()]
        start = match.end()
    yield piece[start:]


def _clauses(piece: str) -> Iterator[str]:
    """Yield a piece of Thai or Lao in parts that end at its spaces and are not too short to be sentences."""
    start = 0
    for gap in _THAI_GAP.finditer(piece):
        if gap.end() - start >= _THAI_CHARACTERS and len(piece) - gap.end() >= _THAI_CHARACTERS:
            yield piece[start : gap.end()]
            start = gap.end()
    yield piece[start:]


def _last_space(window: str) -> int:
    """Where to cut a window without a border: after its last space, else before a character that stands by itself."""
    for place in range(len(window) - 1, len(window) // 2, -1):
        if window[place].isspace():
            return place
    for place in range(len(window) - 1, len(window) - 32, -1):
        if not unicodedata.category(window[place]).startswith(("M", "C")) and window[place - 1] != "\u200d":
            return place
    return len(window)
