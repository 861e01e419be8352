"""What Precis itself costs beside what people would write instead, with a local model server; nothing is asserted.

    python -m bench.overhead [--chunks 1000 20000] [--only precis gather …] [--long 10000] [--limit-minutes 15]

The first table sets the whole service, through REST and with everything stored, beside the programs of bench/peers/:
the same texts, the same model server, the same calls in flight, each contender in a process of its own. The second is
about Precis alone: what a long run does to a short one, and what slow calls do to a run. See bench/README.md.
"""

import argparse
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from app.settings import Settings
from bench.peers.measure import NotFinished, Result, Terms, run_peer
from bench.peers.precis import CHUNKS_OF_A_DOCUMENT, Running, batch, run_precis, running
from bench.peers.texts import make_chunks

PRECIS, BASE = "precis", "gather"  # whom this is about, and whom all are compared with
CONTENDERS = {
    PRECIS: "Precis: the service, all stored",
    BASE: "asyncio.gather + ChatOpenAI",
    "send": "LangGraph Send tutorial",
    "send_sqlite": "  with AsyncSqliteSaver",
    "chain": "load_summarize_chain",
    "posts": "aiohttp posts: the floor",
}
HEAD = ["calls", "seconds", "÷ ideal", "÷ gather", "CPU ms", "÷ gather", "RSS MB", "stall ms", "stored", "in flight"]
NOTES = """\
÷ ideal    time over the shortest in which its calls can be made: in waves of so many, merges behind what they merge
CPU ms     user and system time a chunk, of the contender and its child processes, without the model server's
stall ms   how late the loop came, at worst, to a task that runs every 10 ms
stored     all files that are left, over the documents' bytes
in flight  the most calls that the model server saw at once
Precis parses and cuts the documents and merges in levels that fit a model's window. The others get the chunks ready
cut and send all partials in one merge, however long; load_summarize_chain collapses them 3,000 tokens at a time, one
call after another (its token counter here costs less than the real one). That chain ignores max_concurrency: a
semaphore in a subclass of ChatOpenAI holds it to the same limit as the others."""

SHORT_CHUNKS, SHORT_RUNS, FIRST_SHORT_SEED = 3, 3, 100  # no text may come twice: a call made before costs nothing
STRAGGLERS, SLOWNESS = 100, 10  # one call in so many is so many times slower
NOTED_CHILDREN_MEGABYTES = 20


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(prog="bench.overhead", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--chunks", type=int, nargs="+", default=[1_000], help="the sizes of the first table")
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS), help="whom to measure")
    parser.add_argument(
        "--long", type=int, default=10_000, help="chunks of the run that short ones run beside; 0: none"
    )
    parser.add_argument("--slow", type=int, default=1_000, help="chunks of the run with slow calls; 0: none")
    parser.add_argument("--calls", type=int, default=64, help="model calls in flight")
    parser.add_argument("--latency-ms", type=float, default=200.0, help="of every model call")
    parser.add_argument("--limit-minutes", type=float, default=15.0, help="a job that takes longer is given up")
    given = parser.parse_args(arguments)
    terms = Terms(given.latency_ms / 1000, given.calls, given.limit_minutes * 60)
    print(_machine())
    print(f"{terms.calls} calls in flight, {given.latency_ms:.0f} ms each")
    for number in given.chunks:
        _compare(number, [name for name in CONTENDERS if name in given.only], terms)
    if PRECIS in given.only and given.long:
        print("\nPrecis: a short run beside a long one\n")
        _print_table(["", "seconds", "÷ alone"], _fairness(given.long, terms))
    if PRECIS in given.only and given.slow:
        print("\nPrecis: slow calls\n")
        _print_table(["", "calls", "seconds", "÷ none slow", "÷ ideal"], _stragglers(given.slow, terms))


# The first table


def _compare(number: int, names: Sequence[str], terms: Terms) -> None:
    """Measure the contenders one after another and print their table."""
    chunks = make_chunks(number)
    results: dict[str, Result] = {}
    problems: dict[str, str] = {}
    for name in names:
        _say(f"{number:,} chunks: {CONTENDERS[name].strip()}")
        with tempfile.TemporaryDirectory(prefix="precis-bench-") as folder:
            try:
                if name == PRECIS:
                    results[name] = run_precis(chunks, terms, Path(folder))
                else:
                    results[name] = run_peer(name, chunks, terms, Path(folder))
            except NotFinished as problem:
                problems[name] = str(problem)
    print(f"\n{number:,} chunks in documents of {CHUNKS_OF_A_DOCUMENT}, {sum(map(len, chunks)) / 1e6:.1f} MB\n")
    base = results.get(BASE)
    rows = [[CONTENDERS[name], *(_cells(results[name], base, terms) if name in results else [])] for name in names]
    _print_table(["", *HEAD], rows)
    for name, reason in problems.items():
        print(f"{CONTENDERS[name].strip()}: {reason}")
    print(f"\n{NOTES}")
    _print_footnotes(results)


def _cells(result: Result, base: Result | None, terms: Terms) -> list[str]:
    cpu = result.cpu_seconds / result.maps
    return [
        f"{result.calls:,}",
        f"{result.seconds:.2f}",
        _ratio(result.seconds, terms.ideal_seconds(result.beneath)),
        _ratio(result.seconds, base.seconds) if base else "-",
        f"{cpu * 1000:.2f}",
        _ratio(cpu, base.cpu_seconds / base.maps) if base else "-",
        f"{result.peak_megabytes:.0f}",
        f"{result.stall_seconds * 1000:.0f}",
        "-" if result.stored_bytes is None else _ratio(result.stored_bytes, result.document_bytes),
        f"{result.peak_calls}",
    ]


