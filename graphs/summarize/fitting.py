"""Whether a summary is in the language and of the length that were asked for, and what to say when it is not."""

from collections.abc import Sequence
from typing import Literal

from graphs.evidence.marks import read_marks
from graphs.models.calls import Answer
from graphs.summarize.prompts import language_request, length_request
from graphs.summarize.state import Step
from graphs.text.language import NAMES, detect_language, primary
from graphs.text.words import count_words

TOLERANCE = 0.2  # of the words asked for
LEAST_TOLERANCE = 10  # words: less than a sentence more or less cannot be asked for
LENGTH_REQUESTS = 2
LEAST_LETTERS = 80  # in fewer, names and numbers decide which language is found

Miss = Literal["length", "language"]


def misses(text: str, step: Step) -> list[Miss]:
    """Return what a summary without marks does not keep to."""
    found: list[Miss] = []
    if not _is_in(text, step["language"]):
        found.append("language")
    if not _has_length(count_words(text), step["words"]):
        found.append("length")
    return found


def next_request(drafts: Sequence[Answer], step: Step) -> str | None:
    """Return what to say after the last draft: nothing when it keeps to what was asked, or was asked often enough.

    Once for the language, which comes first; twice for the length. The number of drafts tells what was asked before.
    """
    texts = [read_marks(draft.text).text for draft in drafts]
    wrong = [not _is_in(text, step["language"]) for text in texts]
    if wrong[-1]:
        return language_request(step["language"]) if sum(wrong) == 1 else None
    words = count_words(texts[-1])
    if _has_length(words, step["words"]) or len(drafts) - sum(wrong) > LENGTH_REQUESTS:
        return None
    return length_request(words, step["words"])


def best_draft(drafts: Sequence[Answer], step: Step) -> Answer:
    """Return the draft in the right language whose length is nearest to what was asked; of equals, the first."""

    def distance(draft: Answer) -> tuple[bool, int]:
        text = read_marks(draft.text).text
        return not _is_in(text, step["language"]), abs(count_words(text) - step["words"])

    return min(drafts, key=distance)


def _has_length(words: int, wanted: int) -> bool:
    return abs(words - wanted) <= max(TOLERANCE * wanted, LEAST_TOLERANCE)


def _is_in(text: str, tag: str) -> bool:
    """Whether a text is in a language, as far as can be told."""
    wanted = primary(tag)
    if wanted not in NAMES or sum(map(str.isalpha, text)) < LEAST_LETTERS:
        return True
    return primary(detect_language(text)) == wanted
