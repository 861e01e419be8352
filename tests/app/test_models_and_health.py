"""The models on offer with their limits, and what an operator's probes see."""

from pathlib import Path
from uuid import uuid4

import httpx

from tests.app import ENGLISH, PROBLEM, chapters
from tests.model_server import ModelServer
from tests.service import Service


def test_the_default_model_is_listed_first_with_all_that_may_be_named(client: httpx.Client) -> None:
    models = client.get("/v1/models").json()
    assert [model["name"] for model in models] == ["embedded:extractive", "openai:*"]
    assert [model["is_default"] for model in models] == [True, False]
    assert [model["window_tokens"] for model in models] == [None, None]
    for model in models:
        assert model["gate"]["limit"] >= 1
        assert model["gate"]["paused_seconds"] == 0


def test_the_gate_shows_the_calls_in_flight(client: httpx.Client, model_server: ModelServer) -> None:
    model_server.hold()
    options = {"model": "openai:fake", "strategy": "map_reduce"}
    body = {"documents": [{"text": chapters(6, f"port {uuid4().hex[:8]}")}], "options": options}
    id = client.post("/v1/runs", json=body).json()["id"]
    in_flight = model_server.wait_for(lambda counts: counts["in_flight"] >= 3)["in_flight"]
    embedded, openai = client.get("/v1/models").json()
    assert in_flight <= openai["gate"]["in_flight"] <= openai["gate"]["limit"]
    assert embedded["gate"]["in_flight"] == 0
    model_server.release()
    assert client.get(f"/v1/runs/{id}/wait").json()["status"] == "succeeded"
    assert client.get("/v1/models").json()[1]["gate"]["in_flight"] == 0


def test_the_operator_decides_which_models_may_be_named(tmp_path: Path, model_server: ModelServer) -> None:
    settings = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": model_server.base_url}
    names = ["openai:gpt-4o-mini", "embedded:extractive", "openai:gpt-4.1"]
    with (
        Service(tmp_path / "data", models=",".join(names), concurrency=3, **settings) as service,
        service.client() as client,
    ):
        models = client.get("/v1/models").json()
        assert [model["name"] for model in models] == names
        assert [model["is_default"] for model in models] == [True, False, False]
        assert [model["window_tokens"] for model in models] == [128_000, None, 1_047_576]
        assert {model["gate"]["limit"] for model in models} == {3}
        body = {"documents": [{"text": ENGLISH}], "options": {"model": "openai:fake"}}
        refused = client.post("/v1/runs", json=body)
        assert refused.status_code == 422
        assert refused.json()["type"] == PROBLEM + "unknown-model"
        assert refused.json()["models"] == names


def test_the_service_is_alive_and_ready(client: httpx.Client) -> None:
    for path in ("/healthz", "/readyz"):
        response = client.get(path)
        assert response.status_code == 200
        assert response.json() == {"status": "ok"}


def test_no_answer_tells_which_server_gave_it(client: httpx.Client) -> None:
    for path in ("/healthz", "/nothing", "/docs"):
        assert "server" not in client.get(path).headers
