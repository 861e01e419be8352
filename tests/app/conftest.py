"""Databases to look into, and a model server that answers nothing until it is told to."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.store.database import Database
from app.store.migrate import migrate
from tests.app.runs import ids
from tests.model_server import ModelServer
from tests.service import Service


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """A migrated database of the test's own."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'precis.db'}"
    migrate(url)
    database = Database(url)
    yield database
    await database.close()


@pytest.fixture
def nothing_is_stored(client: httpx.Client, shared_service: Service) -> Iterator[None]:
    """The test must leave the runs, and the rows of the documents, as they were."""

    def stored() -> tuple[Any, int]:
        listed = [run["id"] for run in client.get("/v1/runs", params={"limit": 20}).json()["runs"]]
        with closing(sqlite3.connect(shared_service.data_dir / "precis.db")) as database:
            (rows,) = database.execute(
                "SELECT (SELECT count(*) FROM runs) + (SELECT count(*) FROM documents)"
            ).fetchone()
        return listed, rows

    before = stored()
    yield
    assert stored() == before
    assert client.get("/readyz").status_code == 200


@pytest.fixture
def held(client: httpx.Client, model_server: ModelServer) -> Iterator[ModelServer]:
    """The model server, which answers nothing until it is told to; runs that still wait are cancelled at the end."""
    model_server.hold()
    yield model_server
    for status in ("queued", "running"):
        for id in ids(client, status=status, limit=500):
            client.post(f"/v1/runs/{id}/cancel")
