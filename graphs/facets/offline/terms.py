"""Key terms by the statistics of the batch: no model, no network, the same ones for the same texts.

Candidates are runs of up to four words between stop words and punctuation. Each is weighed by its C-value (Frantzi,
Ananiadou & Mima, "Automatic recognition of multi-word terms", 2000): how often it stands there other than inside longer
candidates, times the logarithm of its length; times its inverse document frequency, where there are several documents.
Korean words are taken without their particles; Han and Kana have no words, so that repeated runs of characters whose
neighbours vary stand for them (accessor variety: Feng et al., 2004). Stop words of other languages than English and
Korean are those of the collection Stopwords ISO.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise
from typing import NamedTuple

import stopwordsiso

from graphs.facets.offline.korean import Stems, is_hangul
from graphs.facets.offline.lexicons import HAN_NUMERALS, HAN_PARTICLES, KOREAN_STOP_WORDS, WEAK_WORDS, WEEKDAYS
from graphs.text.language import detect_language
from graphs.text.sentences import sentence_spans
from graphs.text.words import MARKS, STOP_WORDS, terms

OWN_STOP_WORDS = ("en", "ko")
"""Languages with lists of our own, which are made for terms."""

WORDS_NOT_DIVIDED = ("th", "lo", "km", "my")
"""Languages whose words neither white space nor characters divide: key terms are not found in them."""

LONGEST_WORDS = 4
LONGEST_CHARACTERS = 6  # of a run of Han
LEAST_VARIETY = 2  # different neighbours on either side that make a run of Han a word
MOST = 30  # terms of a document
OFTEN_SHARE = 0.1  # of the sentences: a short word that stands in more is a function word, in any language
SHORT_CHARACTERS = 4
SINGLE_SHARE = 0.5  # of its weight that a single word keeps, where words are divided: it tells less than two do
LEAST_SENTENCES = 20  # for that share to say something
VERB_LEAD = 2  # times more often behind what stands before verbs than behind what stands before nouns
READ_CHARACTERS = 500_000  # of one document: its key terms show long before

_LETTERS = rf"(?:[^\W_]|[{MARKS}])+"
_WORD = re.compile(rf"{_LETTERS}(?:['’\-‐]{_LETTERS})*|[^\s\w]|_")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\u3005]{2,}")
_KATAKANA = re.compile("[\u30a1-\u30fa\u30fc]{3,}")
_KANA_OR_HAN = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
_ARTICLE = re.compile("제[0-9]+[관절장편조항호](?![가-힣]{2})")  # of a Korean law or contract, with its number
_ADVERB = re.compile(r".{3,}ly$")

# What stands before an English verb, before its participle and before a noun: by them a text tells which its words are.
_BEFORE_VERBS = frozenset(
    """
    to will would can could may might must should shall do does did don't doesn't didn't won't wouldn't can't couldn't
    i you he she we they who i'll you'll he'll she'll we'll they'll let's
    """.split()
)
_BEFORE_PARTICIPLES = frozenset(
    "is are was were be been being am i'm he's she's it's we're they're has have had".split()
)
_BEFORE_NOUNS = frozenset(
    """
    a an the this that these those my your his her its our their no some any each every another such of in on at for
    with from by into between under over against without
    """.split()
)


class Found(NamedTuple):
    """What one document holds: how often each candidate stands there, and how it is written there."""

    counts: Counter[tuple[str, ...]]
    spelled: dict[tuple[str, ...], Counter[str]]


class KeyTerms:
    """The key terms of each document of a batch, in the light of the others."""

    def __init__(self, texts: Sequence[str]) -> None:
        read = [text[:READ_CHARACTERS] for text in texts]
        stems = Stems(read)
        self._found = [_candidates(text, stems) for text in read]
        self._df = Counter(key for found in self._found for key in found.counts)

    def of(self, place: int) -> list[str]:
        """Return the key terms of a document, by its place from 0, best first."""
        found = self._found[place]
        inside: dict[tuple[str, ...], list[int]] = {}  # by candidate: how often each longer one that holds it stands
        for key, count in found.counts.items():
            for part in _parts(key):
                if part in found.counts:
                    inside.setdefault(part, []).append(count)
        least = 2 if sum(found.counts.values()) > 60 else 1
        scored = [
            (self._score(key, count, inside.get(key, [])), key) for key, count in found.counts.items() if count >= least
        ]
        scored = sorted((entry for entry in scored if entry[0] > 0), key=lambda entry: (-entry[0], entry[1]))
        return [_spelling(found.spelled[key]) for key in _distinct(key for _, key in scored)]

    def _score(self, key: tuple[str, ...], count: int, longer: Sequence[int]) -> float:
        alone = count - (sum(longer) / len(longer) if longer else 0)
        is_spaceless = _KANA_OR_HAN.match(key[0]) is not None
        length = sum(map(len, key)) / 2 if is_spaceless else len(key)
        share = SINGLE_SHARE if len(key) == 1 and not is_spaceless else 1.0
        rarity = math.log((1 + len(self._found)) / (1 + self._df[key])) + 1
        return share * alone * math.log2(length + 1) * rarity


def _candidates(text: str, stems: Stems) -> Found:
    sentences = [text[start:end] for start, end in sentence_spans(text)]
    words = [_words(sentence) for sentence in sentences]
    often = _function_words(words) | _stop_words(text) | _verbs(words)
    found = Found(Counter(), {})
    for sentence, own in zip(sentences, words, strict=True):
        for run in _runs(own, often, stems):
            for size in range(1, LONGEST_WORDS + 1):
                for first in range(len(run) - size + 1):
                    _add(found, run[first : first + size])
        for match in _KATAKANA.finditer(sentence):
            _add_one(found, (match[0],), match[0])
    _add_han(found, sentences)
    return found


def _words(sentence: str) -> list[str]:
    return _WORD.findall(sentence)


def _function_words(sentences: Sequence[Sequence[str]]) -> frozenset[str]:
    """Return the short words that stand in so many sentences that they tell nothing, whatever the language."""
    if len(sentences) < LEAST_SENTENCES:
        return frozenset()
    df = Counter(word for sentence in sentences for word in {word.lower() for word in sentence})
    most = OFTEN_SHARE * len(sentences)
    return frozenset(word for word, count in df.items() if count > most and len(word) <= SHORT_CHARACTERS)


def _verbs(sentences: Iterable[Sequence[str]]) -> frozenset[str]:
    """Return the words that stand, in lower case, where English verbs do, and not where its nouns do."""
    leads: Counter[str] = Counter()
    for words in sentences:
        for preceding, word in pairwise(words):
            before = preceding.lower().replace("’", "'")
            if not word.islower():
                continue
            if before in _BEFORE_VERBS or (word.endswith(("ed", "ing", "en")) and before in _BEFORE_PARTICIPLES):
                leads[word] += 1
            elif before in _BEFORE_NOUNS:
                leads[word] -= VERB_LEAD
    return frozenset(word for word, lead in leads.items() if lead > 0)


def _stop_words(text: str) -> AbstractSet[str]:
    """Return the stop words of a text's language, in lower case."""
    language = detect_language(text)
    return set() if language in OWN_STOP_WORDS else stopwordsiso.stopwords(language)


