"""A summary on its way to the reader: its sentences with the places that they rest on, and what was found of each."""

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass, field, replace

from graphs.evidence.citations import Place
from graphs.evidence.marks import marks_by_sentence, read_marks
from graphs.evidence.support import Support
from graphs.models.calls import Answer
from graphs.summarize.state import Documents, Result, Step
from graphs.text.sentences import split_sentences
from graphs.text.words import count_words

MOST_CITATIONS = 4  # of one sentence

_LIST_MARK = re.compile(r"(?:[-*+•]|\d{1,3}[.)])\s+")


@dataclass(frozen=True, slots=True)
class DraftSentence:
    """A sentence of a draft."""

    start: int  # in the draft's text, without the mark of a list item
    end: int
    places: tuple[Place, ...] = ()  # that it rests on
    support: Support = field(default=Support(None, []))
    verified: bool | None = None  # by a model; None: it was not asked
    remark: str = ""  # of the model that did not find it in its places


@dataclass(frozen=True, slots=True)
class Draft:
    """A summary's text without marks, and its sentences."""

    step: Step
    text: str
    sentences: tuple[DraftSentence, ...]
    is_quoted: bool = False  # its sentences stand in the sources word for word

    def sentence(self, number: int) -> str:
        """Return a sentence on one line."""
        return " ".join(self.text[self.sentences[number].start : self.sentences[number].end].split())

    @property
    def words(self) -> int:
        """How long it is."""
        return count_words(self.text)

    def changed(self, number: int, **changes: object) -> "Draft":
        """Return the draft with another view of one sentence."""
        sentences = list(self.sentences)
        sentences[number] = replace(sentences[number], **changes)  # type: ignore[arg-type]  # as replace() takes them
        return replace(self, sentences=tuple(sentences))

    def rewritten(self, number: int, text: str) -> "Draft":
        """Return the draft with one sentence in other words."""
        old = self.sentences[number]
        grown = len(text) - (old.end - old.start)
        sentences = [
            replace(sentence, start=sentence.start + grown, end=sentence.end + grown) if place > number else sentence
            for place, sentence in enumerate(self.sentences)
        ]
        sentences[number] = replace(old, end=old.end + grown)
        return replace(self, text=self.text[: old.start] + text + self.text[old.end :], sentences=tuple(sentences))

    def without(self, numbers: Container[int]) -> "Draft":
        """Return the draft without some sentences; what parted them from their neighbours goes with them."""
        text = ""
        kept: list[DraftSentence] = []
        here = 0
        gap: str | None = None  # before the sentences that were left out last
        for place, sentence in enumerate(self.sentences):
            before = self.text[here : sentence.start]
            here = sentence.end
            if gap is not None:
                before = before if "\n" in before and "\n" not in gap and kept else gap
            if place in numbers:
                gap = before
                continue
            gap = None
            start = len(text) + len(before)
            text += before + self.text[sentence.start : sentence.end]
            kept.append(replace(sentence, start=start, end=len(text)))
        return replace(self, text=text + self.text[here:] if kept else "", sentences=tuple(kept))


def draft_of(step: Step, result: Result, answer: Answer, documents: Documents) -> Draft:
    """Return an answer as a draft: its sentences with what they quote or cite."""
    if answer.spans:
        return _quoted(step, answer, documents)
    marked = read_marks(answer.text)
    places = {cited["number"]: Place(cited["document"], cited["start"], cited["end"]) for cited in result["cites"]}
    spans = list(_sentences(marked.text, step["language"]))
    cited = marks_by_sentence(marked, spans, places)
    sentences = tuple(
        DraftSentence(start, end, tuple(places[number] for number in numbers[:MOST_CITATIONS]))
        for (start, end), numbers in zip(spans, cited, strict=True)
    )
    return Draft(step, marked.text, sentences)


def _quoted(step: Step, answer: Answer, documents: Documents) -> Draft:
    """Return a draft of sentences that are quoted, each with its own place."""
    sentences: list[DraftSentence] = []
    here = 0
    for place in map(Place._make, answer.spans):
        quote = " ".join(documents[place.document].text[place.start : place.end].split())
        start = answer.text.index(quote, here)
        here = start + len(quote)
        sentences.append(DraftSentence(start, here, (place,), Support(1.0, [])))
    return Draft(step, answer.text, tuple(sentences), is_quoted=True)


def _sentences(text: str, language: str) -> Iterator[tuple[int, int]]:
    """Yield the sentences of a summary, without headings and the marks of list items."""
    for start, end in split_sentences(text, language):
        if text.startswith("#", start):
            continue
        mark = _LIST_MARK.match(text, start, end)
        yield (mark.end() if mark else start), end
