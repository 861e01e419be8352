"""Idempotency-Key: a request that is sent again makes no second run."""

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import Field

from app.api.schemas import BatchIn
from app.bootstrap import Services
from app.ingest.reader import ReadText
from app.main import create_app
from app.settings import Settings
from graphs.summarize import Options
from tests.service import Service

BATCH: dict[str, Any] = {
    "documents": [{"id": "a", "text": "The harbour was opened in 1923. It took in forty vessels."}],
    "options": {"length": "short"},
}


def post(client: httpx.Client, key: str | None, body: dict[str, Any] | None = None) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key is not None else {}
    return client.post("/v1/runs", json=BATCH if body is None else body, headers=headers)


def age(service: Service, run_id: str, moment: str) -> None:
    with closing(sqlite3.connect(service.data_dir / "precis.db", timeout=30)) as database, database:
        database.execute("UPDATE runs SET created_at = ? WHERE id = ?", (moment, run_id))


def test_the_same_request_again_gives_the_same_run(client: httpx.Client) -> None:
    first = post(client, "again")
    assert first.status_code == 202
    assert "Idempotency-Replayed" not in first.headers
    again = post(client, "again")
    assert again.status_code in (200, 202)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    assert again.json()["id"] == first.json()["id"]


def test_without_a_key_each_request_is_a_run(client: httpx.Client) -> None:
    assert post(client, None).json()["id"] != post(client, None).json()["id"]


@pytest.mark.parametrize(
    "other",
    [
        {**BATCH, "options": {"length": "long"}},
        {**BATCH, "documents": [{"id": "b", "text": BATCH["documents"][0]["text"]}]},
        {**BATCH, "documents": [{"id": "a", "text": "Another text. It has two sentences."}]},
        {**BATCH, "documents": [{**BATCH["documents"][0], "metadata": {"year": 1923}}]},
    ],
)
def test_another_batch_with_the_same_key_is_refused(other: dict[str, Any], client: httpx.Client) -> None:
    key = f"other {hash(str(other))}"
    first = post(client, key)
    refused = post(client, key, other)
    assert refused.status_code == 422
    assert refused.json()["type"] == "urn:precis:problem:idempotency-key-reused"
    assert post(client, key).json()["id"] == first.json()["id"]


def test_how_the_body_was_written_does_not_matter(client: httpx.Client) -> None:
    files = [("files", ("a.txt", BATCH["documents"][0]["text"].encode()))]
    ids = {
        client.post(
            "/v1/runs",
            files=files,
            data={"options": '{"length":   "short"}'},
            headers={"Idempotency-Key": "boundary"},
        ).json()["id"]
        for _ in range(2)  # each with a boundary of its own
    }
    assert len(ids) == 1


