"""A contender's side of the benchmark: warm up, wait for the start, do the job while the event loop is watched, report.

A contender prints `ready`, begins when a line comes on its standard input, prints one line of JSON when it is done, and
leaves when its standard input ends: so `bench.peers.measure` sees it from outside, at rest, before and after the job.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.peers.texts import make_chunks

MODEL = "gpt-4o-mini"
MAP_PROMPT = "Summarise this text in three sentences.\n\n"
MERGE_PROMPT = "Merge these summaries into one.\n\n"

WARM_UP_CHUNKS = 3
WARM_UP_SEED = 2
TICK_SECONDS = 0.01


@dataclass(frozen=True)
class Terms:
    """What a contender is given."""

    base_url: str
    calls: int  # in flight at most
    store: Path  # a file, for those that keep something


Summarise = Callable[[list[str]], Awaitable[str]]
Opened = AbstractAsyncContextManager[Summarise]


class Stall:
    """How late the event loop came to a task that wants to run every `TICK_SECONDS`."""

    def __init__(self) -> None:
        self.seconds = 0.0

    async def watch(self) -> None:
        """Watch until cancelled."""
        while True:
            due = time.monotonic() + TICK_SECONDS
            await asyncio.sleep(TICK_SECONDS)
            self.seconds = max(self.seconds, time.monotonic() - due)


@asynccontextmanager
async def _watched() -> AsyncIterator[Stall]:
    stall = Stall()
    watching = asyncio.create_task(stall.watch())
    try:
        yield stall
        await asyncio.sleep(2 * TICK_SECONDS)  # a stall at the very end is noticed only after it
    finally:
        watching.cancel()


def contend(opened: Callable[[Terms], Opened]) -> None:
    """Take part with what `opened` yields: a function from chunks to one summary."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--calls", type=int, required=True)
    parser.add_argument("--chunks", type=int, required=True)
    parser.add_argument("--store", type=Path, required=True)
    arguments = parser.parse_args()
    terms = Terms(arguments.base_url, arguments.calls, arguments.store)
    asyncio.run(_take_part(opened(terms), arguments.chunks))


async def _take_part(opened: Opened, number: int) -> None:
    async with opened as summarise:
        await summarise(make_chunks(WARM_UP_CHUNKS, WARM_UP_SEED))
        chunks = make_chunks(number)
        _wait_for_line_after("ready")
        async with _watched() as stall:
            started = time.monotonic()
            await summarise(chunks)
            seconds = time.monotonic() - started
        _wait_for_line_after(json.dumps({"seconds": seconds, "stall_seconds": stall.seconds}))


def _wait_for_line_after(said: str) -> None:
    """Say something and wait for an answer. It blocks the loop: nothing else is under way."""
    print(said, flush=True)
    sys.stdin.readline()
