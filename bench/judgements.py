"""How far the reference-free scores agree with people: rank correlations with human judgements.

    python -m bench.judgements --data DIR

DIR/judgements holds `NAME.jsonl`, a judged summary a line: `{"id": …, "document": …, "summary": …, "scores": {…}}`, or
`document_in` for `document`: the set in DIR whose item of that id is the document. Printed for each kind of judgement:
Spearman's rank correlation over all summaries with each score, as if each sentence cited the whole document.
"""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from graphs.evidence.names import missing, names_and_numbers
from graphs.evidence.rouge import rouge_tokens
from graphs.evidence.scores import density, kept_pairs, repetition, terms_covered, top_terms, wording_share
from graphs.text.sentences import split_sentences
from graphs.text.words import count_words

SCORES = ("support", "least", "pairs", "names", "terms", "density", "again", "length")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Correlate the reference-free scores with human judgements.")
    parser.add_argument("--data", type=Path, required=True, help="folder with judgements/ and the sets")
    folder: Path = parser.parse_args().data
    print(f"{'':34}{'summaries':>9}  " + "".join(f"{name:>9}" for name in SCORES))
    for path in sorted((folder / "judgements").glob("*.jsonl")):
        rows = [row for row in _rows(path) if row.get("scores") and row.get("summary")]
        texts = _documents(folder, rows)
        judged = [(row["scores"], scores(row["summary"], texts[_key(row)])) for row in rows if _key(row) in texts]
        for kind in dict.fromkeys(kind for found, _ in judged for kind in found):
            own = [(found[kind], measured) for found, measured in judged if found.get(kind) is not None]
            people = [float(value) for value, _ in own]
            cells = [f"{spearman(people, [measured[name] for _, measured in own]):9.2f}" for name in SCORES]
            print(f"{path.stem + ' ' + kind:34}{len(own):9}  {''.join(cells)}", flush=True)


def scores(summary: str, document: str) -> dict[str, float]:
    """The scores of a summary whose sentences all cite the whole document."""
    shares = [wording_share(summary[start:end], document) for start, end in split_sentences(summary)]
    own, source = rouge_tokens(summary), rouge_tokens(document)
    wanted = names_and_numbers(summary)
    return {
        "support": float(np.mean(shares or [0.0])),
        "least": min(shares, default=0.0),
        "pairs": kept_pairs(own, source),
        "names": 1.0 - len(missing(wanted, [document])) / max(1, len(wanted)),
        "terms": terms_covered(summary, top_terms([document])),
        "density": density(own, source),
        "again": repetition(own),
        "length": float(count_words(summary)),
    }


def spearman(one: list[float], other: list[float]) -> float:
    """The correlation of the ranks; equal values share their mean rank. 0 where all values of one side are equal."""
    left, right = _ranks(np.array(one)), _ranks(np.array(other))
    if np.ptp(left) == 0 or np.ptp(right) == 0:
        return 0.0
    return float(np.corrcoef(left, right)[0, 1])


def _ranks(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[places], dtype=np.float64)


def _rows(path: Path) -> Iterable[dict[str, Any]]:
    return map(json.loads, path.read_text(encoding="utf-8").splitlines())


def _documents(folder: Path, rows: Iterable[dict[str, Any]]) -> dict[tuple[str, str], str]:
    """The judged documents, by where they stand and their id without the name of the set."""
    texts: dict[tuple[str, str], str] = {}
    for row in rows:
        if row.get("document"):
            texts[_key(row)] = row["document"]
    for name in {str(row.get("document_in") or f"judgements/{row['id'].split(':')[0]}_docs") for row in rows}:
        path = folder / f"{name}.jsonl"
        for found in _rows(path) if path.exists() else ():
            text = found.get("document") or "\n\n".join(document["text"] for document in found["documents"])
            texts[name, found["id"].split(":", 1)[1]] = text
    return texts


def _key(row: dict[str, Any]) -> tuple[str, str]:
    group, _, id = row["id"].partition(":")
    if row.get("document"):
        return "", row["id"]
    return str(row.get("document_in") or f"judgements/{group}_docs"), id


if __name__ == "__main__":
    main()
