"""A process that was frozen for longer than its lease comes back as nobody: it writes nothing and asks no model."""

import signal
import sqlite3
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import Service, assert_told_once, attempts_of, batch, ended, freeze, post, result_of
from tests.model_server import ModelServer
from tests.service import wait_until

IN_FLIGHT = 4  # calls of each process
BODY = batch("Ansan", "Busan", sentences=60)


def service_of(data_dir: Path, name: str, server: ModelServer, lease_seconds: float) -> Service:
    settings = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": server.base_url, "lease_seconds": lease_seconds}
    service = Service(data_dir, chunk_tokens=200, concurrency=IN_FLIGHT, **settings)
    service.log_path = data_dir.parent / f"{name}.log"
    return service


def rows_of(data_dir: Path, id: str) -> list[Any]:
    """All that is written about a run."""
    queries = ("runs WHERE id = ?", "documents WHERE run_id = ?", "events WHERE run_id = ? ORDER BY seq")
    with closing(sqlite3.connect(data_dir / "precis.db")) as connection:
        return [connection.execute(f"SELECT * FROM {query}", [id]).fetchall() for query in queries]


def has_said(service: Service, words: str) -> bool:
    return words in service.log_path.read_text()


@pytest.mark.parametrize(
    ("lease_seconds", "frozen_seconds"),
    [(4, 0), pytest.param(15, 30, marks=pytest.mark.soak)],
)
def test_a_frozen_process_loses_its_run_and_takes_no_part_any_more(
    lease_seconds: float, frozen_seconds: float, tmp_path: Path, model_server: ModelServer
) -> None:
    with service_of(tmp_path / "alone", "alone", model_server, lease_seconds) as service, service.client() as client:
        expected = ended(client, post(client, BODY))
    model_server.reset()
    data_dir = tmp_path / "data"
    model_server.hold(after=6)
    frozen = service_of(data_dir, "frozen", model_server, lease_seconds)
    taker = service_of(data_dir, "taker", model_server, lease_seconds)
    with frozen:
        with frozen.client() as client:
            id = post(client, BODY)
        model_server.wait_for(lambda counts: counts["finished"] == 6 and counts["held"] == IN_FLIGHT)
        with taker:
            wait_until(partial(freeze, frozen))
            began = time.monotonic()
            wait_until(lambda: attempts_of(data_dir) == {id: 2}, lease_seconds + 60)
            model_server.wait_for(lambda counts: counts["held"] == 2 * IN_FLIGHT)
            time.sleep(max(0.0, frozen_seconds - (time.monotonic() - began)))
            # The answers to the frozen process arrive, too; when it wakes, it has room for as many calls anew.
            model_server.release()
            with taker.client() as client:
                run = ended(client, id)
            assert result_of(run) == result_of(expected)
            calls, written = model_server.stats()["calls"], rows_of(data_dir, id)
            frozen.process.send_signal(signal.SIGCONT)
            wait_until(lambda: has_said(frozen, f"run {id} was taken over"))
            with frozen.client() as client:  # it is well, and does what is its own
                own = batch("Chuncheon", sentences=10, model="embedded:extractive")
                assert ended(client, post(client, own))["status"] == "succeeded"
            assert model_server.stats()["calls"] == calls
            assert rows_of(data_dir, id) == written
            with taker.client() as client:
                assert_told_once(client, run)
            assert attempts_of(data_dir)[id] == 2
            assert model_server.stats()["repeats"] <= IN_FLIGHT


def test_a_service_that_is_frozen_for_longer_than_its_lease_again_and_again_ends_all_its_runs(
    tmp_path: Path, model_server: ModelServer
) -> None:
    model_server.latency(0.2)  # so that the work outlasts the last freeze
    settings = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": model_server.base_url, "lease_seconds": 1}
    with Service(tmp_path / "data", chunk_tokens=200, concurrency=4, **settings) as service, service.client() as client:
        ids = [post(client, batch(f"Town{number}", sentences=40)) for number in range(8)]
        for _ in range(4):
            time.sleep(0.3)  # of work
            service.process.send_signal(signal.SIGSTOP)
            time.sleep(1.2)
            service.process.send_signal(signal.SIGCONT)
        assert {ended(client, id)["status"] for id in ids} == {"succeeded"}
    stats = model_server.stats()
    assert stats["finished"] > 8 * 4
    assert stats["repeats"] == 0  # nothing was paid twice
