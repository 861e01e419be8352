"""Runs are cancelled and deleted."""

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx

from tests.app import ENGLISH, KOREAN, PROBLEM
from tests.app.runs import get, ids, new_text, post, start
from tests.model_server import ModelServer
from tests.service import Service, wait_until


def test_cancelling_a_running_run_answers_when_it_has_stopped(client: httpx.Client, model_server: ModelServer) -> None:
    model_server.hold(after=2)
    id = start(client, {"text": new_text(6)}, strategy="map_reduce")
    model_server.wait_for(lambda counts: counts["calls"] > 2)
    wait_until(lambda: get(client, id)["progress"]["done"] == 2)
    run = client.post(f"/v1/runs/{id}/cancel").json()
    assert run["status"] == "cancelled"
    assert run["finished_at"]
    assert run["error"] is None
    assert [document["status"] for document in run["documents"]] == ["cancelled"]
    calls = model_server.stats()["calls"]
    model_server.release()
    assert len(client.get(f"/v1/runs/{id}/chunks").json()["chunks"]) == 2
    assert client.get(f"/v1/runs/{id}/wait", params={"seconds": 1}).json() == run
    assert post(client, {"text": new_text()}, model="openai:fake")["status"] == "succeeded"
    assert model_server.stats()["calls"] == calls + 1  # those of the new run alone


def test_cancelling_a_queued_run_ends_it_without_a_call(client: httpx.Client, held: ModelServer) -> None:
    running = [start(client, {"text": new_text()}) for _ in range(8)]  # as many as are driven at once
    wait_until(lambda: {get(client, id)["status"] for id in running} == {"running"})
    held.wait_for(lambda counts: counts["calls"] >= 8)
    queued = start(client, {"text": "This text waits in vain for its turn. " + new_text()})
    assert get(client, queued)["status"] == "queued"
    run = client.post(f"/v1/runs/{queued}/cancel").json()
    assert run["status"] == "cancelled"
    assert run["started_at"] is None
    assert [document["status"] for document in run["documents"]] == ["cancelled"]
    held.release()
    assert {client.get(f"/v1/runs/{id}/wait").json()["status"] for id in running} == {"succeeded"}
    assert not any("waits in vain" in json.dumps(call["messages"]) for call in held.calls())
    assert get(client, queued) == run


def test_cancelling_twice_or_after_the_end_changes_nothing(client: httpx.Client, held: ModelServer) -> None:
    done = post(client, {"text": ENGLISH})
    assert client.post(f"/v1/runs/{done['id']}/cancel").json() == done
    id = start(client, {"text": new_text()})
    held.wait_for(lambda counts: counts["calls"] >= 1)
    with ThreadPoolExecutor() as pool:
        first, second = pool.map(client.post, [f"/v1/runs/{id}/cancel"] * 2)
    assert first.json() == second.json() == get(client, id)
    assert first.json()["status"] == "cancelled"


def rows_of(service: Service, id: str) -> dict[str, int]:
    """How many rows belong to a run, by table; of the ledger, those that its events name."""
    with closing(sqlite3.connect(service.data_dir / "precis.db")) as database:
        keys = "SELECT call_key FROM events WHERE run_id = ?"
        counts = {
            "runs": database.execute("SELECT count(*) FROM runs WHERE id = ?", [id]),
            "documents": database.execute("SELECT count(*) FROM documents WHERE run_id = ?", [id]),
            "events": database.execute("SELECT count(*) FROM events WHERE run_id = ?", [id]),
            "calls": database.execute(f"SELECT count(*) FROM calls WHERE key IN ({keys})", [id]),
        }
        return {table: cursor.fetchone()[0] for table, cursor in counts.items()}


def call_keys(service: Service, id: str) -> set[str]:
    query = "SELECT call_key FROM events WHERE run_id = ? AND call_key IS NOT NULL"
    with closing(sqlite3.connect(service.data_dir / "precis.db")) as database:
        return {key for (key,) in database.execute(query, [id])}


