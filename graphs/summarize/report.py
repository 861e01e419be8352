"""A report: a heading for each source with its own findings, the contradictions between the sources, a conclusion."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from graphs.summarize.drafts import Draft, DraftSentence
from graphs.summarize.prompts import DIVIDER, says_none
from graphs.text.language import primary

# Headings in the language of the report; English where a language has none here.
_HEADINGS = {
    "en": ("Contradictions", "Conclusion", "The most telling sentences"),
    "ko": ("서로 어긋나는 내용", "결론", "가장 중요한 문장"),
    "ja": ("食い違う点", "結論", "最も重要な文"),
    "zh": ("矛盾之处", "结论", "最重要的句子"),
    "de": ("Widersprüche", "Schluss", "Die wichtigsten Sätze"),
    "fr": ("Contradictions", "Conclusion", "Les phrases les plus parlantes"),
    "es": ("Contradicciones", "Conclusión", "Las frases más relevantes"),
}


class Findings(NamedTuple):
    """What was found in one source: a document, or a group of them."""

    source: str  # its name, on one line
    draft: Draft


def as_report(final: Draft, found: Sequence[Findings], *, concludes: bool, keep: Callable[[Draft], Draft]) -> Draft:
    """Return the report of a batch: `found` are the findings by source, `final` what the last call has concluded; it is
    left out where no call has, and it goes through `keep` when its parts are known.

    The model writes nothing but findings, contradictions and conclusion; that each finding stands under its own source
    is certain. Shape of the text: Markdown with headings of the second degree.
    """
    words = concludes * final.step["words"] + sum(findings.draft.step["words"] for findings in found)
    report = _Report(replace(final, step={**final.step, "words": words}))
    for findings in found:
        report.take(findings.source.replace("#", "＃"), findings.draft)
    if not concludes:
        return report.draft()
    contradictions, conclusion, telling = _HEADINGS.get(primary(final.step["language"]), _HEADINGS["en"])
    if final.is_quoted:
        report.take(telling, final)
        return report.draft()
    contradicting, concluded = _parted(final)
    report.take(contradictions, keep(contradicting))
    report.take(conclusion, keep(concluded))
    return report.draft()


class _Report:
    """Joins drafts under headings."""

    def __init__(self, final: Draft) -> None:
        self._final = final
        self._text = ""
        self._sentences: list[DraftSentence] = []

    def take(self, title: str, draft: Draft) -> None:
        """Add a draft that says something."""
        text = draft.text.strip()
        if not text:
            return
        self._text += f"{'' if not self._text else chr(10) * 2}## {title}\n\n"
        moved = len(self._text) - (len(draft.text) - len(draft.text.lstrip()))
        self._text += text
        self._sentences += [
            replace(sentence, start=sentence.start + moved, end=sentence.end + moved) for sentence in draft.sentences
        ]

    def draft(self) -> Draft:
        return replace(self._final, text=self._text, sentences=tuple(self._sentences))


def _parted(final: Draft) -> tuple[Draft, Draft]:
    """Return the contradictions and the conclusion; all is conclusion where the divider is missing."""
    lines = final.text.split("\n")
    place = next((number for number, line in enumerate(lines) if line.strip() == DIVIDER), None)
    if place is None:
        return replace(final, text="", sentences=()), final
    cut = sum(len(line) + 1 for line in lines[:place])
    behind = cut + len(lines[place])
    found = _slice(final, 0, cut)
    if says_none(found.text):
        found = replace(final, text="", sentences=())
    return found, _slice(final, behind, len(final.text))


def _slice(draft: Draft, start: int, end: int) -> Draft:
    inside = [sentence for sentence in draft.sentences if start <= sentence.start and sentence.end <= end]
    moved = tuple(replace(sentence, start=sentence.start - start, end=sentence.end - start) for sentence in inside)
    return replace(draft, text=draft.text[start:end], sentences=moved)
