"""Names, dates, sums and addresses by rules: only what the writing itself gives away, so that what is listed is there.

Names of Latin scripts are told by capitals inside of sentences, Korean ones by what they end in or what follows them.
Where writing says nothing (German capitals, which every noun has; scripts without capitals) no names are listed.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from graphs.facets.offline.lexicons import (
    GAZETTEER,
    KOREAN_COMPANIES,
    KOREAN_ORGANISATIONS,
    KOREAN_PARTICLES,
    KOREAN_PLACES,
    KOREAN_SURNAMES,
    KOREAN_TITLES,
    MONTHS,
    ORGANISATIONS,
    PLACES,
    TITLES,
    WEEKDAYS,
)
from graphs.text.language import detect_language
from graphs.text.sentences import sentence_spans
from graphs.text.words import STOP_WORDS

MOST = 100
LONGEST_WORDS = 12  # of a name, small words included
CAPITALS_SAY_NOTHING = ("de", "lb")
HEADING_SHARE = 0.5  # of the words that begin with capitals: a heading, where capitals say nothing
MOST_PERSON_WORDS = 3
LEAST_WORDS = 3  # fewer tell no heading
SHOUTED_SHARE = 0.9  # likewise, of what ends like a sentence
READ_CHARACTERS = 2_000_000  # of one document
PIECE_CHARACTERS = 20_000

_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_SCALE = r"(?: ?(?:thousand|million|billion|trillion))?"
# In this order: what an earlier one has taken is no later one's.
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("email", re.compile(r"\b[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}\b", re.ASCII)),
    (
        "money",
        re.compile(
            rf"(?:US|A|C|NZ)?[$€£₩¥] ?(?:{_NUMBER}){_SCALE}(?![\d])"
            rf"|\b(?:{_NUMBER}){_SCALE} ?(?:dollars|euros|pounds|yen|won|USD|EUR|GBP|KRW|JPY)\b"
            rf"|(?<!\d)(?:{_NUMBER}) ?(?:조|억|만|천)* ?(?:원|달러|유로|엔|위안)(?![가-힣]*[가-힣]회)"
        ),
    ),
    (
        "date",
        re.compile(
            r"\b\d{4}-\d{2}-\d{2}\b"
            rf"|\b\d{{1,2}}(?:st|nd|rd|th)? (?:{MONTHS})\.?(?:,? \d{{4}})?\b"
            rf"|\b(?:{MONTHS})\.? \d{{1,2}}(?:st|nd|rd|th)?(?:, ?\d{{4}})?\b"
            rf"|\b(?:{MONTHS})\.? \d{{4}}\b"
            r"|(?<!\d)\d{4}년(?: ?\d{1,2}월(?: ?\d{1,2}일)?)?|(?<!\d)\d{1,2}월 ?\d{1,2}일"
            r"|(?<!\d)\d{4}年(?:\d{1,2}月(?:\d{1,2}日)?)?|(?<!\d)\d{4}\. ?\d{1,2}\. ?\d{1,2}\.?"
            r"|(?<![\w.,$€£₩¥-])(?:1[5-9]|20)\d{2}(?![\w%]|[.,]\d|-\d)"
        ),
    ),
    (
        "number",
        re.compile(
            r"(?<![\w.,])(?:\d+(?:[.,]\d+)* ?(?:%|percent\b|퍼센트|％)|\d{1,3}(?:,\d{3})+|\d+\.\d+)(?![\w.]\d|/|\d)"
        ),
    ),
)
_NAME_WORD = re.compile(r"[^\W\d_][\w'’&-]*\.?")
_SPACE = re.compile(r"[ \t]+|[ \t]*\n[ \t]*")
_INNER = frozenset("of de la le du van von der den di da del the and".split())
_OF_SOMETHING = ORGANISATIONS | PLACES | frozenset("state states head secretary chief university".split())
_ABBREVIATED = TITLES | frozenset("st jr sr inc corp ltd co".split())
_ENDS = (".", "!", "?", '."', ".”", "?”", "!”", ".'", ".’", ".)")
_INITIAL = re.compile(r"(?:^|[ .])[^\W\d_]\.$")
_PARTICLE = re.compile(r"(?<=[A-Za-z0-9])[가-힣]+$")  # behind a foreign name: "AI를"
_LIKENED = re.compile(r"-(?:based|like|style|type|related|led|backed|owned|wide|era|made|born|specific|only)$")
_LABELS = frozenset("abstract appendix chapter conclusion contents figure introduction note section table".split())
_ACRONYM = re.compile(r"[A-Z][A-Z&]{1,5}$")
_KOREAN_NAME = rf"[{KOREAN_SURNAMES}][가-힣][가-힣](?<![에의은는을를도로와과년월한할된])"
_KOREAN = (
    (
        "organisation",
        re.compile(
            r"(?<![가-힣])(?!관할|해당|당해|소관|각급)"
            rf"(?:[가-힣]{{2,10}}(?:{KOREAN_ORGANISATIONS})|국회|대법원|헌법재판소)"
        ),
    ),
    (
        "organisation",
        re.compile(
            rf"(?<![가-힣A-Za-z0-9])(?:{KOREAN_COMPANIES}) ?"
            r"(?!설립|이사|주주|정관|감사|임원|대표|본사|전환|또는)[가-힣A-Za-z0-9]{2,20}?"
            rf"(?=(?:{KOREAN_PARTICLES})?(?![가-힣A-Za-z0-9]))"
            rf"|(?<![가-힣A-Za-z0-9])[가-힣A-Za-z0-9]{{2,20}}(?:{KOREAN_COMPANIES})(?! ?[가-힣A-Za-z0-9]{{3}})"
        ),
    ),
    (
        "person",
        re.compile(
            rf"(?<![가-힣]){_KOREAN_NAME}(?= ?(?:{KOREAN_TITLES})(?:[은는이가을를의과와도께]|\b)| ?\((?:인|서명)\))"
            rf"|(?<=대표이사 ){_KOREAN_NAME}(?![가-힣])"
        ),
    ),
    (
        "place",
        re.compile(
            rf"(?<![가-힣])(?:{KOREAN_PLACES})(?:특별자치시|특별자치도|특별시|광역시|시|도)?"
            r"(?=(?:은|는|이|가|을|를|의|에|에서|에는|에도|에서는|과|와|도|로|으로|까지|부터|만|뿐|이며|이다|정부|인|군|산|항)?(?![가-힣]))"
        ),
    ),
)


class _Word(NamedTuple):
    text: str
    start: int
    end: int


def entities(text: str) -> list[tuple[str, str]]:
    """Return (type, name) of what a text names, most often named first; at most 100."""
    read = text[:READ_CHARACTERS]
    counts: Counter[tuple[str, str]] = Counter()
    language = detect_language(read)
    for piece in _pieces(read):
        counts.update(_patterned(piece))
    if language not in CAPITALS_SAY_NOTHING:
        counts.update(_capitalised(read))
    ordered = sorted(counts, key=lambda entity: -counts[entity])  # stable: of equals the first in the text
    distinct = {name: (type, name) for type, name in reversed(ordered)}  # of a name, the type that it has most often
    return [entity for entity in ordered if distinct[entity[1]] == entity][:MOST]


def _pieces(text: str) -> Iterator[str]:
    """Yield a text in pieces that end at white space, where it has any: no pattern keeps other threads waiting long."""
    start = 0
    while start < len(text):
        end = start + PIECE_CHARACTERS
        space = text.rfind(" ", start, end) if end < len(text) else -1
        end = space + 1 if space > start else end
        yield text[start:end]
        start = end


def _patterned(text: str) -> Counter[tuple[str, str]]:
    """Count what its form gives away, each character taken once."""
    found: Counter[tuple[str, str]] = Counter()
    taken = bytearray(len(text))
    for type, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            start, end = match.span()
            if not any(taken[start:end]):
                found[type, _one_line(match[0])] += 1
                taken[start:end] = b"\1" * (end - start)
    for type, pattern in _KOREAN:
        found.update((type, match[0]) for match in pattern.finditer(text))
    return found


def _capitalised(text: str) -> Counter[tuple[str, str]]:
    """Count the names told by their capitals; one at a sentence's start counts where it stands inside of others too."""
    inside: Counter[str] = Counter()
    opening: Counter[str] = Counter()
    titled: set[str] = set()
    lowered: set[str] = set()
    for start, end in sentence_spans(text):
        lowered.update(word.rstrip(".") for word in _NAME_WORD.findall(text[start:end]) if word.islower())
        for name, is_first, has_title in _names(text[start:end]):
            (opening if is_first else inside)[name] += 1
            if has_title:
                titled.add(name)
    opening = _without_openers(opening, inside, lowered)
    pieces = {piece for name in inside + opening for piece in _parts(name)}
    found: Counter[tuple[str, str]] = Counter()
    for name, count in (inside + opening).items():
        if not inside[name] and " " not in name:
            continue
        if any(_INITIAL.match(end) for end in _ends(name)) and name in pieces:
            continue  # a piece of a name with initials, at which a sentence seemed to end
        if " " not in name and name.lower() in lowered:  # also written small: an ordinary word
            continue
        found[_type(name, is_titled=name in titled), name] = count
    return _with_families(found)