def _runs(words: Iterable[str], often: AbstractSet[str], stems: Stems) -> Iterator[list[tuple[str, str]]]:
    """Yield the runs of words between what ends a term, each as its key and its spelling."""
    run: list[tuple[str, str]] = []
    for word in words:
        hangul = is_hangul(word)
        stem = stems.of(word) if hangul else word
        if Stems.is_verbal(word) or not _may_stand(stem, hangul=hangul, often=often):
            if run:
                yield run
            run = []
            continue
        run.append((stem if hangul else _key(word), stem))
        if hangul and stem != word:  # a particle ends the noun phrase
            yield run
            run = []
    if run:
        yield run


def _key(word: str) -> str:
    """Return what words of one term have in common: the stem, so that singular and plural are one."""
    stemmed = terms(word)
    return " ".join(stemmed) if stemmed else word.lower()


def _may_stand(word: str, *, hangul: bool, often: AbstractSet[str]) -> bool:
    """Tell whether a word may be part of a term at all."""
    if hangul:
        return len(word) > 1 and word not in KOREAN_STOP_WORDS and not Stems.is_inflected(word, KOREAN_STOP_WORDS)
    lowered = word.lower()
    return (
        len(word) > 1
        and not word[0].isdigit()
        and word[0].isalnum()
        and not _KANA_OR_HAN.match(word)
        and not _ARTICLE.match(word)
        and lowered.replace("’", "'") not in STOP_WORDS
        and lowered not in often
    )


