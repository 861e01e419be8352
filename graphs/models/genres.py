"""What kind of text a document is, and how much each feature of a sentence counts in it.

The weights were searched on half of some two hundred English and Korean batches with reference summaries, and variants
compared on both halves; `bench/quality.py` reports each.
"""

import re
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from graphs.text.arrays import Numbers
from graphs.text.characters import ALNUM, DIGIT, HANGUL, SPACELESS, classes_of

# "Anna:", "Right Hon. Ann Lee:", "The Chair (Mr. Ben Kim, Lib.):", "主席：", but no sentence that comes to a colon.
_SPEAKER = re.compile(r"(?:[^\n:.!?(]|[A-Z][a-z]{0,3}\.|\([^\n:]{1,80}\)){1,40}?(?::[ \t]|：)")
_QUOTE = re.compile('["“”«»「『]')

_SAMPLE_CHARACTERS = 5_000  # of which is told whether a text is dense
_LINES_CHARACTERS = 100_000  # whose lines tell a dialogue
_FEW_LINES = 4
_SAMPLE = 500  # sentences that are looked at for quotation marks
_LONG = 120  # sentences: more than any article has
_STORY = 250
_STORY_QUOTES = 0.2  # of the sentences of a story have quotation marks, at least
_STORY_PERSONS = 0.15  # and so many an I, we or you: reports quote too
_MINUTES_PERSONS = 0.2  # of the sentences of minutes without names are what one says who leads or speaks
_MEETING = 200  # sentences of a conversation from which no few of them say what it came to
LEAST_REVIEWS = 10
"""Documents: fewer are no set of reviews."""
_REVIEW_SENTENCES = 20  # of the median one
_REVIEW_LIKENESS = 0.06  # mean cosine between the documents of a set about one thing, even short ones


class Weights(NamedTuple):
    """How much each feature counts for a genre; features reach from 0 to 1, and their sum is scaled so again."""

    lexrank: float = 0.6
    """Likeness to all other sentences, by TF-IDF (see `features.centrality`)."""
    textrank: float = 0.0
    """The same by the number of shared terms, which favours long sentences."""
    frequency: float = 0.4
    """How often its terms come in the whole text, in the mean: what it says is what the text is about."""
    wording: float = 0.0
    """The same of all its words, small ones too: it is put as plainly as many put it. Across documents alone."""
    agreement: float = 0.0
    """How many other documents have its terms."""
    meaning: float = 0.0
    """How much others mean the same, where an embedding is installed (`meaning.nearness`). Across documents alone."""
    position: float = 0.0
    slope: float = 0.5
    """Position counts as (1 + index) ** -slope."""
    persons: float = -0.5
    """The share of "I", "you", "okay" among its words: talk rather than matter."""
    numbers: float = -0.2
    """Numbers, up to three: a detail rather than the gist."""
    cues: float = 0.0
    """Whether it says what the text does or found, as papers and reports do."""
    redundancy: float = 0.5
    """What is taken off for its greatest similarity to a sentence that is already chosen (MMR)."""
    novelty: float = 0.2
    """What is given for frequent terms that no chosen sentence has (submodular coverage)."""
    least_words: int = 6
    """Shorter sentences are left out while there are others."""
    spread: bool = False
    """Whether equal parts of the document get equal parts of the words."""


ARTICLE = Weights(position=1.8, cues=0.3)
DENSE_ARTICLE = Weights(
    lexrank=0.0,
    textrank=1.0,
    frequency=0.0,
    position=0.3,
    slope=1.0,
    persons=0.0,
    numbers=0.0,
    redundancy=1.0,
    novelty=0.0,
    least_words=4,
)
NARRATIVE = Weights(least_words=10, spread=True)
DIALOGUE = Weights(position=0.6, persons=-1.0, least_words=16)
MULTI = Weights(lexrank=0.3, agreement=0.5, position=0.9, persons=-0.3, numbers=-0.3, cues=0.3, redundancy=0.8)
REVIEWS = Weights(
    lexrank=0.3, frequency=0.7, wording=1.2, meaning=1.2, position=0.1, persons=-0.6, redundancy=0.2, novelty=0.4
)


