"""Names and numbers of a summary: what a reader would check first, and whether the sources have them.

All of the sources are read, so only spellings are compared. `support` looks into the few passages that a sentence
cites, and knows there other ways to write a number or a name.
"""

import re
from collections.abc import Iterable, Sequence

from graphs.text.words import STOP_WORDS, UNCASED

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_INSIDE = rf"[^\W{UNCASED}]"
_NAME = re.compile(
    rf"(?<!{_INSIDE})(?<!['’])[^\W\d_a-z{UNCASED}](?:{_INSIDE}|['’-])*{_INSIDE}"
)  # it begins with a capital
_SEPARATOR = re.compile(r"(?<=\d),(?=\d{3}\b)")  # of thousands
_PIECE_CHARACTERS = 1_000_000  # made lower case at once


def names_and_numbers(sentence: str) -> list[str]:
    """The numbers and the capitalised words of a sentence, each once, in order; its first word is no sign of a name.

    Scripts without capitals give numbers alone.
    """
    first = re.match(r"\W*[\w'’-]+", sentence)
    begin = first.end() if first else 0
    found = [(match.start(), match[0]) for match in _NUMBER.finditer(sentence)]
    for match in _NAME.finditer(sentence):
        word = match[0]
        tells = match.start() >= begin or word.isupper()  # all capitals tell a name even at the beginning
        if tells and word[0].lower() != word[0] and word.lower() not in STOP_WORDS:
            found.append((match.start(), word))
    return list(dict.fromkeys(word for _, word in sorted(found)))


def missing(wanted: Sequence[str], texts: Iterable[str]) -> list[str]:
    """Which names and numbers stand in none of the texts, whatever their case and separators of thousands.

    Reads the texts until all are found: a second for some hundred megabytes and name.
    """
    open_ = {word: _plain(word.removesuffix("'s").removesuffix("’s")) for word in wanted}
    for text in texts:
        for start in range(0, len(text), _PIECE_CHARACTERS):
            if not open_:
                return []
            piece = _plain(text[max(0, start - 100) : start + _PIECE_CHARACTERS])
            open_ = {word: plain for word, plain in open_.items() if not _stands_in(plain, piece)}
    return list(open_)


def _plain(text: str) -> str:
    return _SEPARATOR.sub("", text.lower())


def _stands_in(word: str, text: str) -> bool:
    """Whether the text has the word, and not only as a part of a longer number."""
    place = text.find(word)
    if not word[0].isdigit():
        return place != -1
    while place != -1:
        before, after = text[place - 1 : place], text[place + len(word) : place + len(word) + 1]
        if not (before.isdigit() or after.isdigit()):
            return True
        place = text.find(word, place + 1)
    return False
