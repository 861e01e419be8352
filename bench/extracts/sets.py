"""Documents with reference summaries, and their sentences: every contender chooses from the same ones."""

import argparse
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from graphs.models.extractive import BatchIndex
from graphs.text.words import count_words

# Words that a summary of a set may have, as in the figures that are known of these sets: about the mean length of the
# references. A set that is not named here gets that mean.
BUDGETS = {
    "cnndm_summeval": 55,
    "newsroom": 35,
    "xsum": 30,
    "multi_news": 230,
    "hotel_reviews": 220,
    "gov_report": 260,
    "qmsum_meetings": 110,
    "squality_stories": 300,
    "pubmed_papers": 330,
    "aclsum": 65,
    "ko_scinews": 90,
    "ko_dacon_news": 40,
}
# Sets whose documents are of one kind: a set that is not named here is a kind of its own.
GENRES = {
    "cnndm_summeval": "single news",
    "newsroom": "single news",
    "xsum": "single news",
    "ko_dacon_news": "single news",
    "ko_scinews": "science news",
    "multi_news": "several news",
    "gov_report": "reports",
    "aclsum": "papers",
    "pubmed_papers": "papers",
    "squality_stories": "stories",
    "qmsum_meetings": "conversations",
    "ko_dialogue": "conversations",
    "hotel_reviews": "reviews",
}
OVERRUN = 0.15  # of the budget, for every contender


class Sentence(NamedTuple):
    """A sentence to choose: its document's place in the batch, its place in the document, its text and words."""

    document: int
    place: int
    text: str
    words: int


class Item(NamedTuple):
    """One batch of documents that is summarised as a whole."""

    id: str
    texts: list[str]
    references: list[str]
    """What the selection is measured by, the mean over them; the oracle looks at the first."""
    budget: int
    sentences: list[Sentence]
    """All sentences that a summary may take, in source order: prose, without headings, tables and fragments."""
    numbers: list[int]
    """Their numbers in the index of the embedded model."""
    held_out: bool
    """Whether it was left out of the search for weights; it was looked at when variants were compared."""


def arguments(description: str) -> argparse.ArgumentParser:
    """A parser of the arguments by which a benchmark is told its sets; they are for `read_sets`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, required=True, help="folder of NAME.jsonl")
    parser.add_argument("--only", nargs="*", default=[], help="names of sets")
    return parser


def read_sets(folder: Path, only: list[str], most_references: int = 1) -> Iterator[tuple[str, list[Item]]]:
    """Yield each set that has references: its name and its items, each with the first references it has."""
    for path in sorted(folder.glob("*.jsonl")):
        if only and path.stem not in only:
            continue
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        rows = [row for row in rows if row.get("references") and any(text.strip() for text in _texts(row))]
        if rows:
            mean = sum(count_words(row["references"][0]) for row in rows) / len(rows)
            budget = BUDGETS.get(path.stem, max(10, round(mean / 5) * 5))
            yield path.stem, [_item(row, budget, most_references) for row in rows]


def is_held_out(id: str) -> bool:
    """Whether an item belongs to the half that weights are not searched on: half of all ids, by their hash."""
    return hashlib.sha256(id.encode()).digest()[0] % 2 == 1


def batch(texts: list[str]) -> list[tuple[str, str]]:
    """The texts with ids, as the embedded model takes them."""
    return [(str(place), text) for place, text in enumerate(texts)]


def _texts(row: dict[str, list[dict[str, str]]]) -> list[str]:
    return [document["text"] for document in row["documents"]]


def _item(row: dict[str, list[dict[str, str]]], budget: int, most_references: int) -> Item:
    texts = _texts(row)
    index = BatchIndex.build(batch(texts))
    sentences, numbers = [], []
    for document, text in enumerate(texts):
        for place, number in enumerate(index.within(str(document), 0, len(text))):
            _, start, end = index.sentence(number)
            sentence = " ".join(text[start:end].split())
            sentences.append(Sentence(document, place, sentence, count_words(sentence)))
            numbers.append(number)
    id, references = str(row["id"]), [str(text) for text in row["references"][:most_references]]
    return Item(id, texts, references, budget, sentences, numbers, is_held_out(id))
