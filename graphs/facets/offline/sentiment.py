"""The sentiment of an English text, by a small lexicon: good words against bad ones, with what stands before them.

A sentence's valence v becomes a score by v / sqrt(v ** 2 + 15), as VADER has it (Hutto & Gilbert, 2014); the score of a
text is the mean of the sentences that say anything, weighed by how many of all sentences they are. Words that also name
a plain matter ("benefits", "risk", "support") count as far as the text has others beside them: a report on benefits is
not glad of them.
"""

import math
import re

from graphs.facets.offline.moods import (
    DOUBTFUL,
    INTENSIFIERS,
    NEGATIONS,
    NEGATIVE,
    POSITIVE,
    STRONG_NEGATIVE,
    STRONG_POSITIVE,
    WEAKENERS,
)
from graphs.text.sentences import sentence_spans

LANGUAGES = ("en",)
REACH = 3  # words in front of a felt one that may turn it round
_ALPHA = 15.0  # a sentence of valence 4, one strong word and one plain one, scores about 0.7
_TURNED = -0.74  # "not good" is less bad than "bad" (Hutto & Gilbert, as above)
_WORD = re.compile(r"[a-z]+(?:['’][a-z]+)?")
_VALENCE = {
    **dict.fromkeys(STRONG_POSITIVE, 3.0),
    **dict.fromkeys(POSITIVE, 1.7),
    **dict.fromkeys(NEGATIVE, -1.7),
    **dict.fromkeys(STRONG_NEGATIVE, -3.0),
}


def sentiment(text: str) -> tuple[str, float]:
    """Return label and score, from -1 to 1, of an English text."""
    sentences = [_words(text[start:end].lower()) for start, end in sentence_spans(text)]
    telling = [word for words in sentences for word in words if word in _VALENCE]
    doubtful = sum(word in DOUBTFUL for word in telling)
    trust = min(1.0, (1 + len(telling) - doubtful) / max(1, doubtful))
    scores = [_score(words, trust) for words in sentences]
    felt = [score for score in scores if score]
    if not felt:
        return "neutral", 0.0
    share = min(1.0, 2 * len(felt) / len(scores))  # where every second sentence is felt, the text is
    score = round(share * sum(felt) / len(felt), 2)
    if abs(score) >= 0.15:
        return ("positive" if score > 0 else "negative"), score
    strong = [score for score in felt if abs(score) >= 0.4]
    both = min(sum(score > 0 for score in strong), sum(score < 0 for score in strong))
    return ("mixed" if both >= max(1, len(scores) // 10) else "neutral"), score


def _words(sentence: str) -> list[str]:
    return [word.replace("’", "'") for word in _WORD.findall(sentence)]


def _score(words: list[str], trust: float) -> float:
    """Return the score of a sentence, in which doubtful words count `trust` of their valence."""
    valence = sum(
        _felt(words, place) * (trust if word in DOUBTFUL else 1.0)
        for place, word in enumerate(words)
        if word in _VALENCE
    )
    return valence / math.sqrt(valence**2 + _ALPHA)


def _felt(words: list[str], place: int) -> float:
    """Return the valence of a word in the light of those before it."""
    valence = _VALENCE[words[place]]
    before = words[max(0, place - REACH) : place]
    if before and before[-1] in INTENSIFIERS:
        valence *= 1.3
    elif before and before[-1] in WEAKENERS:
        valence *= 0.7
    return valence * _TURNED if any(word in NEGATIONS for word in before) else valence