def _print_footnotes(results: dict[str, Result]) -> None:
    if precis := results.get(PRECIS):
        print(f"Precis cut {precis.maps:,} chunks and merged them in {len(precis.beneath) - 1} levels.")
        if precis.children_megabytes > NOTED_CHILDREN_MEGABYTES:
            print(f"Its child processes took {precis.children_megabytes:.0f} MB more.")
    loads = {name: result.server_cpu_seconds / result.seconds for name, result in results.items()}
    if loads:
        busiest = max(loads, key=lambda name: loads[name])
        print(f"The model server used {loads[busiest]:.0%} of a core at most ({CONTENDERS[busiest].strip()}).")


# The second table


def _fairness(number: int, terms: Terms) -> list[list[str]]:
    """Return the rows of short runs on the idle service and in the middle of a long run: the median of each."""
    _say(f"short runs beside one of {number:,} chunks")
    alone_title, beside_title = f"{SHORT_CHUNKS} chunks alone", f"{SHORT_CHUNKS} chunks beside {number:,}"
    with tempfile.TemporaryDirectory(prefix="precis-bench-") as folder:
        try:
            with running(terms, Path(folder)) as precis:
                alone, beside = time_short_runs(precis, number)
        except NotFinished as problem:
            return [[f"{beside_title}: {problem}"]]
    if beside is None:
        beside_title += ": the long run ended before; take more chunks"
        return [[alone_title, f"{alone:.2f}", ""], [beside_title]]
    return [[alone_title, f"{alone:.2f}", ""], [beside_title, f"{beside:.2f}", _ratio(beside, alone)]]


def time_short_runs(precis: Running, number: int) -> tuple[float, float | None]:
    """Return the seconds of a short run alone and beside a run of so many chunks; none if that ended before."""
    shorts = [batch(make_chunks(SHORT_CHUNKS, FIRST_SHORT_SEED + place)) for place in range(2 * SHORT_RUNS)]
    alone = [precis.run(body) for body in shorts[:SHORT_RUNS]]
    beside: list[float] = []
    long_id = precis.post(batch(make_chunks(number)))
    precis.wait_for_half(long_id)
    for body in shorts[SHORT_RUNS:]:
        seconds = precis.run(body)
        if not precis.is_running(long_id):
            break
        beside.append(seconds)
    precis.cancel(long_id)
    return statistics.median(alone), statistics.median(beside) if beside else None


def _stragglers(number: int, terms: Terms) -> list[list[str]]:
    """Return the rows of the same run without slow calls, with them, and with hedging against them."""
    marks = [f"straggler{place:05}" for place in range(max(1, number // STRAGGLERS))]
    body = batch(mark_chunks(make_chunks(number), marks))
    slow = f"{len(marks)} of {number:,} calls {SLOWNESS} times slower"
    rows: list[list[str]] = []
    quiet = None
    for title, slow_marks, hedge in (
        ("none slow", [], False),
        (slow, marks, False),
        (f"{slow}, hedging", marks, True),
    ):
        if hedge and "hedge" not in Settings.model_fields:
            rows.append([f"{title}: this version has no setting PRECIS_HEDGE"])
            continue
        _say(title)
        with tempfile.TemporaryDirectory(prefix="precis-bench-") as folder:
            try:
                with running(terms, Path(folder), hedge=str(hedge).lower()) as precis:
                    calls, seconds = time_with_stragglers(precis, body, slow_marks)
                    ideal = precis.ideal_seconds(body)
            except NotFinished as problem:
                rows.append([f"{title}: {problem}"])
                continue
        quiet = seconds if title == "none slow" else quiet
        rows.append(
            [title, f"{calls:,}", f"{seconds:.2f}", _ratio(seconds, quiet) if quiet else "-", _ratio(seconds, ideal)]
        )
    return rows


def time_with_stragglers(precis: Running, body: bytes, marks: Sequence[str]) -> tuple[int, float]:
    """Return the calls and the seconds of a run in which the first call with each mark is slow. Only the first: a
    second try at the same call is as fast as any other.
    """
    for mark in marks:
        precis.server.fault("delay", times=1, match=mark, seconds=(SLOWNESS - 1) * precis.terms.latency_seconds)
    seconds = precis.run(body)
    return precis.server.stats(keys=False)["calls"], seconds


def mark_chunks(chunks: list[str], marks: Sequence[str]) -> list[str]:
    """Return the chunks, evenly spread ones with a mark, where the model server's answers never quote it."""
    step = len(chunks) // len(marks)
    marked = list(chunks)
    for place, mark in enumerate(marks):
        # An answer quotes the first twelve words of a sentence; these sentences have more.
        marked[place * step + step // 2] = chunks[place * step + step // 2].replace(".", f" {mark}.", 1)
    return marked


# Printing


def _machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("langgraph", "langchain-openai", "openai"))
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores (load {load:.1f} before), Python {platform.python_version()}, {packages}"


def _ratio(value: float, to: float) -> str:
    return f"{value / to:.2f}" if to else "-"


def _print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns, the first to the left. A row may be shorter than the head; one of a title alone is free to
    be long.
    """
    full = [head, *(row for row in rows if len(row) > 1)]
    widths = [max(len(row[place]) for row in full if place < len(row)) for place in range(len(head))]
    for row in (head, *rows):
        cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=False)]
        print("  ".join([row[0].ljust(widths[0]), *cells]).rstrip())


def _say(text: str) -> None:
    """Print what is being measured, apart from the result."""
    print(f"# {text} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
