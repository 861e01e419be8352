"""Two things at once that each are proved alone elsewhere: neither spoils the other."""

import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPResponse
from pathlib import Path

import httpx
import pytest

from tests.e2e import Json, Service, assert_goes_on, assert_told_once, batch, ended, events_of, post
from tests.e2e.test_backup import precis
from tests.e2e.test_clock import HOUR, set_clock
from tests.e2e.test_stalled import ask
from tests.model_server import ModelServer
from tests.service import accepted, wait_until

__all__ = ["set_clock"]  # a fixture
EMBEDDED = "embedded:extractive"
PAUSE_SECONDS = 2.0


@pytest.fixture
def service(tmp_path: Path, model_server: ModelServer) -> Iterator[Service]:
    settings = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": model_server.base_url}
    service = Service(tmp_path / "data", chunk_tokens=200, concurrency=4, runs_at_once=1, **settings)
    with service:
        yield service
        model_server.release()


@pytest.mark.parametrize("hours", [1, -1])
def test_a_pause_that_the_provider_asks_for_is_kept_when_the_clock_is_moved_meanwhile(
    hours: int, set_clock: Callable[[int], None], tmp_path: Path, model_server: ModelServer
) -> None:
    model_server.fault("429", retry_after=PAUSE_SECONDS)
    settings = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": model_server.base_url, "concurrency": 1}
    with Service(tmp_path / "data", chunk_tokens=200, **settings) as service, service.client() as client:
        id = post(client, batch("Ansan", sentences=20))
        model_server.wait_for(lambda counts: counts["by_fault"].get("429") == 1)
        set_clock(hours * HOUR)
        run = ended(client, id)  # neither an hour late, nor early
        assert run["status"] == "succeeded"
        assert_told_once(client, run)
    refused, following = model_server.calls()[:2]
    assert following["at"] - refused["answered_at"] >= PAUSE_SECONDS


def test_a_backup_made_while_runs_are_deleted_holds_each_run_whole_or_not_at_all(
    service: Service, tmp_path: Path
) -> None:
    with service.client() as client:
        ids = [
            ended(client, post(client, batch(f"Town{number}", sentences=20, model=EMBEDDED)))["id"]
            for number in range(12)
        ]
        began = threading.Event()

        def delete() -> None:
            for number, id in enumerate(ids):
                client.delete(f"/v1/runs/{id}").raise_for_status()
                if number == 2:
                    began.set()

        deleting = threading.Thread(target=delete)
        deleting.start()
        began.wait(60)
        done = precis(service.data_dir, "backup", tmp_path / "copy.db")
        deleting.join()
        assert done.returncode == 0, done.stderr
        assert client.get("/v1/runs").json()["runs"] == []
    with closing(sqlite3.connect(tmp_path / "copy.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        kept = [row[0] for row in connection.execute("SELECT id FROM runs ORDER BY id")]
        whole = """
            SELECT count(*) FROM documents JOIN texts USING (run_id, position)
            WHERE text != '' AND summary IS NOT NULL
        """
        assert connection.execute(whole).fetchone() == (len(kept),)
        assert connection.execute("SELECT count(*) FROM events WHERE type = 'finished'").fetchone() == (len(kept),)
        used = "SELECT count(*) FROM events WHERE call_key IS NOT NULL AND call_key NOT IN (SELECT key FROM calls)"
        assert connection.execute(used).fetchone() == (0,)
    assert kept == ids[len(ids) - len(kept) :]  # those that were not deleted yet, of which three were


def test_a_queued_run_that_is_cancelled_while_the_service_stops_is_cancelled_or_told_not_to_be(
    service: Service, model_server: ModelServer
) -> None:
    model_server.hold()
    with service.client() as client:
        first = post(client, batch("Ansan", sentences=20))
        model_server.wait_for(lambda counts: counts["held"] > 0)
        queued = [post(client, batch(f"Town{number}", sentences=20)) for number in range(8)]
    answers: dict[str, int] = {}

    def cancel(id: str) -> None:
        try:
            with service.client() as client:
                answers[id] = client.post(f"/v1/runs/{id}/cancel").status_code
        except httpx.TransportError:  # too late: nobody listens any more
            pass

    cancelling = [threading.Thread(target=cancel, args=[id]) for id in queued]
    for number, thread in enumerate(cancelling):
        thread.start()
        if number == len(cancelling) // 2:
            service.process.send_signal(signal.SIGTERM)
    for thread in cancelling:
        thread.join()
    service.process.communicate(timeout=60)
    assert service.process.returncode == 0
    model_server.release()
    service.start()
    with service.client() as client:
        assert ended(client, first)["status"] == "succeeded"
        for id in queued:
            run = ended(client, id)
            assert (
                run["status"] == "cancelled" if answers.get(id) == 200 else run["status"] in ("cancelled", "succeeded")
            )
            assert [event["type"] for event in events_of(client, id)].count("finished") == 1
    assert "Traceback" not in service.log_path.read_text()


def test_twins_of_one_key_on_both_sides_of_a_kill_are_one_run(service: Service, model_server: ModelServer) -> None:
    model_server.hold()
    body = batch("Ansan", "Busan", sentences=40)
    ids: set[str] = set()

    def send() -> None:
        try:
            with service.client() as client:
                ids.add(accepted(client.post("/v1/runs", json=body, headers={"Idempotency-Key": "twins"})))
        except httpx.TransportError:  # killed before it could answer
            pass

    twins = [threading.Thread(target=send) for _ in range(6)]
    for twin in twins:
        twin.start()
    wait_until(lambda: ids)
    service.kill()
    for twin in twins:
        twin.join()
    model_server.release()
    service.start()
    send()
    assert len(ids) == 1
    with service.client() as client:
        (run,) = client.get("/v1/runs").json()["runs"]
        assert ended(client, run["id"])["status"] == "succeeded"


def test_a_retry_of_a_run_that_goes_on_leaves_what_it_needs_to_go_on(
    service: Service, model_server: ModelServer
) -> None:
    model_server.hold(after=3)
    with service.client() as client:
        id = post(client, batch("Ansan", "Busan", sentences=40))
        wait_until(lambda: client.get(f"/v1/runs/{id}").json()["progress"]["done"] == 3)
        for _ in range(3):
            assert client.post(f"/v1/runs/{id}/retry").status_code == 409
        service.kill()
    model_server.wait_for(lambda counts: counts["in_flight"] == 0)
    assert_goes_on(service, model_server, id)


def test_a_stream_whose_run_is_deleted_while_it_is_read_ends_and_is_not_found_again(service: Service) -> None:
    port = int(service.base_url.rpartition(":")[2])
    with service.client() as client:
        id = post(client, batch("Ansan", sentences=3_000, model=EMBEDDED))
        whole: Json = ended(client, id)
        assert whole["status"] == "succeeded"
        path = f"/v1/runs/{id}/stream"
        size = len(client.get(path).content)
        with closing(ask(port, path)) as connection:  # which takes little of it as long as it is not read
            with HTTPResponse(connection.sock) as response:
                response.begin()
                began = response.read(1_000)
                assert client.delete(f"/v1/runs/{id}").status_code == 204
                rest = response.read()
        assert len(began) == 1_000
        assert len(rest) + len(began) < size  # what was not sent yet is gone
        assert client.get(path).status_code == 404
    assert "Traceback" not in service.log_path.read_text()
