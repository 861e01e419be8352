"""Fixtures: the model server and the service are real processes."""

import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.model_server import ModelServer
from tests.service import Service

# A shell that runs the tests in the background lets them ignore Ctrl-C, and every process that they start inherits it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that nothing long is left when the other workers have nothing to do."""
    items.sort(key=lambda item: "tests/e2e" not in item.nodeid)


@pytest.fixture(scope="session")
def shared_model_server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture
def model_server(shared_model_server: ModelServer) -> ModelServer:
    """A server that speaks OpenAI's protocol, with its counts at zero, no fault set and no call of an earlier test."""
    shared_model_server.reset()
    shared_model_server.wait_for(lambda counts: counts["in_flight"] == 0)
    shared_model_server.reset()
    return shared_model_server


@pytest.fixture(scope="session")
def shared_service(tmp_path_factory: pytest.TempPathFactory, shared_model_server: ModelServer) -> Iterator[Service]:
    data_dir: Path = tmp_path_factory.mktemp("service") / "data"
    with Service(
        data_dir,
        OPENAI_API_KEY="test",
        OPENAI_BASE_URL=shared_model_server.base_url,
        model="embedded:extractive",
        chunk_tokens=200,
        max_body_bytes=8_000_000,
    ) as service:
        yield service


@pytest.fixture
def client(shared_service: Service, model_server: ModelServer) -> Iterator[httpx.Client]:
    """A client of a running service that most tests share; its default model is the embedded one, `openai:*` goes to `model_server`."""
    with shared_service.client() as client:
        yield client
        # What the test has left under way would ask in the next one.
        model_server.reset()
        for status in ("queued", "running"):
            for run in client.get("/v1/runs", params={"status": status, "limit": 500}).json()["runs"]:
                client.post(f"/v1/runs/{run['id']}/cancel")
