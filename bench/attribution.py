"""How well sentences are traced to their sources, measured against the evidence that people marked.

    python -m bench.attribution --data FOLDER

The folder holds aclsum.jsonl or qmsum_meetings.jsonl: papers of which the evidence sentences were marked, meetings of
which the turns were. A line is {id, documents: [{text}], queries: [{reference, evidence_sentences: [number] or
evidence_turns: [[first, last]]}], sentences?}. Each sentence of a reference is a claim. Half of the documents, by a
hash of their ids, is for tuning; the other half shows whether that holds.
"""

import argparse
import hashlib
import json
import math
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from graphs.evidence.citations import Claim, Place, SentenceSearch, claims_of
from graphs.evidence.support import AROUND, DOUBTFUL, Support, support_of
from graphs.summarize import Document, Documents
from graphs.summarize.review import POOR
from graphs.text.sentences import split_sentences

FILES = ("aclsum.jsonl", "qmsum_meetings.jsonl")
HALVES = ("tuning", "held out")


class Asked(NamedTuple):
    """A claim, and the spans of its document that people marked as evidence for it."""

    claim: Claim
    gold: list[tuple[int, int]]


class Half(NamedTuple):
    """Half of a data set."""

    name: str
    documents: Documents
    asked: list[Asked]


Search = Callable[[Documents, Sequence[Claim]], list[list[Place]]]


def main() -> None:
    """Measure and print three tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER")
    folder: Path = parser.parse_args().data
    files = [folder / name for name in FILES if (folder / name).is_file()]
    if not files:
        parser.error(f"{folder} holds neither {' nor '.join(FILES)}")
    halves = [half for file in files for half in read_halves(file) if half.asked]
    print_citations(halves)
    print_strangers(halves)
    print_support(halves)


def read_halves(file: Path) -> list[Half]:
    """Return the two halves of a data set."""
    halves = [Half(f"{file.stem}, {name}", Documents(), []) for name in HALVES]
    for line in file.read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        half = halves[1 - hashlib.sha256(item["id"].encode()).digest()[0] % 2]
        (document,) = item["documents"]
        half.documents.add(Document(item["id"], "", document["text"]))
        half.asked.extend(_asked(item, document["text"]))
    return halves


def _asked(item: dict[str, Any], text: str) -> Iterator[Asked]:
    units = list(_units(item.get("sentences") or text.split("\n"), text))
    for query in item["queries"]:
        turns = [range(int(first), int(last) + 1) for first, last in query.get("evidence_turns", [])]
        numbers = {*query.get("evidence_sentences", []), *(number for run in turns for number in run)}
        gold = [units[number] for number in sorted(numbers) if number < len(units)]
        for claim in claims_of(query["reference"], language="en", document=item["id"]) if gold else []:
            yield Asked(claim, gold)


def _units(pieces: Sequence[str], text: str) -> Iterator[tuple[int, int]]:
    """Yield where sentences or turns stand that follow each other in a text."""
    here = 0
    for piece in pieces:
        start = text.index(piece, here)
        here = start + len(piece)
        yield start, here


# ---------------------------------------------------------------- citations


def print_citations(halves: Sequence[Half]) -> None:
    """Print how often each way to search finds what people marked."""
    print(
        "Citations. hit@1: the first lies in the evidence; hit@any: one of them does; a claim without counts as missed."
    )
    print(f"\n{'':<34}{'claims':>8}{'hit@1':>8}{'hit@any':>9}{'precision':>11}{'each':>7}{'without':>9}{'seconds':>9}")
    searches: dict[str, Search] = {
        "random": random_places,
        "plain BM25, one each": plain_bm25,
        "Precis": search,
        "  each claim by itself": alone,
        "  in all documents at once": anywhere,
    }
    for half in halves:
        print(half.name)
        for name, find in searches.items():
            started = time.perf_counter()
            found = find(half.documents, [claim for claim, _ in half.asked])
            seconds = time.perf_counter() - started
            _print_row(name, half.asked, found, seconds)


def _print_row(name: str, asked: Sequence[Asked], found: Sequence[Sequence[Place]], seconds: float) -> None:
    hits = [[is_hit(place, one) for place in places] for one, places in zip(asked, found, strict=True)]
    claims, given = len(asked), sum(map(len, hits))
    first, some = sum(hit[:1] == [True] for hit in hits) / claims, sum(map(any, hits)) / claims
    precision = sum(map(sum, hits)) / given if given else math.nan
    without = sum(not hit for hit in hits) / claims
    print(
        f"  {name:<32}{claims:>8}{first:>8.1%}{some:>9.1%}{precision:>11.1%}{given / claims:>7.2f}{without:>9.1%}"
        f"{seconds:>9.3f}",
        flush=True,
    )


def is_hit(place: Place, asked: Asked) -> bool:
    """Whether a place lies in the evidence of a claim, in part at least."""
    in_document = place.document == asked.claim.document
    return in_document and any(place.start < end and start < place.end for start, end in asked.gold)


def search(documents: Documents, claims: Sequence[Claim]) -> list[list[Place]]:
    """Precis itself."""
    return SentenceSearch(documents).find(claims)


def alone(documents: Documents, claims: Sequence[Claim]) -> list[list[Place]]:
    """Precis without a word of what stands around the claims."""
    return SentenceSearch(documents).find([claim._replace(around="") for claim in claims])


def anywhere(documents: Documents, claims: Sequence[Claim]) -> list[list[Place]]:
    """Precis where it must find the document too."""
    return SentenceSearch(documents).find([claim._replace(document=None) for claim in claims])


def random_places(documents: Documents, claims: Sequence[Claim]) -> list[list[Place]]:
    """Return any sentence of the document."""
    shuffle = random.Random(1)
    sentences = {document.id: split_sentences(document.text) for document in documents}
    return [[Place(claim.document or "", *shuffle.choice(sentences[claim.document or ""]))] for claim in claims]


def plain_bm25(documents: Documents, claims: Sequence[Claim], k1: float = 1.2, b: float = 0.75) -> list[list[Place]]:
    """Return the best sentence by BM25 over words in lower case, as anyone would write it."""
    return [list(_best_by_words(documents[claim.document or ""], claim, k1, b)) for claim in claims]


def _best_by_words(document: Document, claim: Claim, k1: float, b: float) -> Iterator[Place]:
    spans = split_sentences(document.text)
    bags = [Counter(re.findall(r"\w+", document.text[start:end].lower())) for start, end in spans]
    mean = sum(bag.total() for bag in bags) / len(bags)
    asked = set(re.findall(r"\w+", claim.sentence.lower()))
    often = Counter(word for bag in bags for word in bag.keys() & asked)

    def score(bag: Counter[str]) -> float:
        norm = k1 * (1 - b + b * bag.total() / mean)
        words = bag.keys() & asked
        idf = {word: math.log(1 + (len(bags) - often[word] + 0.5) / (often[word] + 0.5)) for word in words}
        return sum(idf[word] * bag[word] * (k1 + 1) / (bag[word] + norm) for word in words)

    best = max(range(len(bags)), key=lambda number: score(bags[number]))
    yield Place(document.id, *spans[best])


def print_strangers(halves: Sequence[Half]) -> None:
    """Print how many claims get a citation in a document that they are not from."""
    print("\nClaims looked for in a document that they are not from: none should get a citation.")
    for half in halves:
        others = [asked.claim._replace(document=_other(half, asked)) for asked in half.asked]
        found = SentenceSearch(half.documents).find(others)
        print(f"  {half.name:<32}{len(found):>8} claims, cited {sum(map(bool, found)) / len(found):.1%}")


def _other(half: Half, asked: Asked) -> str:
    """Return the document that follows the claim's own, round and round."""
    ids = [document.id for document in half.documents]
    return ids[(ids.index(asked.claim.document or "") + 1) % len(ids)]