def _with_families(found: Counter[tuple[str, str]]) -> Counter[tuple[str, str]]:
    """Return the names with "Ann Lee" as a person's where Ms. Lee is one, and Lee where Ann B. Lee is."""
    families = {name.split()[-1] for type, name in found if type == "person"}
    typed: Counter[tuple[str, str]] = Counter()
    for (type, name), count in found.items():
        words = name.split()
        is_person = type == "other" and words[-1] in families and len(words) <= MOST_PERSON_WORDS
        typed["person" if is_person else type, name] = count
    return typed


def _without_openers(opening: Counter[str], inside: Counter[str], lowered: set[str]) -> Counter[str]:
    """Return the names that stand first without an ordinary word before them: "Yesterday Ansan" is Ansan."""
    found: Counter[str] = Counter()
    for name, count in opening.items():
        first, _, rest = name.partition(" ")
        rest = rest.removeprefix("the ")
        found[rest if rest and not inside[name] and first.lower() in lowered else name] += count
    return found


def _parts(name: str) -> Iterator[str]:
    """Yield the pieces of a name that lack words at one of its ends."""
    words = name.split()
    for size in range(1, len(words)):
        yield " ".join(words[:size])
        yield " ".join(words[-size:])


def _ends(name: str) -> tuple[str, str]:
    words = name.split()
    return words[0], words[-1] if words[-1].endswith(".") else f"{words[-1]}."