class Look(NamedTuple):
    """What a genre is told by."""

    text: str
    starts: Numbers
    """Of its sentences, in characters; like their ends."""
    ends: Numbers
    persons: float
    """The share of sentences with an I, we or you."""


def is_dense(text: str) -> bool:
    """Whether most letters are Hangul, Kana, Han or Thai, where fewer characters and words say as much."""
    sample = text[:_SAMPLE_CHARACTERS]
    if sample.isascii():
        return False
    classes = classes_of(sample)
    dense = (classes & (SPACELESS | HANGUL)) > 0
    others = (classes & (ALNUM | HANGUL | DIGIT)) == ALNUM
    return bool(np.count_nonzero(dense) > np.count_nonzero(others))


def is_dialogue(text: str) -> bool:
    """Whether more than half of the first lines begin with the name of a speaker and a colon."""
    head = text[:_LINES_CHARACTERS]
    colons = head.count(":") + head.count("：")  # without them no line is looked at: of most texts none need be
    if 2 * colons <= _FEW_LINES:
        return False
    lines = [line for line in map(str.lstrip, head.split("\n")) if line]
    if len(lines) < _FEW_LINES or 2 * colons <= len(lines):
        return False
    if 2 * sum(map(head.count, (": ", ":\t", "："))) <= len(lines):
        return False
    most = len(lines) // 2
    return next(islice(filter(None, map(_SPEAKER.match, lines)), most, None), None) is not None


def quoted_share(look: Look) -> float:
    """The share of sentences that hold a quotation mark, in an even sample of them."""
    every = 1 + len(look.starts) // _SAMPLE
    spans = zip(look.starts[::every].tolist(), look.ends[::every].tolist(), strict=True)
    found = [_QUOTE.search(look.text, start, end) is not None for start, end in spans]
    return sum(found) / max(1, len(found))


def genre(look: Look) -> Weights:
    """The weights for choosing within one document, by what it looks like."""
    dense = is_dense(look.text)
    sentences = len(look.starts)
    if is_dialogue(look.text):
        found = DIALOGUE
    elif sentences > _STORY and (dense or look.persons > _STORY_PERSONS) and quoted_share(look) > _STORY_QUOTES:
        found = NARRATIVE
    elif dense and sentences > _LONG and look.persons > _MINUTES_PERSONS:
        found = DIALOGUE
    elif dense and sentences <= _LONG:
        return DENSE_ARTICLE
    else:
        found = ARTICLE
    # Half the words say as much where Korean particles and endings stand inside the word.
    return found._replace(least_words=(found.least_words + 2) // 2) if dense else found


def batch_genre(genres: Sequence[Weights], sizes: Sequence[int], likeness: float) -> Weights:
    """The weights for choosing across documents, by their genres, numbers of sentences and mean likeness."""
    if genres and all(is_talk(found) for found in genres):
        return DIALOGUE
    few = sorted(sizes)[len(sizes) // 2] <= _REVIEW_SENTENCES if sizes else False
    if few and len(sizes) >= LEAST_REVIEWS and likeness >= _REVIEW_LIKENESS:
        return REVIEWS
    return MULTI


def is_talk(found: Weights) -> bool:
    """Whether the weights are those of a conversation, in any script."""
    return found._replace(least_words=DIALOGUE.least_words) == DIALOGUE


def is_long_talk(found: Weights, sentences: int) -> bool:
    """Whether it is a conversation so long that sentences out of it are known to summarise it poorly.

    The best possible choice shares half as much with what people write of meetings as with what they write of articles.
    """
    return is_talk(found) and sentences > _MEETING
