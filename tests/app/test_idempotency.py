"""Idempotency-Key: a request that is sent again makes no second run."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

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
