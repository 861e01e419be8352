"""How fast the embedded model chooses, beside sumy's LexRank on the same sentences; nothing is asserted.

    python -m bench.speed --data DIR [--only SET ...] [--rounds 3] [--sentences 600]

DIR holds sets as for `bench.quality`. Both choose from each item in turn, so that a busy machine slows both; the least
CPU time of the rounds counts, all threads together. The index is built anew each time, from the text; the words that
a process keeps from batch to batch are known after the first. LexRank is left out where an item has more than
`--sentences`.

ms         of the embedded model for one item, in the mean
MB/s       of UTF-8, each item by itself
as one     MB/s of all texts of the set as one document
÷ split    time of that, as a multiple of what `str.split` takes for the text: the machine's own measure
LexRank    its time as a multiple of the embedded model's, from the same text, as sumy's README runs it: of all items
           together, and the least of one. English alone; the sentences are cut as here
- cut      the same where it is handed sentences and terms ready made, which the embedded model has to find
"""

import time
from collections.abc import Callable, Sequence
from functools import partial

from bench.extracts.choosing import embedded
from bench.extracts.classics import IS_INSTALLED, classics, lexrank_of_text
from bench.extracts.sets import Item, arguments, read_sets
from graphs.models.extractive import BatchIndex
from graphs.text.language import detect_language

_SENTENCES = 5  # that LexRank returns: it ranks all of them whatever their number


def main() -> None:
    """Measure and print one table."""
    parser = arguments("Measure the speed of the embedded model.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sentences", type=int, default=600, help="LexRank is left out where an item has more")
    options = parser.parse_args()
    if not IS_INSTALLED:
        print("sumy is not installed, so LexRank is missing: pip install sumy\n")
    print(f"{'set':20}{'items':>6}{'KB':>8}{'ms':>8}{'MB/s':>7}{'as one':>8}{'÷ split':>9}{'LexRank':>20}{'- cut':>20}")
    for name, items in read_sets(options.data, options.only):
        print(_row(name, items, options.sentences, options.rounds), flush=True)


def _row(name: str, items: Sequence[Item], most_sentences: int, rounds: int) -> str:
    """Measure one set."""
    times = [_least(_works(item, most_sentences), rounds) for item in items]
    own = sum(time["embedded"] for time in times)
    size = sum(len(text.encode()) for item in items for text in item.texts)
    text = "\n\n".join(text for item in items for text in item.texts)
    whole = _least({"index": partial(BatchIndex.build, [("", text)]), "split": text.split}, rounds)
    cells = (
        f"{name:20}{len(items):6}{size / 1e3 / len(items):8.1f}{1e3 * own / len(items):8.2f}{size / 1e6 / own:7.1f}",
        f"{size / 1e6 / whole['index']:8.1f}{whole['index'] / whole['split']:9.1f}",
        f"{_ratio(times, 'text'):>20}{_ratio(times, 'cut'):>20}",
    )
    return "".join(cells)


def _works(item: Item, most_sentences: int) -> dict[str, Callable[[], object]]:
    works: dict[str, Callable[[], object]] = {"embedded": partial(embedded, item)}
    if IS_INSTALLED and len(item.sentences) <= most_sentences:
        works["cut"] = partial(classics(most_sentences)["sumy LexRank"], item)
        if all(detect_language(text) == "en" for text in item.texts):
            works["text"] = partial(lexrank_of_text, item, _SENTENCES)
    return works


def _ratio(times: Sequence[dict[str, float]], peer: str) -> str:
    """A peer's time as a multiple of the embedded model's on the items of both: of all, and the least."""
    both = [(time[peer], time["embedded"]) for time in times if peer in time]
    if not both:
        return "-"
    theirs, ours = map(sum, zip(*both, strict=True))
    return f"{theirs / ours:.1f}, least {min(peer / own for peer, own in both):.1f}"


def _least(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The least CPU time of each of some works, which take turns, in seconds."""
    least = dict.fromkeys(works, float("inf"))
    for _ in range(rounds):
        for name, work in works.items():
            began = time.process_time()
            work()
            least[name] = min(least[name], time.process_time() - began)
    return least


if __name__ == "__main__":
    main()
