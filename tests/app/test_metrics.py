"""What Prometheus reads is what has happened."""

from uuid import uuid4

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.app import ENGLISH, WAIT, chapters
from tests.model_server import ModelServer
from tests.service import wait_until

Figures = dict[tuple[str, ...], float]


def figures(client: httpx.Client) -> Figures:
    """Every figure, by name and values of its labels."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    families = text_string_to_metric_families(answer.text)
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def grown(before: Figures, after: Figures, *name: str) -> float:
    return after[name] - before.get(name, 0.0)


def test_calls_that_are_paid_remembered_and_failed_are_counted(client: httpx.Client, model_server: ModelServer) -> None:
    options = {"model": "openai:fake", "strategy": "map_reduce", "min_coverage": 0.1}
    body = {"documents": [{"text": chapters(6, f"port {uuid4().hex[:8]}")}], "options": options}
    before = figures(client)
    model_server.fault("content_filter", times=-1, match="Chapter 2 of")
    first = client.post("/v1/runs", json=body, headers=WAIT).json()
    model_server.clear_faults()
    then = figures(client)
    assert first["status"] == "partial"
    assert grown(before, then, "precis_runs", "partial") == 1
    assert grown(before, then, "precis_steps_total", "failed") == 1
    paid = first["progress"]["total"] - 1
    assert grown(before, then, "precis_steps_total", "paid") == paid
    assert grown(before, then, "precis_calls_total", "openai") == model_server.stats()["calls"]
    assert grown(before, then, "precis_tokens_total", "prompt") == first["usage"]["prompt_tokens"]
    assert grown(before, then, "precis_tokens_total", "completion") == first["usage"]["completion_tokens"]
    client.post("/v1/runs", json=body, headers=WAIT)
    after = figures(client)
    assert grown(then, after, "precis_steps_total", "remembered") > 0
    assert after["precis_file_bytes", "precis.db"] > 4_096
    assert after[("process_open_fds",)] > 3
    assert 0 < after[("precis_memory_share",)] < 1
    size = len(body["documents"][0]["text"].encode())  # type: ignore[index]
    assert grown(before, after, "precis_run_bytes") == 2 * size


def test_the_queue_and_the_gate_are_shown_as_they_are(client: httpx.Client, model_server: ModelServer) -> None:
    model_server.hold()
    ids = []
    for number in range(9):  # one more than are driven at once
        body = {"documents": [{"text": f"{ENGLISH} {uuid4().hex} {number}"}], "options": {"model": "openai:fake"}}
        ids.append(client.post("/v1/runs", json=body).json()["id"])
    shown = wait_until(lambda: (now := figures(client))["precis_gate_in_flight", "openai"] == 8 and now)
    assert shown["precis_runs", "queued"] == 1
    assert shown["precis_runs", "running"] == 8
    assert shown[("precis_queue_bytes",)] > len(ENGLISH)
    assert shown[("precis_queue_seconds",)] > 0
    assert shown["precis_gate_limit", "openai"] >= 8
    assert shown[("precis_lease_sure",)] == 1
    model_server.release()
    for id in ids:
        client.get(f"/v1/runs/{id}/wait")
    ended = figures(client)
    assert ended["precis_runs", "queued"] == ended["precis_gate_in_flight", "openai"] == 0


def test_the_figures_name_no_document(client: httpx.Client) -> None:
    secret = f"secret{uuid4().hex}"
    client.post("/v1/runs", json={"documents": [{"id": secret, "title": secret, "text": ENGLISH}]}, headers=WAIT)
    assert secret not in client.get("/metrics").text
