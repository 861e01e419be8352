"""A summary on its way to the reader: its sentences with the places that they rest on, and what was found of each."""

import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field, replace

from graphs.evidence.citations import Place
from graphs.evidence.marks import marks_by_sentence, read_marks
from graphs.evidence.support import Support
from graphs.models.calls import Answer
from graphs.summarize.documents import Documents
from graphs.summarize.prompts import says_none
from graphs.summarize.state import Result, Step, is_across
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
        """Return the draft without some sentences; the break, the heading and the list mark before one that stays stay
        with it.
        """
        text = ""
        kept: list[DraftSentence] = []
        here = 0
        gaps: list[str] = []  # before each sentence since the last that was kept
        for place, sentence in enumerate(self.sentences):
            gaps.append(self.text[here : sentence.start])
            here = sentence.end
            if place in numbers:
                continue
            gap = gaps[0] if len(gaps) == 1 else _joined(gaps, is_first=not kept)
            gaps = []
            start = len(text) + len(gap)
            text += gap + self.text[sentence.start : sentence.end]
            kept.append(replace(sentence, start=start, end=len(text)))
        return replace(self, text=text + self.text[here:] if kept else "", sentences=tuple(kept))


def _joined(gaps: Sequence[str], *, is_first: bool) -> str:
    """Return what parts two sentences, of what stood before the second of them and before those that are gone: the last
    heading or rule, else the widest break, with the list mark of the line that goes on.
    """
    broken = [gap.rpartition("\n") for gap in gaps if "\n" in gap]
    if not broken:
        return gaps[0]
    breaks = [before + newline for before, newline, _ in broken]
    lines = [line for line in breaks if line.strip()]
    gap = (lines[-1] if lines else max(breaks, key=lambda line: line.count("\n"))) + broken[-1][2]
    return gap.lstrip("\n") if is_first else gap


def draft_of(step: Step, result: Result, answer: Answer, documents: Documents) -> Draft:
    """Return an answer as a draft: its sentences with what they quote or cite."""
    if answer.spans:
        return _quoted(step, answer, documents)
    marked = read_marks(answer.text)
    places = {cited["number"]: Place(cited["document"], cited["start"], cited["end"]) for cited in result["cites"]}
    spans = [
        (start, end)
        for start, end in _sentences(marked.text, step["language"])
        if not is_across(step) or not says_none(marked.text[start:end])
    ]
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
    """Yield the sentences of a summary, without headings, rules and the marks of list items."""
    for start, end in split_sentences(text, language):
        if text.startswith("#", start) or not count_words(text[start:end]):
            continue
        mark = _LIST_MARK.match(text, start, end)
        yield (mark.end() if mark else start), end
