"""What nobody expects to go wrong: it stops one thing and not all, is told, and leaves nothing behind."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.exc import OperationalError

from app.bootstrap import Services
from app.main import create_app
from app.settings import Settings
from app.store import runs
from app.store.checkpoints import Checkpoints, threads_of
from app.store.models import EventRow, Run, Status, new_id, now
from app.work import executor, worker
from graphs.models import EMBEDDED
from tests.app import ENGLISH, PROBLEM, WAIT

Json = dict[str, Any]
BODY = {"documents": [{"text": ENGLISH}]}


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[FastAPI]:
    app = create_app(Settings(_env_file=None, data_dir=tmp_path, lease_seconds=3_600))  # nobody is taken for gone
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
def services(app: FastAPI) -> Services:
    found: Services = app.state.services
    return found


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=None) as client:
        yield client


async def assert_runs_are_driven(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/runs", json=BODY, headers=WAIT)
    assert answer.json()["status"] == "succeeded"


async def until(is_so: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not is_so():  # noqa: ASYNC110  # of what sets no event
            await asyncio.sleep(0.02)


async def held_elsewhere(services: Services, id: str, worker_id: str) -> None:
    async with services.database.begin() as session:
        session.add(
            Run(
                id=id,
                status=Status.RUNNING,
                options={"model": EMBEDDED},
                created_at=now(),
                attempt=1,
                worker=worker_id,
                lease_until=1.0,
                documents=0,
            )
        )


async def test_the_worker_goes_on_after_whatever_error(
    services: Services, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1
        raise RuntimeError("nobody has thought of this")

    with monkeypatch.context() as broken:
        broken.setattr(services.worker.housekeeping, "look", look)
        services.worker.wake()
        await until(lambda: looks > 0)
    await assert_runs_are_driven(client)
    assert "nobody has thought of this" in caplog.text  # with its trace
    assert (await client.get("/readyz")).status_code == 200


async def test_a_worker_whose_sign_of_life_cannot_be_read_holds_up_no_other_run(
    services: Services, client: httpx.AsyncClient
) -> None:
    (services.settings.data_dir / "workers" / "elsewhere.lock").mkdir()
    await held_elsewhere(services, new_id(), "elsewhere")
    await assert_runs_are_driven(client)


async def test_readiness_tells_that_the_worker_has_stopped_looking(
    services: Services, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking, going_on = asyncio.Event(), asyncio.Event()

    async def look_for_ever() -> None:
        looking.set()
        await going_on.wait()

    assert (await client.get("/readyz")).status_code == 200
    with monkeypatch.context() as broken:
        broken.setattr(services.worker, "_look", look_for_ever)
        broken.setattr(worker, "SILENT_SECONDS", 0.0)
        services.worker.wake()
        await looking.wait()
        answer = await client.get("/readyz")
        going_on.set()
    assert (answer.status_code, answer.json()["type"]) == (503, PROBLEM + "worker-gone")
    await assert_runs_are_driven(client)
    assert (await client.get("/readyz")).status_code == 200


async def test_a_run_that_cannot_be_ended_is_not_taken_up_again_at_once(
    services: Services, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Else nothing would be done but that."""
    monkeypatch.setattr(worker, "AGAIN_SECONDS", 3_600.0)
    id = new_id()
    async with services.database.begin() as session:
        run = Run(id=id, status=Status.QUEUED, options={}, created_at=now(), attempt=0, documents=0)
        session.add(run)
        await session.flush()
        # What no version has written: neither the run's progress nor its end can be told behind it.
        session.add(EventRow(run_id=id, seq=1, type="progress", at=now(), step="0", call_key=None, data={}))
    services.worker.wake()
    await until(lambda: "could not be ended" in caplog.text)
    await assert_runs_are_driven(client)
    async with services.database.read() as session:
        found = await session.get(Run, id)
    assert found is not None
    assert found.attempt == 1


async def test_a_client_that_has_left_is_not_waited_with(app: FastAPI, services: Services) -> None:
    id = new_id()
    await held_elsewhere(services, id, "elsewhere")
    sent: list[Json] = []
    asked = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Json:
        return next(asked, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": f"/v1/runs/{id}/wait", "query_string": b"seconds=3600"}
    scope |= {"http_version": "1.1", "scheme": "http", "root_path": "", "headers": [], "server": ("test", 80)}
    async with asyncio.timeout(30):
        await app(scope, receive, send)
    assert json.loads(sent[-1]["body"])["status"] == "running"
    assert services.notifier.waited_for == 0


async def test_a_cancelled_run_leaves_no_checkpoint_that_was_still_on_its_way(
    services: Services, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    telling, putting = asyncio.Event(), asyncio.Event()
    put = Checkpoints.aput

    async def tell(*_: object) -> None:
        telling.set()
        await asyncio.Event().wait()

    async def put_later(self: Checkpoints, *given: Any) -> Any:
        await putting.wait()
        return await put(self, *given)

    monkeypatch.setattr(executor, "_tell_plan", tell)
    monkeypatch.setattr(Checkpoints, "aput", put_later)
    id = (await client.post("/v1/runs", json=BODY)).json()["id"]
    async with asyncio.timeout(30):
        await telling.wait()
        cancelling = asyncio.create_task(client.post(f"/v1/runs/{id}/cancel"))
        await asyncio.wait([cancelling], timeout=1)  # long enough for a run that does not wait for its checkpoints
        putting.set()
        assert (await cancelling).json()["status"] == "cancelled"
    await until(lambda: not services.worker.drives(id))
    assert await threads_of(services.resources.checkpoints) == []


async def test_locked_checkpoints_are_no_internal_error(services: Services, client: httpx.AsyncClient) -> None:
    run = (await client.post("/v1/runs", json={"documents": [{"text": ENGLISH}, {"text": " "}]}, headers=WAIT)).json()
    assert run["status"] == "partial"
    checkpoints: Any = services.resources.checkpoints
    await checkpoints.conn.execute("PRAGMA busy_timeout = 0")
    path = services.settings.data_dir / "checkpoints.db"
    await until(lambda: not services.worker.drives(run["id"]))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        refused = await client.post(f"/v1/runs/{run['id']}/retry")
        assert (refused.status_code, refused.json()["type"]) == (503, PROBLEM + "storage-unavailable")
        assert (await client.get(f"/v1/runs/{run['id']}")).json() == run  # it was not queued
        assert (await client.delete(f"/v1/runs/{run['id']}")).status_code == 204  # they are swept later
    assert (await client.get(f"/v1/runs/{run['id']}")).status_code == 404


async def test_a_stream_ends_in_order_when_the_database_does_not_answer(
    services: Services, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def locked(*_: object) -> bool:
        raise OperationalError("SELECT", {}, Exception("database is locked"))

    id = new_id()
    await held_elsewhere(services, id, "elsewhere")
    monkeypatch.setattr(runs, "has_ended", locked)
    answer = await client.get(f"/v1/runs/{id}/stream")
    assert (answer.status_code, answer.text) == (200, "retry: 1000\n\n")  # the client comes back
    assert "breaks off" in caplog.text


async def test_a_run_that_is_cancelled_before_it_begins_is_taken_up_again(
    services: Services, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_task, cancelled = asyncio.create_task, list[str]()

    def cancel_first(work: Any, *, name: str | None = None, **more: Any) -> asyncio.Task[Any]:
        task = create_task(work, name=name, **more)
        if name and name.startswith("run ") and not cancelled:
            cancelled.append(name)
            task.cancel()
        return task

    monkeypatch.setattr(asyncio, "create_task", cancel_first)
    await assert_runs_are_driven(client)
    assert len(cancelled) == 1
