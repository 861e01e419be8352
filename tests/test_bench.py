"""The benchmark runs and prints its tables; what it measures is nobody's business here."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.overhead import mark_chunks, time_short_runs, time_with_stragglers
from bench.peers.measure import Terms
from bench.peers.precis import Running, batch
from bench.peers.texts import CHUNK_CHARACTERS, make_chunks
from tests.model_server import ModelServer
from tests.service import Service

ROOT = Path(__file__).parent.parent


def bench(*arguments: str) -> str:
    command = [sys.executable, "-m", "bench.overhead", "--latency-ms", "0", "--long", "0", "--slow", "0", *arguments]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def row(output: str, title: str) -> list[str]:
    """The cells of the first line with this title."""
    (line, *_) = [line for line in output.splitlines() if line.strip().startswith(title)]
    return line.strip().removeprefix(title).split()


@pytest.fixture
def precis(shared_service: Service, model_server: ModelServer) -> Iterator[Running]:
    with shared_service.client() as client:
        yield Running(model_server, shared_service, client, Terms(0.01, 16, 60.0))


def test_the_service_and_its_peers_get_rows_of_figures() -> None:
    output = bench("--chunks", "5", "--only", "precis", "send_sqlite", "posts")
    for title, stores in (
        ("Precis: the service, all stored", True),
        ("with AsyncSqliteSaver", True),
        ("aiohttp posts: the floor", False),
    ):
        cells = row(output, title)
        assert len(cells) == 10, output
        assert int(cells[0]) >= 6  # five maps and a merge
        assert (cells[-2] != "-") is stores


def test_what_does_not_finish_in_time_is_said_and_does_not_hang() -> None:
    output = bench("--chunks", "5", "--only", "posts", "--limit-minutes", "0")
    assert "aiohttp posts: the floor: not finished" in output


def test_short_runs_are_timed_alone_and_beside_a_long_one(precis: Running, model_server: ModelServer) -> None:
    model_server.latency(0.02)
    alone, beside = time_short_runs(precis, 30)
    assert alone > 0
    assert beside is None or beside > 0


def test_each_marked_chunk_has_one_slow_call(precis: Running, model_server: ModelServer) -> None:
    marks = ["straggler00000", "straggler00001"]
    calls, _ = time_with_stragglers(precis, batch(mark_chunks(make_chunks(4, seed=3), marks)), marks)
    assert model_server.stats()["by_fault"] == {"delay": 2}
    assert calls > 4


def test_no_two_chunks_are_alike() -> None:
    chunks = [*make_chunks(10), *make_chunks(3, seed=2)]
    assert len(set(chunks)) == len(chunks)
    assert {len(chunk) for chunk in chunks} == {CHUNK_CHARACTERS}


def test_the_speed_of_the_embedded_model_gets_a_row_for_each_set() -> None:
    command = [sys.executable, "-m", "bench.speed", "--data", "tests/fixtures/summaries", "--rounds", "1"]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    for name, items in (("aclsum", "2"), ("squality_stories", "1")):
        cells = row(done.stdout, name)
        assert cells[0] == items
        assert len(cells) == 8
