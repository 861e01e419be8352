"""A run that ended without success is tried again, and pays only for what is missing."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.app import PROBLEM, WAIT, chapters
from tests.app.test_stream import watch
from tests.model_server import ModelServer
from tests.service import accepted, wait_until

Json = dict[str, Any]

MAP_REDUCE = {"model": "openai:fake", "strategy": "map_reduce"}


def start(client: httpx.Client, *texts: str, **options: Any) -> str:
    documents = [{"text": text} for text in texts]
    return accepted(client.post("/v1/runs", json={"documents": documents, "options": MAP_REDUCE | options}))


def ended(client: httpx.Client, id: str) -> Json:
    run: Json = client.get(f"/v1/runs/{id}/wait").json()
    return run


def retry(client: httpx.Client, id: str, **changes: Any) -> Json:
    """Try a run again and return it when it has ended."""
    answer = client.post(f"/v1/runs/{id}/retry", json=changes) if changes else client.post(f"/v1/runs/{id}/retry")
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/v1/runs/{id}"
    shown = answer.json()
    if shown["status"] in ("queued", "running"):  # else it has ended by now
        assert shown["error"] is shown["finished_at"] is None
    return ended(client, id)


def new_text(chunks: int = 6) -> str:
    """A text that the ledger has not seen."""
    return chapters(chunks, f"port {uuid4().hex[:8]}")


def problem(answer: httpx.Response, status: int, name: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == PROBLEM + name


def assert_tells_of_tries(client: httpx.Client, run: Json, tries: list[str]) -> None:
    """Assert that the stream tells of each try whole, in order, and of one end."""
    told = watch(client, run["id"])
    ids = [event.id for event in told if event.id is not None]
    assert ids == sorted(set(ids))
    types = [event.type for event in told]
    assert (types.count("finished"), types[-1]) == (1, "finished")
    assert types.count("ended") == types.count("retried") == len(tries) - 1
    assert [event.data["status"] for event in told if event.type in ("ended", "finished")] == tries
    behind = types[::-1].index("retried")
    done = [event.data["progress"]["done"] for event in told[-behind:] if event.type == "progress"]
    assert done == sorted(done)  # of those that follow each other fast, only the newest is told
    assert run["progress"]["done"] == run["progress"]["total"]


def test_a_failed_run_pays_only_for_what_is_missing(client: httpx.Client, model_server: ModelServer) -> None:
    model_server.hold(after=3)
    id = start(client, new_text())
    wait_until(lambda: client.get(f"/v1/runs/{id}").json()["progress"]["done"] == 3)
    under_way = model_server.wait_for(lambda counts: counts["held"] > 0)["in_flight"]
    model_server.fault("401", times=-1)
    model_server.release()
    failed = ended(client, id)
    assert failed["error"]["type"] == PROBLEM + "model-stopped"
    paid = model_server.stats()["finished"]
    assert paid >= 3
    model_server.clear_faults()
    run = retry(client, id)
    assert (run["status"], run["error"]) == ("succeeded", None)
    assert run["summary"]["text"]
    stats = model_server.stats()
    # Calls that were under way when the run stopped were hung up on, whether the server had answered them or not.
    assert stats["repeats"] <= under_way
    assert stats["finished"] - stats["repeats"] == run["progress"]["total"]
    # Also an answer that came when the run was about to stop, and that no step told of, was paid for this run.
    assert 3 <= failed["usage"]["calls"] <= paid
    assert run["usage"]["calls"] == run["progress"]["total"]
    assert_tells_of_tries(client, run, ["failed", "succeeded"])


def test_a_cancelled_run_goes_on_where_it_stood(client: httpx.Client, model_server: ModelServer) -> None:
    model_server.hold(after=3)
    id = start(client, new_text())
    wait_until(lambda: client.get(f"/v1/runs/{id}").json()["progress"]["done"] == 3)
    assert client.post(f"/v1/runs/{id}/cancel").json()["status"] == "cancelled"
    model_server.release()
    run = retry(client, id)
    assert run["status"] == "succeeded"
    assert model_server.stats()["finished"] == run["progress"]["total"]
    assert {document["status"] for document in run["documents"]} == {"succeeded"}
    assert_tells_of_tries(client, run, ["cancelled", "succeeded"])
    chunks = client.get(f"/v1/runs/{id}/chunks").json()["chunks"]
    assert len(chunks) == run["documents"][0]["chunks"] == len({chunk["start"] for chunk in chunks})


def test_a_partial_run_keeps_its_summary_until_there_is_a_better_one(
    client: httpx.Client, model_server: ModelServer
) -> None:
    model_server.fault("content_filter", times=-1, match="Chapter 2 of")
    id = start(client, new_text(), min_coverage=0.1)
    partial = ended(client, id)
    assert (partial["status"], partial["documents"][0]["failed_chunks"]) == ("partial", 1)
    model_server.clear_faults()
    before = model_server.stats()["finished"]
    model_server.hold()
    assert client.post(f"/v1/runs/{id}/retry").status_code == 202
    model_server.wait_for(lambda counts: counts["held"] > 0)
    waiting = client.get(f"/v1/runs/{id}").json()
    assert waiting["status"] == "running"
    assert waiting["summary"] == partial["summary"]
    model_server.release()
    run = ended(client, id)
    assert (run["status"], run["documents"][0]["failed_chunks"]) == ("succeeded", 0)
    assert run["coverage"]["failed"] == []
    assert run["summary"] != partial["summary"]
    # The chunk that was missing, and the merges above it.
    assert 0 < model_server.stats()["finished"] - before <= 1 + run["progress"]["total"] - run["documents"][0]["chunks"]
    assert_tells_of_tries(client, run, ["partial", "succeeded"])


def test_documents_that_cannot_be_read_stay_failed(client: httpx.Client) -> None:
    id = start(client, new_text(2), " ", model="embedded:extractive")
    first = ended(client, id)
    run = retry(client, id)
    for shown in (first, run):
        assert shown["status"] == "partial"
        assert [document["status"] for document in shown["documents"]] == ["succeeded", "failed"]
        assert shown["documents"][1]["error"]["type"] == PROBLEM + "empty-document"


def test_a_run_whose_budget_ended_goes_on_with_a_larger_one(client: httpx.Client, model_server: ModelServer) -> None:
    id = start(client, new_text(8), model="openai:gpt-4o-mini", budget={"calls": 3})
    assert ended(client, id)["error"]["type"] == PROBLEM + "budget-exceeded"
    again = retry(client, id)
    assert (again["status"], again["error"]["type"]) == ("failed", PROBLEM + "budget-exceeded")
    assert model_server.stats()["calls"] == 0
    run = retry(client, id, budget={"calls": 50})
    assert run["status"] == "succeeded"
    assert run["options"]["budget"] == {"calls": 50, "tokens": None, "usd": None}
    assert run["usage"]["calls"] == model_server.stats()["calls"] == run["progress"]["total"]
    assert_tells_of_tries(client, run, ["failed", "failed", "succeeded"])


def test_a_new_budget_counts_what_was_paid_before(client: httpx.Client, model_server: ModelServer) -> None:
    text = new_text(8)
    options = {"model": "openai:gpt-4o-mini", "min_coverage": 0.1}
    calls = client.post("/v1/plans", json={"documents": [{"text": text}], "options": MAP_REDUCE | options}).json()[
        "calls"
    ]
    model_server.fault("content_filter", times=-1, match="Chapter 3 of")
    id = start(client, text, budget={"calls": calls}, **options)
    assert ended(client, id)["status"] == "partial"
    paid = model_server.stats()["calls"]
    model_server.clear_faults()
    run = retry(client, id, budget={"calls": paid + 1})
    assert model_server.stats()["calls"] <= paid + 1
    assert run["usage"]["calls"] == model_server.stats()["calls"]


@pytest.mark.parametrize(
    ("body", "kind", "status", "name"),
    [
        (b"{", "application/json", 400, "invalid-body"),
        (b"budget=1", "application/x-www-form-urlencoded", 415, "unsupported-media-type"),
        (b'{"budjet": null}', "application/json", 422, "invalid-fields"),
    ],
)
def test_a_body_that_is_not_understood_is_refused(
    body: bytes, kind: str, status: int, name: str, client: httpx.Client
) -> None:
    id = start(client, new_text(2), " ", model="embedded:extractive")
    before = ended(client, id)
    problem(client.post(f"/v1/runs/{id}/retry", content=body, headers={"Content-Type": kind}), status, name)
    assert client.get(f"/v1/runs/{id}").json() == before


@pytest.mark.parametrize("budget", [{"calls": 0}, {"dollars": 1}, "much"])
def test_a_wrong_budget_changes_nothing(budget: Any, client: httpx.Client) -> None:
    id = start(client, new_text(2), " ", model="embedded:extractive")
    before = ended(client, id)
    problem(client.post(f"/v1/runs/{id}/retry", json={"budget": budget}), 422, "invalid-fields")
    assert client.get(f"/v1/runs/{id}").json() == before


def test_a_run_that_succeeded_or_has_not_ended_is_not_tried_again(
    client: httpx.Client, model_server: ModelServer
) -> None:
    id = start(client, new_text(2), model="embedded:extractive")
    before = ended(client, id)
    problem(client.post(f"/v1/runs/{id}/retry"), 409, "nothing-to-retry")
    assert client.get(f"/v1/runs/{id}").json() == before
    model_server.hold()
    id = start(client, new_text(2))
    model_server.wait_for(lambda counts: counts["held"] > 0)
    problem(client.post(f"/v1/runs/{id}/retry"), 409, "run-is-active")
    model_server.release()
    assert ended(client, id)["status"] == "succeeded"
    problem(client.post("/v1/runs/nobody/retry"), 404, "run-not-found")


def test_of_many_retries_at_once_one_counts(client: httpx.Client, model_server: ModelServer) -> None:
    model_server.fault("401", times=-1)
    id = start(client, new_text())
    assert ended(client, id)["status"] == "failed"
    model_server.clear_faults()
    model_server.latency(0.02)
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda _: client.post(f"/v1/runs/{id}/retry"), range(10)))
    assert sorted({answer.status_code for answer in answers}) == [202, 409]
    assert sum(answer.status_code == 202 for answer in answers) == 1
    run = ended(client, id)
    assert run["status"] == "succeeded"
    assert model_server.stats()["repeats"] == 0
    assert_tells_of_tries(client, run, ["failed", "succeeded"])


def test_a_retried_run_can_be_cancelled_and_tried_once_more(client: httpx.Client, model_server: ModelServer) -> None:
    model_server.fault("401", times=-1)
    id = start(client, new_text())
    assert ended(client, id)["status"] == "failed"
    model_server.clear_faults()
    model_server.hold(after=2)
    assert client.post(f"/v1/runs/{id}/retry").status_code == 202
    model_server.wait_for(lambda counts: counts["held"] > 0)
    assert client.post(f"/v1/runs/{id}/cancel").json()["status"] == "cancelled"
    model_server.release()
    run = retry(client, id)
    assert run["status"] == "succeeded"
    assert_tells_of_tries(client, run, ["failed", "cancelled", "succeeded"])


def test_whoever_waits_for_a_retried_run_waits_for_its_new_end(client: httpx.Client, model_server: ModelServer) -> None:
    model_server.fault("401", times=-1)
    id = start(client, new_text(2))
    assert ended(client, id)["status"] == "failed"
    model_server.clear_faults()
    seen = len(watch(client, id))
    client.post(f"/v1/runs/{id}/retry")
    told = watch(client, id, last=str(seen))
    assert (told[0].id, told[0].type, told[-1].type) == (seen + 1, "retried", "finished")
    assert told[-1].data["status"] == "succeeded"
    again = client.post("/v1/runs", json={"documents": [{"text": "Ships."}]}, headers=WAIT)
    assert again.json()["status"] == "succeeded"
