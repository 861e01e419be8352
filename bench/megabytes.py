"""How long the graph takes for megabytes of text, stage by stage, with the embedded model; nothing is asserted.

    python bench/megabytes.py [--megabytes 5] [FILES or FOLDER …]

Without files it makes a batch out of the words of samples/: documents of 4,000 to 400,000 characters, English and
Korean. Each stage stands beside the time that Python takes to read the same text once with `str.split`, which is the
machine's own measure.
"""

import argparse
import asyncio
import random
import resource
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from graphs.evidence.citations import SentenceSearch, claims_of
from graphs.models import EMBEDDED, model_facts
from graphs.models.extractive import BatchIndex
from graphs.summarize import CHUNK_TOKENS, Context, Document, Documents, Options, graph, make_plan, plan_cost

SAMPLES = Path(__file__).parent.parent / "samples"


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=5.0)
    parser.add_argument("paths", nargs="*", type=Path)
    arguments = parser.parse_args()
    documents = _read(arguments.paths) if arguments.paths else _make(int(arguments.megabytes * 1e6))
    size = sum(len(document.text.encode()) for document in documents) / 1e6
    print(f"{len(documents)} documents, {size:.1f} MB of UTF-8\n")
    print(f"{'stage':<34}{'CPU s':>8}{'MB/s':>8}{'÷ str.split':>13}")
    floor = _timed("str.split (the measure)", size, None, lambda: [document.text.split() for document in documents])
    for model in (EMBEDDED, "openai:gpt-4o-mini"):
        plan = partial(make_plan, documents, Options(), model_facts(model), CHUNK_TOKENS)
        _timed(f"plan for {model}", size, floor, plan)
    _timed("index of the embedded model", size, floor, lambda: BatchIndex.build([(d.id, d.text) for d in documents]))
    claims = [claim for document in documents for claim in claims_of(document.text[:1_000], language="en")]
    _timed(f"citations of {len(claims)} sentences", size, floor, lambda: SentenceSearch(documents).find(claims))
    _timed("the whole graph, embedded", size, floor, lambda: asyncio.run(_summarise(documents)))
    cost = plan_cost(make_plan(documents, Options(), model_facts(EMBEDDED), CHUNK_TOKENS))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\n{cost.maps} maps, {cost.merges} merges, {cost.depth} levels; peak memory {peak:.0f} MB")


async def _summarise(documents: Documents) -> str:
    output = await graph.ainvoke({"documents": []}, context=Context(documents=documents))
    return str(output["status"])


def _timed(name: str, megabytes: float, floor: float | None, work: Callable[[], object]) -> float:
    """Print the CPU time of a stage, all threads; return it in seconds."""
    started = time.process_time()
    work()
    seconds = time.process_time() - started
    ratio = f"{seconds / floor:>13.1f}" if floor else f"{'1.0':>13}"
    print(f"{name:<34}{seconds:>8.2f}{megabytes / seconds:>8.1f}{ratio}", flush=True)
    return seconds


def _read(paths: list[Path]) -> Documents:
    files = [
        file for path in paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path]) if file.is_file()
    ]
    return Documents(Document(str(file), file.name, file.read_text(errors="replace")) for file in files)


def _make(size: int) -> Documents:
    """Return a batch of the wanted size, in bytes, whose sentences are those of the samples in another order."""
    shuffle = random.Random(1)
    sources = [path.read_text().split(". ") for path in sorted(SAMPLES.glob("*.txt")) if "euc-kr" not in path.name]
    documents = Documents()
    made = 0
    while made < size:
        sentences = shuffle.choice(sources)
        length = min(shuffle.choice([4_000, 40_000, 400_000]), size)
        text = ""
        while len(text) < length:
            text += ". ".join(shuffle.choices(sentences, k=20)) + ".\n\n"
        documents.add(Document(str(len(documents)), f"Document {len(documents) + 1}", text))
        made += len(text.encode())
    return documents


if __name__ == "__main__":
    main()
