"""How fast the embedded model chooses, beside sumy's LexRank on the same sentences; nothing is asserted.

    python -m bench.speed --data DIR [--only SET ...] [--rounds 3] [--sentences 600]

DIR holds sets as for `bench.quality`. Both choose from each item in turn, so that a busy machine slows both; the least
CPU time of the rounds counts, all threads together. The index is built anew each time, from the text; the words that
a process keeps from batch to batch are known after the first. LexRank is handed its sentences ready cut, and left out
where an item has more than `--sentences`.

ms         of the embedded model for one item, in the mean
MB/s       of UTF-8, each item by itself
as one     MB/s of all texts of the set as one document
÷ split    time of that, as a multiple of what `str.split` takes for the text: the machine's own measure
LexRank    its time as a multiple of the embedded model's on the same items: of all together, and the least of one
"""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from bench.extracts.choosing import Choose, embedded
from bench.extracts.classics import classics
from bench.extracts.sets import Item, read_sets
from graphs.models.extractive import BatchIndex


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description="Measure the speed of the embedded model.")
    parser.add_argument("--data", type=Path, required=True, help="folder of NAME.jsonl")
    parser.add_argument("--only", nargs="*", default=[], help="names of sets")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sentences", type=int, default=600, help="LexRank is left out where an item has more")
    options = parser.parse_args()
    lexrank = classics(options.sentences).get("sumy LexRank")
    if lexrank is None:
        print("sumy is not installed, so LexRank is missing: pip install sumy\n")
    print(f"{'set':20}{'items':>6}{'KB':>8}{'ms':>8}{'MB/s':>7}{'as one':>8}{'÷ split':>9}{'LexRank':>10}{'least':>7}")
    for name, items in read_sets(options.data, options.only):
        print(_row(name, items, lexrank, options.rounds), flush=True)


def _row(name: str, items: Sequence[Item], lexrank: Choose | None, rounds: int) -> str:
    """Measure one set."""
    times = []
    for item in items:
        has_peer = lexrank is not None and len(lexrank(item)) > 0
        works = [partial(choose, item) for choose in (embedded, lexrank if has_peer else None) if choose]
        times.append(_least(works, rounds))
    own = sum(time for time, *_ in times)
    size = sum(len(text.encode()) for item in items for text in item.texts)
    text = "\n\n".join(text for item in items for text in item.texts)
    whole, split = _least([partial(BatchIndex.build, [("", text)]), text.split], rounds)
    both = [pair for pair in times if len(pair) > 1]
    ratio = sum(peer for _, peer in both) / sum(own for own, _ in both) if both else 0.0
    least = min((peer / own for own, peer in both), default=0.0)
    cells = (
        f"{name:20}{len(items):6}{size / 1e3 / len(items):8.1f}{1e3 * own / len(items):8.2f}{size / 1e6 / own:7.1f}",
        f"{size / 1e6 / whole:8.1f}{whole / split:9.1f}",
        f"{ratio:10.1f}{least:7.1f}" if both else f"{'-':>10}{'-':>7}",
    )
    return "".join(cells)


def _least(works: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """The least CPU time of each of some works, which take turns, in seconds."""
    least = [float("inf")] * len(works)
    for _ in range(rounds):
        for place, work in enumerate(works):
            began = time.process_time()
            work()
            least[place] = min(least[place], time.process_time() - began)
    return least


if __name__ == "__main__":
    main()
