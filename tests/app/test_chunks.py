"""A run tells what each chunk says, and what it lacks."""

from uuid import uuid4

import httpx

from tests.app import ENGLISH, KOREAN, PROBLEM
from tests.app.runs import new_text, post
from tests.model_server import ModelServer


def test_the_chunks_cover_the_document_and_say_what_each_says(client: httpx.Client) -> None:
    text = new_text(6)
    run = post(client, {"id": "a", "text": text}, {"id": "b", "text": KOREAN}, strategy="map_reduce")
    chunks = client.get(f"/v1/runs/{run['id']}/chunks").json()["chunks"]
    first = sorted((chunk for chunk in chunks if chunk["document"] == "a"), key=lambda chunk: int(chunk["part"]))
    assert [chunk["part"] for chunk in first] == list(range(run["documents"][0]["chunks"]))
    assert len(first) > 3
    assert all(chunk["status"] == "succeeded" for chunk in chunks)
    assert all(chunk["text"] for chunk in chunks)
    assert all(chunk["seconds"] >= 0 and chunk["error"] is None and not chunk["remembered"] for chunk in first)
    ends = [0, *[chunk["end"] for chunk in first]]
    for end, chunk in zip(ends, first, strict=False):
        assert not text[end : chunk["start"]].strip()
        assert end <= chunk["start"] < chunk["end"]
    assert not text[ends[-1] :].strip()
    assert [chunk["document"] for chunk in chunks if chunk["document"] == "b"] == ["b"]


def test_a_failed_chunk_is_told_with_its_error_and_the_run_says_what_it_lacks(
    client: httpx.Client, model_server: ModelServer
) -> None:
    mark = uuid4().hex
    text = new_text(8) + f"\n\nThe book {mark} was lost in the fire. Nobody has read the book {mark} since."
    model_server.fault("content_filter", times=-1, match=mark)
    run = post(client, {"id": "a", "text": text}, model="openai:fake", strategy="map_reduce", min_coverage=0.5)
    (failed,) = [
        chunk for chunk in client.get(f"/v1/runs/{run['id']}/chunks").json()["chunks"] if chunk["status"] == "failed"
    ]
    assert failed["text"] is None
    assert failed["error"] == "answer_filtered"
    assert failed["message"]
    assert mark in text[failed["start"] : failed["end"]]
    assert run["status"] == "partial"
    assert run["error"]["type"] == PROBLEM + "incomplete"
    span = {"document": "a", "start": failed["start"], "end": failed["end"], "error": "answer_filtered"}
    assert run["coverage"]["failed"] == [span]
    assert run["coverage"]["summarised"] == run["coverage"]["characters"] - (failed["end"] - failed["start"])
    assert run["documents"][0]["failed_chunks"] == 1
    assert run["summary"]["text"]
    assert run["progress"]["failed"] == 1


def test_a_batch_with_a_failed_document_has_its_summary_and_names_the_document(
    client: httpx.Client, model_server: ModelServer
) -> None:
    mark = uuid4().hex
    model_server.fault("refusal", times=-1, match=f"The lost book {mark}\n")
    documents = [{"title": f"Harbour {place}", "text": new_text(4)} for place in range(2)]
    lost = {"title": f"The lost book {mark}", "text": new_text(4)}
    run = post(client, *documents, lost, model="openai:fake", min_coverage=0.3)
    assert (run["status"], run["error"]["type"]) == ("partial", PROBLEM + "incomplete")
    assert [document["status"] for document in run["documents"]] == ["succeeded", "succeeded", "failed"]
    assert f"Without a summary: The lost book {mark}." in run["error"]["detail"]
    assert run["summary"]["text"]


def test_a_run_that_covers_too_little_fails_and_has_no_answer_called_a_summary(
    client: httpx.Client, model_server: ModelServer
) -> None:
    mark = uuid4().hex
    model_server.fault("refusal", times=-1, match=mark)
    run = post(client, {"text": f"{ENGLISH} The number of the book is {mark}."}, model="openai:fake")
    assert run["status"] == "failed"
    assert run["error"]["type"] == PROBLEM + "incomplete"
    assert run["summary"] is None
    assert run["documents"][0]["error"]["type"] == PROBLEM + "summary-failed"
    response = client.get(f"/v1/runs/{run['id']}/summary")
    assert response.status_code == 409
    assert response.json()["type"] == PROBLEM + "run-not-finished"


def test_a_key_that_is_refused_stops_the_run_and_says_so(client: httpx.Client, model_server: ModelServer) -> None:
    model_server.fault("401", times=-1)
    run = post(client, {"text": new_text(8)}, model="openai:fake", strategy="map_reduce")
    assert run["status"] == "failed"
    assert run["error"]["type"] == PROBLEM + "model-stopped"
    assert run["error"]["code"] == "unauthorized"
