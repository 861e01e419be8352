"""Citations as footnotes: numbers in brackets behind the sentences, and a list of the passages at the end.

Titles and quotes come from documents, which are hostile, and are escaped. Numbers in brackets that a text has of its
own stand in round ones instead, so that no text forges a footnote or says where one leads.
"""

from collections.abc import Callable, Sequence
from typing import Literal

from app.api.schemas import CitationOut, DocumentOut, SentenceOut, SummaryOut
from app.api.titles import one_line
from graphs.evidence import without_lookalikes

Citations = Literal["none", "footnotes"]

QUOTE_CHARACTERS = 200  # of a passage, before they are escaped
LONGEST_WORD = 30  # characters: a longer one is cut, as is a text without spaces


class Footnotes:
    """The passages that a text cites, numbered in the order in which it first does."""

    def __init__(self, documents: Sequence[DocumentOut], escape: Callable[[str], str], *, are_wanted: bool) -> None:
        self._titles = {document.id: document.title for document in documents}
        self._escape = escape
        self._are_wanted = are_wanted
        self._numbers: dict[tuple[str, int, int], int] = {}
        self._lines: list[str] = []

    def plain(self, text: str) -> str:
        """Return a text of the same length that has no footnotes."""
        return without_lookalikes(text) if self._are_wanted else text

    def sentence(self, sentence: SentenceOut) -> str:
        """Return a sentence with its footnotes."""
        return self.plain(sentence.text) + self._marks(sentence) if self._are_wanted else sentence.text

    def summary(self, summary: SummaryOut) -> str:
        """Return a summary's text with footnotes behind its sentences. If they do not all stand in it as they are, a
        list of them follows it, and the footnotes stand there.
        """
        if not self._are_wanted:
            return summary.text
        text = self.plain(summary.text)
        written, at = "", 0
        for sentence in summary.sentences:
            start = summary.text.find(sentence.text, at)
            if start < 0:
                return f"{text}\n\n{self._by_sentence(summary)}"
            end = start + len(sentence.text)
            written += text[at:end] + self._marks(sentence, text[end : end + 1])
            at = end
        return written + text[at:]

    def sources(self) -> list[str]:
        """Return the list of what was cited, under its heading; nothing where nothing was."""
        return ["## Sources", "\n".join(self._lines)] if self._lines else []

    def _by_sentence(self, summary: SummaryOut) -> str:
        return "\n".join(
            f"- {self._escape(self.plain(sentence.text))}{self._marks(sentence)}" for sentence in summary.sentences
        )

    def _marks(self, sentence: SentenceOut, next_character: str = "") -> str:
        """Return the footnotes of a sentence, parted from a character that would make a link of the last one."""
        marks = "".join(f"[{number}]" for number in dict.fromkeys(map(self._number, sentence.citations)))
        return f" {marks}{' ' * (next_character in ('(', '[', ':'))}" if marks else ""

    def _number(self, citation: CitationOut) -> int:
        place = (citation.document, citation.start, citation.end)
        if place not in self._numbers:
            self._numbers[place] = len(self._numbers) + 1
            self._lines.append(f"{self._numbers[place]}. {self._line(citation)}")
        return self._numbers[place]

    def _line(self, citation: CitationOut) -> str:
        page = f", page {citation.page}" if citation.page else ""
        quote = _shortened(one_line(citation.quote))
        title = self._titles.get(citation.document) or citation.document
        return f"**{self._escape(one_line(title))}**{page}: “{self._escape(quote)}”"


def _shortened(quote: str) -> str:
    """Return a passage, or the beginning of a long one up to the end of a word."""
    if len(quote) <= QUOTE_CHARACTERS:
        return quote
    start = quote[: QUOTE_CHARACTERS - 1]
    space = start.rfind(" ") if quote[len(start)] != " " else -1
    return (start[:space] if space > len(start) - LONGEST_WORD else start).rstrip() + "…"
