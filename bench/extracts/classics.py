"""The classic methods as sumy has them, on the sentences and terms of the embedded model.

sumy's own tokenizer downloads its data, so it is handed ours; Korean is cut into character bigrams as there.
"""

import warnings
from collections.abc import Callable, Iterable
from typing import Any

from bench.extracts.choosing import Choose, fill
from bench.extracts.sets import Item
from graphs.text.words import terms

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a library that is not ours
        from sumy.models.dom import ObjectDocumentModel, Paragraph, Sentence
        from sumy.summarizers.lex_rank import LexRankSummarizer
        from sumy.summarizers.lsa import LsaSummarizer
        from sumy.summarizers.luhn import LuhnSummarizer
        from sumy.summarizers.text_rank import TextRankSummarizer
except ImportError:
    IS_INSTALLED = False
else:
    IS_INSTALLED = True


class _Terms:
    """The tokenizer that sumy asks."""

    def to_words(self, sentence: str) -> list[str]:
        """The terms of a sentence."""
        return terms(sentence)


def _ranked(summarizer: Callable[[], Any], most_sentences: int) -> Choose:
    """The sentences in the order of sumy's ratings, until the budget is used."""

    def choose(item: Item) -> list[list[int]]:
        if len(item.sentences) > most_sentences:
            return []
        order: list[int] = []

        def note(rated: Iterable[Any]) -> list[Any]:
            order.extend(sentence.order for sentence in rated)
            return []

        sentences = [Sentence(sentence.text, _Terms()) for sentence in item.sentences]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # LSA's, of documents with few words
            summarizer()(ObjectDocumentModel([Paragraph(sentences)]), note)
        return [fill(item, order)]

    return choose


def classics(most_sentences: int) -> dict[str, Choose]:
    """The methods of sumy by name; none where it is not installed.

    An item with more than `most_sentences` is left out: the time grows with their square, in plain Python.
    """
    if not IS_INSTALLED:
        return {}
    return {
        "sumy TextRank": _ranked(TextRankSummarizer, most_sentences),
        "sumy LexRank": _ranked(LexRankSummarizer, most_sentences),
        "sumy LSA": _ranked(LsaSummarizer, most_sentences),
        "sumy Luhn": _ranked(LuhnSummarizer, most_sentences),
    }
