"""A run that an earlier version began goes on in this one, and one of a later version beside it is left to that."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from app.store.checkpoints import PackingSerializer
from tests.e2e import Json, Service, assert_told_once, batch, ended, events_of, post, result_of
from tests.model_server import ModelServer
from tests.service import wait_until

IN_FLIGHT = 4  # calls
PAID = 9  # before the upgrade
BODY = batch("Ansan", "Busan", sentences=60)


@pytest.fixture
def settings(model_server: ModelServer) -> Iterator[Json]:
    yield {
        "OPENAI_API_KEY": "test",
        "OPENAI_BASE_URL": model_server.base_url,
        "chunk_tokens": 200,
        "concurrency": IN_FLIGHT,
    }
    model_server.release()


def begun_by_an_earlier_version(data_dir: Path, settings: Json, server: ModelServer) -> str:
    """Begin a run, end its process as a power cut would, and make of its checkpoints those of an earlier version."""
    server.hold(after=PAID)
    with Service(data_dir, **settings) as service, service.client() as client:
        id = post(client, BODY)
        server.wait_for(lambda counts: counts["finished"] == PAID and counts["held"] == IN_FLIGHT)
        service.kill()
    server.wait_for(lambda counts: counts["in_flight"] == 0)
    server.release()
    serializer = PackingSerializer()
    with closing(sqlite3.connect(data_dir / "checkpoints.db")) as connection:
        rows = connection.execute("SELECT rowid, type, checkpoint FROM checkpoints").fetchall()
        changed = [changed_plan(serializer.loads_typed((kind, data))) for _, kind, data in rows]
        assert any(changed)
        for (rowid, _, _), (checkpoint, _) in zip(rows, changed, strict=True):
            kind, data = serializer.dumps_typed(checkpoint)
            values = [kind, data, b'{"source": "loop", "step": 1, "parents": {}}', rowid]
            connection.execute("UPDATE checkpoints SET type = ?, checkpoint = ?, metadata = ? WHERE rowid = ?", values)
        connection.commit()
    return id


def changed_plan(checkpoint: Any) -> tuple[Any, bool]:
    """Return a checkpoint with a plan that is not packed, without a field of its steps that was not there yet, and
    whether it had any.
    """
    values = checkpoint["channel_values"]
    if "plan" in values:
        values["plan"] = PackingSerializer().loads_typed(tuple(values["plan"]))
    steps = [*values["plan"]["steps"].values()] if "plan" in values else []
    steps += [step for send in values.get("__pregel_tasks", ()) for step in send.arg["todo"]]
    for step in steps:
        del step["is_numbered"]
    return checkpoint, bool(steps)


def test_a_run_goes_on_from_the_ledger_and_pays_for_nothing_twice(
    settings: Json, tmp_path: Path, model_server: ModelServer
) -> None:
    with Service(tmp_path / "alone", **settings) as service, service.client() as client:
        expected = ended(client, post(client, BODY))
    model_server.reset()
    id = begun_by_an_earlier_version(tmp_path / "data", settings, model_server)
    with Service(tmp_path / "data", **settings) as service, service.client() as client:
        run = ended(client, id)
        assert result_of(run) == result_of(expected)
        assert_told_once(client, run)  # it is planned as it was: nothing is told anew
    stats = model_server.stats()
    assert stats["repeats"] <= IN_FLIGHT  # answers that had not been kept
    assert stats["finished"] == run["progress"]["total"] + stats["repeats"]


def test_a_run_that_is_planned_otherwise_is_told_anew_as_a_whole(
    settings: Json, tmp_path: Path, model_server: ModelServer
) -> None:
    id = begun_by_an_earlier_version(tmp_path / "data", settings, model_server)
    with Service(tmp_path / "data", **settings | {"chunk_tokens": 300}) as service, service.client() as client:
        run = ended(client, id)
        assert run["status"] == "succeeded"
        told = events_of(client, id)
        chunks = client.get(f"/v1/runs/{id}/chunks").json()["chunks"]
    types = [event["type"] for event in told]
    assert [types.count(type) for type in ("queued", "planned", "retried", "finished")] == [1, 2, 1, 1]
    steps = [event["data"] for event in told[types.index("retried") :] if event["type"] == "progress"]
    assert run["progress"]["done"] == run["progress"]["total"] == len(steps)
    assert len(chunks) == sum(document["chunks"] for document in run["documents"])
    for document in run["documents"]:
        spans = sorted((chunk["start"], chunk["end"]) for chunk in chunks if chunk["document"] == document["id"])
        assert spans[-1][1] == document["characters"]
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))


def add_what_is_unknown(data_dir: Path, id: str, column: str) -> None:
    """Make of a column of a run what a later version might have written."""
    with closing(sqlite3.connect(data_dir / "precis.db", timeout=30)) as connection:
        (stored,) = connection.execute(f"SELECT {column} FROM runs WHERE id = ?", [id]).fetchone()
        changed = json.loads(stored) | {"mood": "bright"} | ({"style": "haiku"} if column == "options" else {})
        connection.execute(f"UPDATE runs SET {column} = ? WHERE id = ?", [json.dumps(changed), id])
        connection.commit()


def test_what_a_later_version_has_written_is_shown_as_far_as_it_is_known_and_not_begun(
    settings: Json, tmp_path: Path, model_server: ModelServer
) -> None:
    with Service(tmp_path / "data", runs_at_once=1, **settings) as service, service.client() as client:
        known = ended(client, post(client, batch("Ansan", sentences=20)))
        for column in ("options", "summary", "coverage", "usage"):
            add_what_is_unknown(service.data_dir, known["id"], column)
        model_server.hold()
        first = post(client, batch("Busan", sentences=20))
        model_server.wait_for(lambda counts: counts["held"] > 0)
        theirs = post(client, batch("Chuncheon", sentences=20))
        add_what_is_unknown(service.data_dir, theirs, "options")
        model_server.release()
        wait_until(lambda: f"run {theirs} waits for a later version" in service.log_path.read_text())
        assert client.get(f"/v1/runs/{known['id']}").json() == known
        assert client.get(f"/v1/runs/{theirs}").json()["options"]["style"] == "paragraph"
        assert len(client.get("/v1/runs").json()["runs"]) == 3
        assert ended(client, first)["status"] == "succeeded"
        assert ended(client, post(client, batch("Daegu", sentences=20)))["status"] == "succeeded"  # others go on
        wait_until(lambda: client.get(f"/v1/runs/{theirs}").json()["status"] == "queued")
        assert client.post(f"/v1/runs/{theirs}/cancel").json()["status"] == "cancelled"
    assert "Traceback" not in service.log_path.read_text()