def kept_calls(service: Service, keys: set[str]) -> set[str]:
    with closing(sqlite3.connect(service.data_dir / "precis.db")) as database:
        return keys & {key for (key,) in database.execute("SELECT key FROM calls")}


def test_deleting_a_run_frees_all_of_its_rows(client: httpx.Client, shared_service: Service) -> None:
    id = post(client, {"text": new_text(4)}, {"text": KOREAN + new_text()}, strategy="map_reduce")["id"]
    keys = call_keys(shared_service, id)
    assert len(keys) > 3
    assert all(rows_of(shared_service, id).values())
    assert kept_calls(shared_service, keys) == keys
    response = client.delete(f"/v1/runs/{id}")
    assert response.status_code == 204
    assert response.content == b""
    assert set(rows_of(shared_service, id).values()) == {0}
    assert kept_calls(shared_service, keys) == set()
    with closing(sqlite3.connect(shared_service.data_dir / "checkpoints.db")) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in {"checkpoints", "writes"} & set(tables):
            assert database.execute(f"SELECT count(*) FROM {table} WHERE thread_id = ?", [id]).fetchone() == (0,)
    assert id not in ids(client, limit=500)
    for method, path in [("GET", ""), ("GET", "/wait"), ("GET", "/summary"), ("POST", "/cancel"), ("DELETE", "")]:
        gone = client.request(method, f"/v1/runs/{id}{path}")
        assert gone.status_code == 404
        assert gone.json()["type"] == PROBLEM + "run-not-found"


def calls_paid_by(service: Service, id: str) -> int:
    with closing(sqlite3.connect(service.data_dir / "precis.db")) as database:
        return int(database.execute("SELECT count(*) FROM calls WHERE run_id = ?", [id]).fetchone()[0])


def test_deleting_a_run_takes_along_what_was_paid_for_it_and_is_no_step_of_its_own(
    client: httpx.Client, shared_service: Service, model_server: ModelServer
) -> None:
    # The server answers in English whatever is wanted: each summary is asked for again, and its drafts are kept.
    run = post(client, {"text": new_text(2)}, model="openai:fake", language="ko", verify="llm")
    told = kept_calls(shared_service, call_keys(shared_service, run["id"]))
    answered = model_server.stats()["finished"]
    assert calls_paid_by(shared_service, run["id"]) == run["usage"]["calls"] == answered > len(told)
    assert client.delete(f"/v1/runs/{run['id']}").status_code == 204
    assert calls_paid_by(shared_service, run["id"]) == 0
    assert kept_calls(shared_service, told) == set()


def test_deleting_a_run_keeps_the_calls_that_another_run_uses(client: httpx.Client, shared_service: Service) -> None:
    shared, own = {"text": new_text(2)}, {"text": new_text(2)}
    first = post(client, shared, own, model="openai:fake")["id"]
    second = post(client, shared, model="openai:fake")
    assert second["usage"] == second["usage"] | {"calls": 0, "remembered": 1}
    theirs, both = call_keys(shared_service, second["id"]), call_keys(shared_service, first)
    assert theirs < both
    client.delete(f"/v1/runs/{first}")
    assert kept_calls(shared_service, both) == theirs
    (chunk,) = client.get(f"/v1/runs/{second['id']}/chunks").json()["chunks"]
    assert chunk["text"]
    assert get(client, second["id"]) == second


def test_a_run_under_way_cannot_be_deleted(client: httpx.Client, held: ModelServer, shared_service: Service) -> None:
    id = start(client, {"text": new_text()})
    response = client.delete(f"/v1/runs/{id}")
    assert response.status_code == 409
    assert response.json()["type"] == PROBLEM + "run-is-active"
    assert rows_of(shared_service, id)["documents"] == 1
    client.post(f"/v1/runs/{id}/cancel")
    assert client.delete(f"/v1/runs/{id}").status_code == 204
