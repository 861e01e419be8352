"""Runs as tests post them and look at them."""

from typing import Any
from uuid import uuid4

import httpx

from tests.app import WAIT, chapters
from tests.service import accepted

Json = dict[str, Any]


def post(client: httpx.Client, *documents: Json, **options: Any) -> Json:
    response = client.post("/v1/runs", json={"documents": documents, "options": options}, headers=WAIT)
    assert response.status_code == 200, response.text
    run: Json = response.json()
    return run


def start(client: httpx.Client, *documents: Json, **options: Any) -> str:
    """Post a batch for the model server and return the run's id."""
    body = {"documents": documents, "options": {"model": "openai:fake"} | options}
    return accepted(client.post("/v1/runs", json=body))


def get(client: httpx.Client, id: str) -> Json:
    run: Json = client.get(f"/v1/runs/{id}").json()
    return run


def new_text(chunks: int = 1) -> str:
    """A text that the ledger has not seen."""
    return chapters(chunks, f"port {uuid4().hex[:8]}")


def ids(client: httpx.Client, **query: Any) -> list[str]:
    return [run["id"] for run in client.get("/v1/runs", params=query).json()["runs"]]
