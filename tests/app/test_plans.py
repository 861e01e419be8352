"""A plan says what a run of the same body will do, and does nothing."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.app import ENGLISH, KOREAN, PROBLEM, WAIT, chapters, write_pdf
from tests.model_server import ModelServer

Json = dict[str, Any]


def plan_of(client: httpx.Client, body: Json) -> Json:
    response = client.post("/v1/plans", json=body)
    assert response.status_code == 200, response.text
    plan: Json = response.json()
    return plan


@pytest.mark.parametrize("model", ["embedded:extractive", "openai:fake"])
@pytest.mark.parametrize("strategy", ["auto", "map_reduce"])
def test_a_plan_promises_the_calls_that_the_run_then_makes(client: httpx.Client, model: str, strategy: str) -> None:
    text = chapters(8, f"port {uuid4().hex[:8]}")
    documents = [{"id": "a", "title": "Ships", "text": text}, {"id": "b", "text": KOREAN}]
    body = {"documents": documents, "options": {"model": model, "strategy": strategy}}
    plan = plan_of(client, body)
    run = client.post("/v1/runs", json=body, headers=WAIT).json()
    assert run["status"] == "succeeded"
    assert plan["model"] == model
    assert plan["calls"] == plan["maps"] + plan["merges"] == run["progress"]["total"] - plan["verbatim"]
    asked = run["usage"]["calls"] + run["usage"]["remembered"]
    assert plan["calls"] <= asked <= plan["calls"] + plan["extra_calls"]
    assert run["usage"]["prompt_tokens"] <= plan["prompt_tokens"]
    assert run["usage"]["completion_tokens"] <= plan["completion_tokens"]
    assert (plan["prompt_tokens"] > 0) == (model != "embedded:extractive")
    assert 2 <= plan["depth"] <= plan["calls"]
    assert plan["sections"] >= 1
    same = ("id", "title", "language", "chunks")
    assert [{name: document[name] for name in same} for document in plan["documents"]] == [
        {name: document[name] for name in same} for document in run["documents"]
    ]
    assert sum(document["chunks"] for document in plan["documents"]) == plan["maps"]
    assert sum(document["characters"] for document in plan["documents"]) == run["coverage"]["characters"]


def test_a_plan_asks_no_model_and_stores_nothing(client: httpx.Client, model_server: ModelServer) -> None:
    before = client.get("/v1/runs", params={"limit": 500}).json()
    plan = plan_of(client, {"documents": [{"text": chapters(8, "Jeju")}], "options": {"model": "openai:fake"}})
    assert plan["calls"] > 1
    assert model_server.stats()["calls"] == 0
    assert client.get("/v1/runs", params={"limit": 500}).json() == before


def test_a_plan_says_what_its_calls_cost_at_most(client: httpx.Client) -> None:
    def most_usd(model: str) -> Any:
        return plan_of(client, {"documents": [{"text": chapters(8, "Jeju")}], "options": {"model": model}})["most_usd"]

    plan = plan_of(client, {"documents": [{"text": chapters(8, "Jeju")}], "options": {"model": "openai:gpt-4o-mini"}})
    assert plan["most_usd"] == pytest.approx((plan["prompt_tokens"] * 0.15 + plan["completion_tokens"] * 0.6) / 1e6)
    assert plan["most_usd"] > 0
    assert most_usd("openai:gpt-4o-mini-2024-07-18") == plan["most_usd"]
    assert most_usd("openai:nobody-knows") is None
    assert most_usd("embedded:extractive") == 0


def test_a_plan_of_a_batch_without_options_takes_the_default_model(client: httpx.Client) -> None:
    plan = plan_of(client, {"documents": [{"text": ENGLISH}]})
    (document,) = plan["documents"]
    assert plan["model"] == "embedded:extractive"
    assert (plan["calls"], plan["maps"], plan["merges"], plan["depth"]) == (1, 1, 0, 1)
    assert document["characters"] == len(ENGLISH)
    assert document["words"] == len(ENGLISH.split())
    assert document["language"] == "en"
    assert document["error"] is None


def test_uploaded_files_are_planned_and_those_that_cannot_be_read_are_named(client: httpx.Client) -> None:
    files = {"a.txt": ENGLISH.encode(), "b.pdf": b"no PDF", "c.pdf": write_pdf([ENGLISH.replace(". ", ".\n")])}
    parts = [("files", file) for file in files.items()]
    response = client.post("/v1/plans", files=parts, data={"options": '{"scope": "document"}'})
    assert response.status_code == 200
    plan = response.json()
    errors = {document["id"]: document["error"] and document["error"]["type"] for document in plan["documents"]}
    assert errors == {"a.txt": None, "b.pdf": PROBLEM + "broken-pdf", "c.pdf": None}
    assert plan["merges"] == 0


def test_documents_are_planned_in_the_callers_order(client: httpx.Client) -> None:
    texts = {"a": " ", "b": ENGLISH, "c": "\x00", "d": KOREAN}
    plan = plan_of(client, {"documents": [{"id": id, "text": text} for id, text in texts.items()]})
    assert [document["id"] for document in plan["documents"]] == list(texts)


def test_a_document_that_does_not_fit_one_call_makes_the_plan_impossible(client: httpx.Client) -> None:
    options = {"model": "openai:fake", "strategy": "single"}  # an unknown model is taken to have a small window
    body = {"documents": [{"title": "The book of ships", "text": chapters(80, "Gunsan")}], "options": options}
    response = client.post("/v1/plans", json=body)
    assert response.status_code == 422
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["type"] == PROBLEM + "plan-impossible"
    assert "The book of ships" in response.json()["detail"]
    run = client.post("/v1/runs", json=body, headers=WAIT).json()
    assert run["status"] == "failed"
    assert run["error"]["type"] == PROBLEM + "plan-impossible"


@pytest.mark.parametrize(
    ("body", "type"),
    [
        ({"documents": []}, "empty-batch"),
        ({"documents": [{"text": " "}]}, "empty-document"),
        ({"documents": [{"text": "a"}], "colour": "red"}, "invalid-fields"),
        ({"documents": [{"text": "a"}], "options": {"model": "nobody:model"}}, "unknown-model"),
        ({"documents": [{"id": "a", "text": "a"}, {"id": "a", "text": "b"}]}, "duplicate-document-id"),
    ],
)
def test_what_no_run_accepts_has_no_plan(client: httpx.Client, body: Json, type: str) -> None:
    response = client.post("/v1/plans", json=body)
    assert response.status_code == 422
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["type"] == PROBLEM + type