# ---------------------------------------------------------------- support


def print_support(halves: Sequence[Half]) -> None:
    """Print how well the support of a sentence tells its evidence from other passages."""
    print("\nSupport of claims by the best two sentences of their evidence, and by two others of the document.")
    columns = ("AUC", "mean", "other", "doubtful", "other", "poor", "other", "alarms", "other")
    print(f"\n{'':<26}{''.join(f'{column:>9}' for column in columns)}")
    for half in halves:
        pairs = [(_support(half, one, _evidence), _support(half, one, _elsewhere)) for one in half.asked]
        own, other = ([pair[side] for pair in pairs] for side in (0, 1))
        shares = [np.array([support.share or 0.0 for support in side]) for side in (own, other)]
        cells = [
            f"{area(*shares):>9.3f}",
            *(f"{side.mean():>9.2f}" for side in shares),
            *(f"{(side < DOUBTFUL).mean():>9.1%}" for side in shares),
            *(f"{(side < POOR).mean():>9.1%}" for side in shares),
            *(f"{_alarms(side):>9.1%}" for side in (own, other)),
        ]
        print(f"{half.name:<26}{''.join(cells)}")
        false = Counter(word for support in own for word in support.unsupported)
        print(f"  false alarms: {', '.join(word for word, _ in false.most_common(12)) or 'none'}")


def area(higher: Sequence[float] | np.ndarray[Any, Any], lower: Sequence[float] | np.ndarray[Any, Any]) -> float:
    """Return the share of pairs in which the first is above the second; equal ones count half (ROC AUC)."""
    differences = np.subtract.outer(np.asarray(higher), np.asarray(lower))
    return float((differences > 0).mean() + 0.5 * (differences == 0).mean())


def _alarms(supports: Sequence[Support]) -> float:
    return sum(bool(support.unsupported) for support in supports) / len(supports)


def _support(half: Half, asked: Asked, choose: Callable[[Document, Asked], list[tuple[int, int]]]) -> Support:
    document = half.documents[asked.claim.document or ""]
    passages = [document.text[max(0, start - AROUND) : end + AROUND] for start, end in choose(document, asked)]
    return support_of(asked.claim.sentence, passages, language="en")


def _evidence(document: Document, asked: Asked) -> list[tuple[int, int]]:
    """Return the two sentences of the evidence that support a claim best."""
    inside = [span for span in split_sentences(document.text) if is_hit(Place(document.id, *span), asked)]

    def share(span: tuple[int, int]) -> float:
        return support_of(asked.claim.sentence, [document.text[slice(*span)]], language="en").share or 0.0

    return sorted(inside, key=share, reverse=True)[:2]


def _elsewhere(document: Document, asked: Asked) -> list[tuple[int, int]]:
    """Return two sentences of the document that are no evidence, the same ones for the same claim."""
    outside = [span for span in split_sentences(document.text) if not is_hit(Place(document.id, *span), asked)]
    return random.Random(asked.claim.sentence).sample(outside, min(2, len(outside)))


if __name__ == "__main__":
    main()
