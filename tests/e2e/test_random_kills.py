"""kill -9 at random moments under load: nothing that was accepted is lost, and every run ends as if nothing had been."""

import random
import re
import sqlite3
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tests.e2e import Json, Service, assert_told_once, batch, ended, post, prompts_of, reported_texts, result_of
from tests.model_server import ModelServer

IN_FLIGHT = 4  # calls
SEED = 20_261_122
SENTENCES = (20, 60, 100, 140)  # of a run's document: a chunk for about five
MARK = re.compile(r"\bqTown\w+")  # tells a sentence, and with it its chunk, from all others


def service_of(data_dir: Path, server: ModelServer) -> Service:
    settings = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": server.base_url}
    return Service(data_dir, chunk_tokens=200, concurrency=IN_FLIGHT, **settings)


def undisturbed(bodies: list[Json], data_dir: Path, server: ModelServer) -> list[Json]:
    """Each batch, run to its end by a process that nobody kills."""
    with service_of(data_dir, server) as service, service.client() as client:
        ids = [post(client, body) for body in bodies]
        runs = [ended(client, id) for id in ids]
    server.reset()
    return runs


def open_runs(data_dir: Path) -> list[str]:
    """The runs that have not ended, read while no process has the database open."""
    with closing(sqlite3.connect(data_dir / "precis.db")) as connection:
        return [id for (id,) in connection.execute("SELECT id FROM runs WHERE status IN ('queued', 'running')")]


def asks_more(calls: int, counts: Json) -> bool:
    return bool(counts["calls"] > calls)


def asked_again(server: ModelServer, reported: dict[str, tuple[str, int]]) -> list[str]:
    """The chunks that were in a prompt after a kill which had found them reported; `reported` holds by the mark of
    their first sentence their text and how many calls had been made by that kill. All of them were in one before.
    """
    again, before = [], set()
    for number, prompt in enumerate(prompts_of(server)):
        for mark in set(MARK.findall(prompt)) & reported.keys():
            text, calls = reported[mark]
            if text in prompt:
                again += [text] * (number >= calls)
                before |= {mark} if number < calls else set()
    assert before == reported.keys()
    return again


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(20, marks=pytest.mark.timeout(600)),
        pytest.param(200, marks=[pytest.mark.soak, pytest.mark.timeout(3_600)]),
    ],
)
def test_random_kills_lose_nothing_and_repeat_little(kills: int, tmp_path: Path, model_server: ModelServer) -> None:
    chance = random.Random(SEED)
    bodies = [batch(f"Town{number}", sentences=chance.choice(SENTENCES)) for number in range(kills)]
    expected = undisturbed(bodies, tmp_path / "undisturbed", model_server)
    model_server.latency(0.1)
    service = service_of(tmp_path / "data", model_server)
    posted: list[str] = []
    reported: dict[str, tuple[str, int]] = {}
    under_load = calls = 0
    for body in bodies:
        service.start()
        with service.client() as client:
            posted.append(post(client, body))
        if chance.random() < 0.7:  # else it may be killed before it has begun to ask
            model_server.wait_for(partial(asks_more, calls))
        time.sleep(chance.uniform(0, 1.0))
        service.kill()
        counts = model_server.wait_for(lambda counts: counts["in_flight"] == 0)
        calls = counts["calls"]
        going_on = open_runs(service.data_dir)
        under_load += bool(going_on)
        for text in (text for id in going_on for text in reported_texts(service.data_dir, id)):
            reported.setdefault(MARK.findall(text)[0], (text, calls))
    # The gate lets in twice as many calls as may be in flight, those included whose answers wait for their commit; what
    # the server had not answered when it was hung up on has not finished.
    most_repeats = kills * 2 * IN_FLIGHT - counts["cancelled"]
    model_server.latency(0)
    with service, service.client() as client:
        for id, run in zip(posted, expected, strict=True):
            found = ended(client, id)
            assert result_of(found) == result_of(run)
            assert_told_once(client, found)
    stats = model_server.stats()
    assert under_load > kills / 2
    assert stats["repeats"] <= most_repeats
    assert asked_again(model_server, reported) == []
    print(
        f"\n{kills} kills (seed {SEED}), {under_load} of them under load: {len(posted)} runs, {stats['finished']} calls, "
        f"{stats['repeats']} repeated of {most_repeats} that may be, none of {len(reported)} chunks that had been reported"
    )