def _add(found: Found, words: Sequence[tuple[str, str]]) -> None:
    """Count a candidate, unless its words are too weak to begin or end it."""
    first, last = words[0][1].lower(), words[-1][1].lower()
    if any(word in WEAK_WORDS or word in WEEKDAYS or _ADVERB.match(word) for word in (first, last)):
        return
    if any(word.islower() and word.endswith("ed") for _, word in (words[1:] or words)):
        return  # a participle may stand before its noun, as in "trained models", and nowhere else
    if len(words) == 1 and len(first) < 3 and not is_hangul(first) and not words[0][1].isupper():
        return
    _add_one(found, tuple(key for key, _ in words), " ".join(spelled for _, spelled in words))


def _add_one(found: Found, key: tuple[str, ...], spelled: str) -> None:
    found.counts[key] += 1
    found.spelled.setdefault(key, Counter())[spelled] += 1


def _add_han(found: Found, sentences: Sequence[str]) -> None:
    """Add the runs of Han that are repeated between changing neighbours."""
    runs: Counter[str] = Counter()
    left: dict[str, set[str]] = {}
    right: dict[str, set[str]] = {}
    for number, sentence in enumerate(sentences):
        for match in _HAN.finditer(sentence):
            text = match[0]
            for size in range(2, LONGEST_CHARACTERS + 1):
                for first in range(len(text) - size + 1):
                    run = text[first : first + size]
                    runs[run] += 1
                    # The border of a run is a neighbour of its own each time: it says that a word ends there.
                    left.setdefault(run, set()).add(text[first - 1] if first else f"{number}<")
                    right.setdefault(run, set()).add(text[first + size] if first + size < len(text) else f"{number}>")
    for run, count in runs.items():
        if count > 1 and _may_be_word(run) and min(len(left[run]), len(right[run])) >= LEAST_VARIETY:
            found.counts[tuple(run)] += count
            found.spelled.setdefault(tuple(run), Counter())[run] += count


def _may_be_word(run: str) -> bool:
    """Tell whether a run of Han may be a word: it neither begins nor ends with a particle, and is no number."""
    return not (run[0] in HAN_PARTICLES or run[-1] in HAN_PARTICLES or HAN_NUMERALS.issuperset(run))


def _parts(key: tuple[str, ...]) -> set[tuple[str, ...]]:
    return {key[first : first + size] for size in range(1, len(key)) for first in range(len(key) - size + 1)}


def _distinct(keys: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the best keys, without those that only repeat words of better ones."""
    chosen: list[tuple[str, ...]] = []
    known: set[tuple[str, ...]] = set()
    for key in keys:
        if key in known or any(part in known for part in _parts(key) if len(part) > 1):
            continue
        chosen.append(key)
        known |= {key, *(part for part in _parts(key) if len(part) > 1)}
        if len(chosen) == MOST:
            break
    return chosen


def _spelling(spelled: Counter[str]) -> str:
    return min(spelled, key=lambda text: (-spelled[text], text))
