"""What a focus is worth to the embedded model: summaries that were asked for something, beside what people wrote.

    python -m bench.focus --data DIR [--only SET ...]

DIR holds sets as for `bench.quality`, whose lines have `queries`: `{"query": "…", "reference": "…"}` each, or several
`references`, of which the first counts. What asks for the whole ("the plot", "the main takeaways") is left out. As many
words are chosen as the reference has; figures are (ROUGE-1 + ROUGE-2) / 2 as in `bench.quality`.

none       the summary of the whole, whatever was asked
terms      with the focus
meaning    with the focus and the embedding of `precis[meaning]`, where that is installed and asked
more       what each has more than the one before, with the bootstrap 95 % interval of the paired difference

`hotel_reviews` is asked twice: with its questions, and with their aspects in a word or two, as people say a focus.
"""

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.extracts.measures import measure
from bench.extracts.sets import Item, arguments, batch, read_sets
from graphs.evidence.intervals import interval
from graphs.models.extractive import BatchIndex
from graphs.models.genres import LEAST_REVIEWS
from graphs.models.meaning import Model, Vectors, installed
from graphs.text.words import count_words

_WHOLE = re.compile(r"takeaways|\bplot\b", re.IGNORECASE)
_LEAST_WORDS = 20
# The aspects that the reviews of hotels were summarised by.
_ASPECTS = {
    "service and staff": re.compile(r"service|staff|attentive|professional", re.IGNORECASE),
    "cleanliness": re.compile(r"clean|hygien", re.IGNORECASE),
    "location": re.compile(r"location|situated|surround", re.IGNORECASE),
    "food and breakfast": re.compile(r"food|breakfast|dining|restaurant", re.IGNORECASE),
    "rooms": re.compile(r"room", re.IGNORECASE),
}


class Question(NamedTuple):
    """What was asked of a batch; the item's reference is the answer, its budget as many words."""

    item: Item
    focus: str


def main() -> None:
    """Measure and print one table."""
    options = arguments("Measure what a focus is worth to the embedded model.").parse_args()
    if not installed():
        print("the extra `meaning` is not installed, so its column is missing\n")
    print(f"{'set':24}{'asked':>6}{'none':>7}{'terms':>7}  {'more':22}{'meaning':>8}  more")
    for name, items in read_sets(options.data, options.only):
        found = list(_questions(options.data / f"{name}.jsonl", {item.id: item for item in items}))
        if found:
            print(_row(name, found), flush=True)
        short = [Question(own.item, aspect) for own in found if (aspect := _aspect(own.focus))]
        if name == "hotel_reviews" and short:
            print(_row(f"{name}, aspects", short), flush=True)


def _questions(path: Path, items: dict[str, Item]) -> Iterator[Question]:
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        for query in row.get("queries") or []:
            if str(row["id"]) in items and not _WHOLE.search(query["query"]):
                reference = query.get("reference") or query["references"][0]
                budget = max(_LEAST_WORDS, count_words(reference))
                item = items[str(row["id"])]._replace(references=[reference], budget=budget)
                yield Question(item, query["query"])


def _aspect(query: str) -> str | None:
    return next((aspect for aspect, words in _ASPECTS.items() if words.search(query)), None)


def _row(name: str, questions: list[Question]) -> str:
    none, terms = ([_figure(own, focus, meaning=False) for own in questions] for focus in (False, True))
    cells = f"{name:24}{len(questions):6}{np.mean(none):7.1f}{np.mean(terms):7.1f}  {_more(none, terms):22}"
    if not installed() or len(questions[0].item.texts) < LEAST_REVIEWS:
        return f"{cells}{'-':>8}"
    meaning = [_figure(own, focus=True, meaning=True) for own in questions]
    return f"{cells}{np.mean(meaning):8.1f}  {_more(terms, meaning)}"


def _figure(question: Question, focus: bool, *, meaning: bool) -> float:
    item = question.item
    index = BatchIndex.build(
        batch(item.texts), focus=question.focus if focus else None, embedding=_embedding if meaning else None
    )
    chosen = set(index.select(item.numbers, item.budget))
    figures = measure(item, [[place for place, number in enumerate(item.numbers) if number in chosen]])
    return 100 * figures.mean if figures else 0.0


@cache
def _embedding() -> Model | None:
    """The installed one, which is asked once for each sentence: every question is about the same ones."""
    model = installed()
    known: dict[str, Vectors] = {}

    def embed(texts: Sequence[str]) -> Vectors:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if model and new:
            known.update(zip(new, model.embed(new), strict=True))
        return np.array([known[text] for text in texts])

    return Model(model.version, embed) if model else None


def _more(before: list[float], after: list[float]) -> str:
    differences = [own - other for own, other in zip(after, before, strict=True)]
    low, high = interval(differences)
    return f"{np.mean(differences):+.1f} [{low:+.1f} {high:+.1f}]"


if __name__ == "__main__":
    main()
