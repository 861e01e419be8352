"""Words of a text: how many a reader counts, and the terms that tell what it is about."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

# Scripts written without spaces: Thai, Lao, Myanmar, Khmer; Kana, Bopomofo, Han with its iteration marks.
SPACELESS = (
    "\u0e01-\u0e3a\u0e40-\u0eff\u1000-\u109f\u1780-\u17ff"
    "\u3005-\u3007\u3040-\u30fa\u30fc-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff"
)
"""The inside of a character class of a regular expression."""

HANGUL = "\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff"
"""The inside of a character class, too."""

UNCASED = f"{SPACELESS}{HANGUL}"
"""Likewise: scripts without capitals, whose particles stand right behind a foreign name."""

MARKS = "\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff"
"""Likewise: vowel signs and accents, which are not \\w, yet do not end a word."""

_WORD = re.compile(rf"([{SPACELESS}]+)|[^\W_{SPACELESS}][^\s{SPACELESS}]*")  # group 1: a run without spaces
_NO_WORD_ASCII = {code: None for code in range(128) if not chr(code).isalnum() and not chr(code).isspace()}
_ASCII_TERM = re.compile(r"[a-z][a-z0-9]*(?:'[a-z]+)?|\d+(?:[.,]\d+)+|[a-z0-9]+(?:'[a-z]+)?")
_TERM = re.compile(
    r"\d+(?:[.,]\d+)+"
    f"|[{SPACELESS}]+|[{HANGUL}]+"
    rf"|[^\W_{UNCASED}]+(?:['{MARKS}]+[^\W_{UNCASED}]+)*[{MARKS}]*"
)
BREAK = "\0"
"""Stands between texts whose terms are read at once: no part of a word, it changes no form beside it."""

# What no ASCII term holds becomes a space: translating and splitting takes half the time of the pattern.
_ASCII_FORMS = bytes(
    ord(chr(code).lower()) if chr(code).isalnum() or chr(code) in ".,'" + BREAK else ord(" ") for code in range(128)
) + bytes(128)
_FORM = re.compile(f"{_TERM.pattern}|{BREAK}")
# The same where no character is of a script without capitals, in half the time.
_CASED_FORM = re.compile(rf"\d+(?:[.,]\d+)+|[^\W_]+(?:['{MARKS}]+[^\W_]+)*[{MARKS}]*|{BREAK}")
_BIGRAM_RUN = re.compile(f"[{UNCASED}]")
_SPACELESS = re.compile(f"[{SPACELESS}]")
_HANGUL = re.compile(f"[{HANGUL}]")

# Typography that means the same to terms and words as a character of ASCII, and makes much English text not ASCII.
_TYPOGRAPHY = {"“": '"', "”": '"', "‘": '"', "’": "'", "–": "-", "—": "-", "…": '"', "•": "*", "\u00a0": " "}

STOP_WORDS = frozenset(
    """
    a about above after again against all almost also although always am among an and another any are aren't
    as at be because been before being below between both but by can can't cannot could couldn't did didn't do
    does doesn't doing don't done down during each either else even ever every few for from further get gets
    got had hadn't has hasn't have haven't having he he'd he'll he's her here hers herself him himself his how
    however i i'd i'll i'm i've if in into is isn't it it's its itself just least less let let's like many may
    maybe me might more most much must my myself neither no nor not now of off often on once one only onto or
    other others our ours ourselves out over own per perhaps quite rather really same shall she she's should
    shouldn't since so some such than that that's the their theirs them themselves then there there's
    therefore these they they'd they'll they're they've this those though through thus to too toward towards
    under until up upon us very was wasn't we we'd we'll we're we've well were weren't what what's when where
    whether which while who who's whom whose why will with within without won't would wouldn't yet you you'd
    you'll you're you've your yours yourself yourselves
    """.split()
)
_DOUBLED = frozenset("bdfgmnprt")
_VOWEL = re.compile("[aeiouy]")


def count_words(text: str) -> int:
    """The number of words: pieces between whitespace that hold a letter or digit (in Korean: eojeol).

    A run of a script without spaces (Han, Kana, Thai, Lao, Khmer, Myanmar) counts half its characters, rounded up,
    whatever stands around it: "東京でPython" is two words and one. Punctuation alone counts nothing. Linear time.
    """
    if text.isascii():
        return len(text.translate(_NO_WORD_ASCII).split())
    words = _WORD.findall(text)
    return len(words) + sum((len(run) - 1) // 2 for run in words if run)


def is_spaceless(character: str) -> bool:
    """Whether a character is of a script that is written without spaces."""
    return _SPACELESS.match(character) is not None


def is_hangul(character: str) -> bool:
    """Whether a character is Korean, a syllable or a part of one."""
    return _HANGUL.match(character) is not None


def as_paragraph(sentences: Iterable[str]) -> str:
    """Join sentences as their script does: with a space, but not behind a full stop as wide as a character of Han."""
    line = ""
    for sentence in sentences:
        is_wide = bool(line) and unicodedata.east_asian_width(line[-1]) in "WF" and not is_hangul(line[-1])
        line += sentence if not line or is_wide else f" {sentence}"
    return line


def terms(text: str) -> list[str]:
    """The terms of `text` in order, repeated ones included, as TF-IDF takes them.

    Words of scripts with spaces are lower-cased, English stop words left out and the rest lightly stemmed; runs of
    Hangul, Kana, Han, Thai and their like become overlapping character bigrams (a run of one stays itself), which rank
    Korean sentences as well as morphemes do; numbers are kept whole ("3.5", "1,200"). Compatibility forms are folded
    (NFKC), so composed and decomposed text give the same terms. Linear time.
    """
    if text.isascii():
        found = _ASCII_TERM.findall(text.lower())
        return [_stem(term) for term in found if term not in STOP_WORDS]
    return [term for form in _TERM.findall(fold(text)) for term in _terms_of(form)]


def word_forms(texts: Sequence[str], *, ascii: bool) -> list[str]:
    """The words of several texts as they stand there, in lower case, with `BREAK` between one text's and the next's.

    `terms_of` makes a word's terms; in order, they are what `terms` returns for the text. This runs at the speed of C
    and leaves little to do for a word seen before. The texts must either all be ASCII or none of them.
    """
    return ascii_forms(texts).decode().split() if ascii else folded_forms(fold(joined(texts)))


def ascii_forms(texts: Sequence[str]) -> bytes:
    """The words of several texts that are ASCII, in lower case, with spaces for all that is part of none."""
    return joined(texts).encode().translate(_ASCII_FORMS)


def simplified(text: str) -> str:
    """The text with typographic signs as ASCII, each in its place: to be read, which is then three times as fast."""
    if not text.isascii():
        for sign, plain in _TYPOGRAPHY.items():
            text = text.replace(sign, plain)
    return text


def joined(texts: Sequence[str]) -> str:
    """The texts with one `BREAK` between each two; those that they hold are spaces."""
    space = f" {BREAK} "
    whole = space.join(texts)
    if whole.count(BREAK) >= len(texts):  # some text has its own, which parts words like white space
        whole = space.join(text.replace(BREAK, " ") for text in texts)
    return whole


def folded_forms(text: str, *, cased: bool = False) -> list[str]:
    """What `word_forms` returns, of a text that is joined and folded; `cased` if it has no script without capitals."""
    return (_CASED_FORM if cased else _FORM).findall(text)


def terms_of(form: str, *, ascii: bool) -> list[str]:
    """The terms of a word out of `word_forms`: none of a stop word, mostly one, or bigrams."""
    if ascii and not form.isalpha():
        return terms(form)
    return _terms_of(form)


def _terms_of(form: str) -> list[str]:
    if _BIGRAM_RUN.match(form):
        return list(map(str.__add__, form, form[1:])) if len(form) > 1 else [form]
    return [] if form in STOP_WORDS else [_stem(form)]


def fold(text: str) -> str:
    """The text with compatibility forms folded (NFKC), in lower case, with one kind of apostrophe."""
    return unicodedata.normalize("NFKC", text).lower().replace("\u2019", "'")


@lru_cache(maxsize=1 << 14)
def _stem(word: str) -> str:
    """A light English stem: plural, -ed, -ing, silent e. Words of other alphabets come back as they are."""
    if not word.isascii() or word.isdigit():
        return word
    word = word.partition("'")[0] or word
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith(("sses", "shes", "ches", "xes")):
        word = word[:-2]
    elif word.endswith("s") and len(word) > 3 and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for suffix in ("ing", "ed"):
        rest = word.removesuffix(suffix)
        if rest != word and len(rest) > 2 and _VOWEL.search(rest):
            word = rest[:-1] if rest[-1] == rest[-2] and rest[-1] in _DOUBLED else rest
            break
    if len(word) > 3:
        word = word.removesuffix("e")
        if word.endswith("y"):
            word = word[:-1] + "i"
    return word