def test_a_hundred_at_once_make_one_run(client: httpx.Client) -> None:
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: post(client, "hundred"), range(100)))
    assert {answer.status_code for answer in answers} <= {200, 202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1


def test_a_request_that_was_refused_leaves_its_key_free(client: httpx.Client) -> None:
    assert post(client, "refused", {"documents": []}).status_code == 422
    assert post(client, "refused").status_code == 202


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_must_have_a_length(key: str, client: httpx.Client) -> None:
    refused = post(client, key)
    assert refused.status_code == 422
    assert refused.headers["Content-Type"] == "application/problem+json"


def test_a_deleted_run_frees_its_key(client: httpx.Client) -> None:
    first = post(client, "deleted").json()["id"]
    client.get(f"/v1/runs/{first}/wait")
    assert client.delete(f"/v1/runs/{first}").status_code == 204
    assert post(client, "deleted").json()["id"] != first


def test_a_key_counts_for_a_day(client: httpx.Client, shared_service: Service) -> None:
    first = post(client, "day").json()["id"]
    client.get(f"/v1/runs/{first}/wait")
    age(shared_service, first, "2020-01-01 00:00:00.000000")
    second = post(client, "day").json()["id"]
    assert second != first
    assert post(client, "day").json()["id"] == second


def test_a_key_survives_kill_and_restart(tmp_path: Path) -> None:
    with Service(tmp_path / "data") as service:
        with service.client() as client:
            first = post(client, "restart").json()["id"]
        service.kill()
        service.start()
        with service.client() as client:
            again = post(client, "restart")
    assert again.json()["id"] == first
    assert again.headers["Idempotency-Replayed"] == "true"


class LaterOptions(Options):
    """Those of a later version, which has one more."""

    mood: str = "plain"


class LaterBatchIn(BatchIn):
    options: LaterOptions = Field(default_factory=LaterOptions)


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[FastAPI]:
    app = create_app(Settings(_env_file=None, data_dir=tmp_path, model="embedded:extractive"))
    async with app.router.lifespan_context(app):
        yield app


Ask = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
async def ask(app: FastAPI) -> AsyncIterator[Ask]:
    """Send the batch with the key `k`, as JSON or as a file, with these options."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:

        async def ask(form: str, text: str = str(BATCH["documents"][0]["text"]), **options: Any) -> httpx.Response:
            headers = {"Idempotency-Key": "k"}
            if form == "json":
                body = {"documents": [{"text": text}], "options": options}
                return await client.post("/v1/runs", json=body, headers=headers)
            files = [("files", ("a.txt", text.encode()))]
            return await client.post("/v1/runs", files=files, data={"options": json.dumps(options)}, headers=headers)

        yield ask


def upgrade(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process know one option more."""
    monkeypatch.setattr("app.api.batch.BatchIn", LaterBatchIn)
    monkeypatch.setattr("app.api.batch.Options", LaterOptions)


FOCUS = '배 안의 "harbour"'
forms = pytest.mark.parametrize("form", ["json", "file"])


@forms
async def test_a_request_is_the_same_to_a_version_that_knows_more_options(
    form: str, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await ask(form, length="short")
    assert "Idempotency-Replayed" not in first.headers
    upgrade(monkeypatch)
    again = await ask(form, length="short")
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["Idempotency-Replayed"] == "true"
    for others in ({"length": "short", "mood": "bright"}, {"length": "long"}, {}):
        assert (await ask(form, **others)).status_code == 422
    assert (await ask(form, "Another text.", length="short")).status_code == 422


async def test_a_request_is_the_same_where_files_are_read_otherwise_and_another_model_is_the_default(
    app: FastAPI, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await ask("file")
    assert first.status_code == 202, first.text
    services: Services = app.state.services
    monkeypatch.setattr(services.settings, "model", "openai:another")
    monkeypatch.setattr(services.settings, "models", "openai:*")

    async def read(name: str, data: bytes) -> ReadText:
        return ReadText("What a later version reads from it.", "text", title="And how it calls it")

    monkeypatch.setattr(services.reader, "read", read)
    assert (await ask("file")).json()["id"] == first.json()["id"]
    assert (await ask("file", "Another text.")).status_code == 422


def noted_by_an_earlier_version(service: Services, id: str, file: dict[str, str], options: dict[str, Any]) -> None:
    """Give a run the fingerprint that versions before had: all options, then each document as it was read."""
    head = json.dumps([file["id"], file["title"], {}, len(file["text"])], sort_keys=True)
    told = json.dumps(options, separators=(",", ":"), ensure_ascii=False) + head + file["text"]
    assert service.database.path is not None
    with closing(sqlite3.connect(service.database.path, timeout=30)) as database, database:
        digest = hashlib.sha256(told.encode()).hexdigest()
        database.execute("UPDATE runs SET request_digest = ? WHERE id = ?", [digest, id])


@forms
async def test_a_key_that_an_earlier_version_has_noted_counts_as_it_did(
    form: str, app: FastAPI, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = (await ask(form, length="short", focus=FOCUS)).json()
    name = "1" if form == "json" else "a.txt"
    file = {"id": name, "title": name, "text": str(BATCH["documents"][0]["text"])}
    # In a thread: the service, whose loop this is, may hold the lock.
    await asyncio.to_thread(noted_by_an_earlier_version, app.state.services, first["id"], file, first["options"])
    upgrade(monkeypatch)
    again = await ask(form, length="short", focus=FOCUS)
    assert again.json()["id"] == first["id"]
    assert again.headers["Idempotency-Replayed"] == "true"
    for others in ({"mood": "bright"}, {"length": "long"}):
        changed = {"length": "short", "focus": FOCUS} | others
        assert (await ask(form, **changed)).status_code == 422
    assert (await ask(form, "Another text.", length="short", focus=FOCUS)).status_code == 422
