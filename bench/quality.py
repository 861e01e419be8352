"""How good the sentences are that the embedded model chooses: beside the simplest ways, the classic ones and a bound.

    python -m bench.quality --data DIR [--only SET ...] [--sentences 1000] [--references 1]

DIR holds sets as `NAME.jsonl`, a batch a line: `{"id": …, "documents": [{"text": …}], "references": ["…"]}`. Every
contender chooses from the same sentences, with the same number of words. Half of the items, by the hash of their ids,
is held out of the search for weights and reported apart. It is no untouched test: variants of the model were compared
on both halves before one was kept, so it flatters the model somewhat too. "with meaning" is the model with the
embedding of `precis[meaning]`, where that is installed and asked.

R1, R2, RL    F1 of ROUGE-1, -2 and -L against the first reference, or the mean over several; English words are
              stemmed (Porter); Korean, Chinese and Japanese are cut into character bigrams
mean          (R1 + R2) / 2, with its bootstrap 95 % interval
over lead     the paired difference of that mean to lead's
terms, again  share of the 25 most frequent terms; share of word pairs that came before
length        words as a share of the budget: mean and range
MB/s, peak    of text, reading included, on one core; memory while choosing from the longest item

By genre, at the end: the paired difference of the mean to each contender, over the sets of documents of one kind.
"""

import time
import tracemalloc
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bench.extracts.choosing import CONTENDERS, Choose
from bench.extracts.classics import classics
from bench.extracts.measures import Figures, measure
from bench.extracts.sets import GENRES, Item, arguments, read_sets
from graphs.evidence.intervals import interval, macro_interval

NOT_ASKED = "no reviews, or the extra `meaning` is not installed"
HEADER = "   R1   R2   RL  mean  [ 95 % ]        over lead        terms again  length            MB/s   peak MB"


class Row(NamedTuple):
    """One contender on one set."""

    figures: dict[str, Figures]
    """By item; those that were left out are missing."""
    seconds: float
    characters: int
    peak_bytes: int


def main() -> None:
    """Measure and print."""
    parser = arguments("Measure the embedded model on documents with references.")
    parser.add_argument("--sentences", type=int, default=1000, help="sumy is left out where a batch has more")
    parser.add_argument("--references", type=int, default=1, help="how many of each item's count, at most")
    options = parser.parse_args()
    contenders = {**CONTENDERS, **classics(options.sentences)}
    if len(contenders) == len(CONTENDERS):
        print("sumy is not installed, so its methods are missing: pip install sumy\n")
    results: dict[str, dict[str, Row]] = {}
    held_out: set[str] = set()
    for name, items in read_sets(options.data, options.only, options.references):
        held_out |= {item.id for item in items if item.held_out}
        results[name] = {title: run(items, choose) for title, choose in contenders.items()}
        _print_set(name, items, results[name])
    everything = {id for rows in results.values() for row in rows.values() for id in row.figures}
    for title, ids in (("all items", everything), ("held out", held_out), ("tuned on", everything - held_out)):
        _print_overall(title, results, ids)
    for title, ids in (("all items", everything), ("held out", held_out)):
        _print_genres(title, results, ids)


def run(items: Sequence[Item], choose: Choose) -> Row:
    """Let one contender choose on all items of a set."""
    figures, seconds, characters, peak = {}, 0.0, 0, 0
    for item in items:
        began = time.process_time()
        selections = choose(item)
        spent = time.process_time() - began
        found = measure(item, selections)
        if found:
            figures[item.id] = found
            seconds += spent
            characters += sum(map(len, item.texts))
    longest = max(items, key=lambda item: sum(map(len, item.texts)))
    if longest.id in figures:
        tracemalloc.start()
        choose(longest)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return Row(figures, seconds, characters, peak)


