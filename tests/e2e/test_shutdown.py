"""SIGTERM: clients are told, the process ends at once and well, and the next one goes on."""

import json
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.e2e import TOWNS, Service, assert_goes_on, assert_told_once, batch, ended, post
from tests.model_server import ModelServer
from tests.service import wait_until

# Until the process has ended. That it ends in spite of all is proved by the short form, how soon on a calm machine.
in_time = pytest.mark.parametrize("most_seconds", [60.0, pytest.param(5.0, marks=pytest.mark.soak)])
BATCH = batch(*TOWNS, sentences=40)


@pytest.fixture
def service(tmp_path: Path, model_server: ModelServer) -> Iterator[Service]:
    with Service(
        tmp_path / "data",
        OPENAI_API_KEY="test",
        OPENAI_BASE_URL=model_server.base_url,
        chunk_tokens=200,
        concurrency=4,
    ) as service:
        yield service
        model_server.release()


class Watcher(threading.Thread):
    """A client that watches a run until its stream ends."""

    def __init__(self, service: Service, id: str) -> None:
        super().__init__(daemon=True)
        self.lines: list[str] = []
        self.error: Exception | None = None
        self._client = service.client()
        self._path = f"/v1/runs/{id}/stream"

    def run(self) -> None:
        try:
            with self._client, self._client.stream("GET", self._path) as response:
                for line in response.iter_lines():
                    self.lines.append(line)
        except httpx.HTTPError as error:
            self.error = error

    def has_seen(self, steps: int) -> bool:
        told = [json.loads(line.removeprefix("data: ")) for line in self.lines if line.startswith("data: ")]
        return sum(len(data.get("steps", [])) for data in told) == steps

    def types(self) -> list[str]:
        return [line.removeprefix("event: ") for line in self.lines if line.startswith("event: ")]


@in_time
def test_sigterm_tells_the_clients_ends_in_time_and_the_next_start_resumes(
    most_seconds: float, service: Service, model_server: ModelServer
) -> None:
    model_server.hold(after=6)
    answers: list[httpx.Response] = []

    def wait() -> None:
        with service.client() as client:
            answers.append(client.post("/v1/runs", json=BATCH, headers={"Prefer": "wait=60"}))

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    model_server.wait_for(lambda counts: counts["finished"] == 6 and counts["held"] == 4)
    with service.client() as client:
        (head,) = client.get("/v1/runs").json()["runs"]
    watchers = [Watcher(service, head["id"]) for _ in range(3)]
    for watcher in watchers:
        watcher.start()
    for watcher in watchers:
        wait_until(partial(watcher.has_seen, 6))
    started = time.monotonic()
    assert service.terminate() == 0
    assert time.monotonic() - started < most_seconds
    for watcher in watchers:
        watcher.join(60)
        assert watcher.error is None
        assert watcher.types()[-1] == "goodbye"
    waiting.join(60)
    (answer,) = answers
    assert (answer.status_code, answer.json()["status"]) == (202, "running")
    assert "Traceback" not in service.log_path.read_text()

    model_server.release()
    service.start()
    with service.client() as client:
        run = ended(client, head["id"])
        assert run["status"] == "succeeded"
        assert_told_once(client, run)
    assert model_server.stats()["repeats"] == 0


@in_time
def test_an_interrupt_while_a_large_batch_is_planned_ends_it_in_time_too(most_seconds: float, service: Service) -> None:
    body = batch("Ansan", sentences=150_000, model="embedded:extractive")  # seconds of work outside the event loop
    with service.client() as client:
        id = post(client, body)
        wait_until(lambda: client.get(f"/v1/runs/{id}").json()["status"] == "running")
    started = time.monotonic()
    service.process.send_signal(signal.SIGINT)
    service.process.communicate(timeout=60)
    assert service.process.returncode == 0
    assert time.monotonic() - started < most_seconds
    assert "Traceback" not in service.log_path.read_text()


@contextmanager
def write_lock(service: Service) -> Iterator[None]:
    """Another process writes to the database, and does not come to its end."""
    with closing(sqlite3.connect(service.data_dir / "precis.db", isolation_level=None, timeout=30)) as outsider:
        outsider.execute("BEGIN IMMEDIATE")
        yield
        outsider.execute("ROLLBACK")


def begin_run(service: Service, server: ModelServer) -> str:
    """Post a batch and return its id when six of its calls have been answered."""
    server.hold(after=6)
    with service.client() as client:
        id = post(client, BATCH)
        server.wait_for(lambda counts: counts["finished"] == 6 and counts["held"] == 4)
        wait_until(lambda: client.get(f"/v1/runs/{id}").json()["progress"]["done"] == 6)
    return id


@in_time
def test_a_locked_database_does_not_keep_the_process_from_ending_in_time(
    most_seconds: float, service: Service, model_server: ModelServer
) -> None:
    id = begin_run(service, model_server)
    with write_lock(service):
        started = time.monotonic()
        assert service.terminate() == 0
        assert time.monotonic() - started < most_seconds
    assert "the next start goes on" in service.log_path.read_text()
    assert_goes_on(service, model_server, id)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_second_signal_ends_the_process_at_once(
    number: signal.Signals, service: Service, model_server: ModelServer
) -> None:
    id = begin_run(service, model_server)
    with write_lock(service):
        while service.process.poll() is None:  # more than two: equal ones may come as one
            service.process.send_signal(number)
            time.sleep(0.1)
        assert service.process.returncode == 128 + number
    assert "the next start goes on" not in service.log_path.read_text()  # it was not the time that ended it
    service.process.communicate()
    assert_goes_on(service, model_server, id)


def test_a_run_goes_on_when_the_clients_that_wait_and_watch_leave(
    client: httpx.Client, model_server: ModelServer
) -> None:
    model_server.hold(after=3)
    known = {run["id"] for run in client.get("/v1/runs").json()["runs"]}
    with pytest.raises(httpx.ReadTimeout):
        client.post("/v1/runs", json=BATCH, headers={"Prefer": "wait=60"}, timeout=httpx.Timeout(5, read=1))
    model_server.wait_for(lambda counts: counts["finished"] == 3 and counts["held"] > 0)
    (head,) = [run for run in client.get("/v1/runs").json()["runs"] if run["id"] not in known]
    assert head["status"] == "running"
    for _ in range(10):
        with client.stream("GET", f"/v1/runs/{head['id']}/stream") as response:
            next(response.iter_lines())
    model_server.release()
    run = ended(client, head["id"])
    assert run["status"] == "succeeded"
    assert_told_once(client, run)
    stats = model_server.stats()
    assert (stats["cancelled"], stats["repeats"]) == (0, 0)