def _names(sentence: str) -> Iterator[tuple[str, bool, bool]]:
    """Yield the names of a sentence: each with whether it stands first, and whether a title stands before it."""
    words = [_Word(match[0], *match.span()) for match in _NAME_WORD.finditer(sentence)]
    if len(words) > 1 and _is_heading(sentence, [word.text for word in words if len(word.text) > 3]):
        return
    run: list[_Word] = []
    for word in [*words, _Word("", len(sentence), len(sentence))]:
        if run and _goes_on(run, word, sentence):
            run.append(word)
            continue
        yield from _closed(run, sentence)
        run = [word] if _is_capital(word.text) else []


def _is_heading(sentence: str, words: list[str]) -> bool:
    """Tell whether so many words have capitals that these say nothing."""
    if len(words) < LEAST_WORDS:
        return False
    share = sum(word[0].isupper() for word in words) / max(1, len(words))
    return share > (SHOUTED_SHARE if sentence.endswith(_ENDS) else HEADING_SHARE)


def _goes_on(run: list[_Word], word: _Word, sentence: str) -> bool:
    """Tell whether a word belongs to the name that ends before it. "of" does behind what has to be of something."""
    last = run[-1]
    if len(run) == LONGEST_WORDS:
        return False
    if not _SPACE.fullmatch(sentence, last.end, word.start) and not _INITIAL.match(last.text):
        return False
    if last.text.endswith(".") and not _INITIAL.match(last.text) and _plain(last.text) not in _ABBREVIATED:
        return False
    if word.text in ("of", "for"):
        return _plain(last.text) in _OF_SOMETHING
    return _is_capital(word.text) or word.text in _INNER


def _closed(run: list[_Word], sentence: str) -> Iterator[tuple[str, bool, bool]]:
    """Yield the name that a run of capitalised words holds, without titles and small words around it."""
    while run and run[-1].text in _INNER:
        run = run[:-1]
    is_first = bool(run) and not sentence[: run[0].start].rstrip(" ,\t\n")[-1:].isalnum()
    has_title = False
    while run and (_plain(run[0].text) in STOP_WORDS or _plain(run[0].text) in TITLES or run[0].text in _INNER):
        has_title = _plain(run[0].text) in TITLES
        run, is_first = run[1:], False
    for part in _divided(run):
        name = _one_line(sentence[part[0].start : part[-1].end]).rstrip("'’-&")
        name = name if _INITIAL.search(name) else name.rstrip(".")
        name = _LIKENED.sub("", _PARTICLE.sub("", name.removesuffix("'s").removesuffix("’s")))
        plain = _plain(name)
        says_nothing = plain in WEEKDAYS or plain in _LABELS or plain in STOP_WORDS or re.fullmatch(MONTHS, name)
        if len(name) > 1 and not says_nothing:
            yield name, is_first, has_title
        is_first = has_title = False


def _divided(words: list[_Word]) -> Iterator[list[_Word]]:
    """Divide "Korea and the United States" into two names; "Ministry of Trade and Industry" stays one."""
    texts = [word.text for word in words]
    if "and" in texts and not {"of", "for"} & set(texts):
        place = texts.index("and")
        yield words[:place]
        rest = words[place + 1 :]
        while rest and rest[0].text in _INNER:
            rest = rest[1:]
        yield from _divided(rest)
    elif words:
        yield words


def _is_capital(word: str) -> bool:
    return word[:1].isupper() and word != "I" and not word.startswith(("I'", "I’"))


def _type(name: str, *, is_titled: bool) -> str:
    """Say what a name is, where its own words or a title tell."""
    words = [_plain(word) for word in name.split()]
    if is_titled:
        return "person"
    if name in GAZETTEER or name.removeprefix("the ") in GAZETTEER:
        return "place"
    if {words[0], words[-1]} & ORGANISATIONS or _ACRONYM.match(name):
        return "organisation"
    if {words[0], words[-1]} & PLACES and len(words) > 1:
        return "place"
    if len(words) in (2, 3) and _INITIAL.match(name.split()[1]):
        return "person"
    return "other"


def _plain(word: str) -> str:
    return word.lower().rstrip(".").replace("’", "'").removesuffix("'s")


def _one_line(text: str) -> str:
    return " ".join(text.split())
