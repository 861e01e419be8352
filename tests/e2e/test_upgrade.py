"""A run that an earlier version began goes on in this one: from the ledger, whatever its checkpoints hold."""

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
    """Return a checkpoint without a field of its steps that was not there yet, and whether it had any."""
    values = checkpoint["channel_values"]
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
