"""The classic methods as sumy has them, on the sentences and terms of the embedded model.

sumy's own tokenizer downloads its data, so it is handed ours; Korean is cut into character bigrams as there.
`lexrank_of_text` starts from the text as sumy's README does, with all that needs no download.
"""

import re
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from bench.extracts.choosing import Choose, fill
from bench.extracts.sets import Item
from graphs.text.sentences import split_sentences
from graphs.text.words import terms

_WORD = re.compile(r"^[^\W\d_](?:[^\W\d_]|['-])*$")

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a library that is not ours
        from nltk.tokenize import NLTKWordTokenizer
        from sumy.models.dom import ObjectDocumentModel, Paragraph, Sentence
        from sumy.nlp.stemmers import Stemmer
        from sumy.parsers.plaintext import PlaintextParser
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


class _Tokenizer:
    """sumy's for English, with our borders of sentences: those of NLTK are a download."""

    def __init__(self) -> None:
        self._words = NLTKWordTokenizer()

    def to_sentences(self, paragraph: str) -> list[str]:
        """The sentences of a paragraph."""
        return [paragraph[start:end] for start, end in split_sentences(paragraph)]

    def to_words(self, sentence: str) -> list[str]:
        """The words of a sentence, by the pattern that sumy knows them by."""
        return list(filter(_WORD.match, self._words.tokenize(sentence)))


def lexrank_of_text(item: Item, sentences: int) -> None:
    """LexRank as sumy's README runs it for English: text, parser, stemmer, the best sentences."""
    document = PlaintextParser.from_string("\n\n".join(item.texts), _Tokenizer()).document
    LexRankSummarizer(Stemmer("english"))(document, sentences)


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