def _print_set(name: str, items: Sequence[Item], rows: dict[str, Row]) -> None:
    words = items[0].budget
    print(
        f"\n{name}: {len(items)} items, {sum(item.held_out for item in items)} held out, {words} words\n{'':14}{HEADER}"
    )
    for title, row in rows.items():
        if not row.figures:
            print(f"{title:14}    -  ({NOT_ASKED if title == 'with meaning' else 'too many sentences'})")
            continue
        of = Figures(*np.mean(list(row.figures.values()), axis=0).tolist())
        low, high = interval([100 * figures.mean for figures in row.figures.values()])
        lengths = [figures.length for figures in row.figures.values()]
        speed = row.characters / 1e6 / row.seconds if row.seconds > 0.01 else float("inf")
        left_out = f"  ({len(row.figures)} items)" if len(row.figures) < len(items) else ""
        over = _difference(rows, title, set(row.figures))
        cells = (
            f"{title:14}{100 * of.one:5.1f}{100 * of.two:5.1f}{100 * of.longest:5.1f} {100 * of.mean:5.1f}",
            f"  [{low:4.1f} {high:4.1f}]{over:>20}  {of.terms:5.2f} {of.repeated:5.2f}",
            f"  {of.length:4.2f} [{min(lengths):4.2f} {max(lengths):4.2f}] {speed:7.2f} {row.peak_bytes / 1e6:7.1f}",
        )
        print("".join(cells) + left_out, flush=True)


def _difference(rows: dict[str, Row], title: str, ids: set[str]) -> str:
    lead = rows["lead"].figures
    own = rows[title].figures
    both = sorted(ids & set(lead) & set(own))
    if title == "lead" or not both:
        return ""
    return _shown([[100 * (own[id].mean - lead[id].mean) for id in both]])


def _shown(sets: Sequence[Sequence[float]]) -> str:
    low, high = macro_interval(sets)
    return f"{np.mean([np.mean(values) for values in sets]):+.1f} [{low:+.1f} {high:+.1f}]"


def _print_genres(title: str, results: dict[str, dict[str, Row]], ids: set[str]) -> None:
    """Print for each kind of document what the embedded model has more than each other."""
    print(f"\n{title}, by genre: what the embedded model has more of (R1 + R2) / 2, in the mean over the genre's sets")
    genres: dict[str, list[dict[str, Row]]] = {}
    for name, rows in results.items():
        genres.setdefault(GENRES.get(name, name), []).append(rows)
    for genre, sets in genres.items():
        print(genre)
        left_out = ("embedded", "with meaning", "lead-3", "random", "oracle")
        for contender in (name for name in sets[0] if name not in left_out):
            differences = [found for rows in sets if (found := _differences(rows, contender, ids))]
            if differences:
                items = sum(map(len, differences))
                print(f"    {contender:14} {_shown(differences)}  {items} items of {len(differences)} sets")


def _differences(rows: dict[str, Row], contender: str, ids: set[str]) -> list[float]:
    ours, theirs = rows["embedded"].figures, rows[contender].figures
    return [100 * (ours[id].mean - theirs[id].mean) for id in sorted(ids & set(ours) & set(theirs))]


def _print_overall(title: str, results: dict[str, dict[str, Row]], ids: set[str]) -> None:
    """Print the mean over sets, and the embedded model's difference to every other on what both have done."""
    print(f"\n{title}: mean of (R1 + R2) / 2 over the sets; the embedded model less each, on the items of both")
    titles = list(dict.fromkeys(name for rows in results.values() for name in rows))
    for contender in titles:
        own, differences = [], []
        for rows in results.values():
            both = sorted(ids & set(rows[contender].figures) & set(rows["embedded"].figures))
            if both:
                theirs, ours = rows[contender].figures, rows["embedded"].figures
                own.append([100 * theirs[id].mean for id in both])
                differences.append([100 * (ours[id].mean - theirs[id].mean) for id in both])
        if own:
            low, high = macro_interval(own)
            mean = np.mean([np.mean(values) for values in own])
            against = "" if contender == "embedded" else _shown(differences)
            print(f"{contender:14} {mean:5.1f} [{low:4.1f} {high:4.1f}]  {len(own):2} sets  {against}")


if __name__ == "__main__":
    main()
