"""The last summary as it is written: in the stream, and again for whoever comes back; in the end, what was kept."""

import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.app import ENGLISH
from tests.app.test_openapi import validator
from tests.app.test_stream import Event, assert_whole, events, watch
from tests.model_server import ModelServer
from tests.service import accepted

Json = dict[str, Any]


def start(client: httpx.Client, *, documents: int = 1, **options: Any) -> str:
    """Post documents that the ledger has not seen, for the model server, and return the run's id."""
    about = uuid4().hex[:8].translate(str.maketrans("0123456789", "ghijklmnop"))
    texts = [f"Port {about}{number}. {ENGLISH * 3}" for number in range(documents)]
    body = {
        "documents": [
            {"id": f"d{number}", "title": f"Port {number}", "text": text} for number, text in enumerate(texts)
        ],
        "options": {"model": "openai:fake", "length": "short"} | options,
    }
    return accepted(client.post("/v1/runs", json=body))


def drafted(told: list[Event]) -> dict[str | None, str]:
    """What a client has of each draft."""
    drafts: dict[str | None, str] = {}
    for event in told:
        for part in event.data["drafts"] if event.type == "draft" else []:
            before = drafts.get(part["document"], "")
            assert part["start"] in (0, len(before))
            drafts[part["document"]] = before[: part["start"]] + part["text"]
    return drafts


def until_draft(coming: Iterator[Event]) -> list[Event]:
    """The events up to the first draft."""
    told = [next(coming)]
    while told[-1].type != "draft":
        told.append(next(coming))
    return told


@pytest.fixture
def paused(model_server: ModelServer) -> ModelServer:
    """A model server that writes half of each last summary, and the rest when it is released."""
    model_server.hold()
    model_server.fault("pause", times=-1)
    return model_server


def test_the_summary_comes_while_it_is_written_and_then_as_it_was_kept(
    client: httpx.Client, paused: ModelServer
) -> None:
    id = start(client)
    with client.stream("GET", f"/v1/runs/{id}/stream") as response:
        coming = events(response)
        told = until_draft(coming)
        half = drafted(told)["d0"]
        assert half
        assert told[-1].id is None
        assert client.get(f"/v1/runs/{id}").json()["status"] == "running"
        paused.release()
        told += coming
    assert_whole(told)
    run = client.get(f"/v1/runs/{id}").json()
    assert run["summary"]["text"].startswith(half)
    assert len(run["summary"]["text"]) > len(half)
    assert "[" not in drafted(told)["d0"]


def test_whoever_comes_back_gets_the_draft_from_its_start(client: httpx.Client, paused: ModelServer) -> None:
    id = start(client)
    with client.stream("GET", f"/v1/runs/{id}/stream") as response:
        first = until_draft(events(response))
    seen = max(event.id for event in first if event.id is not None)
    with client.stream("GET", f"/v1/runs/{id}/stream", headers={"Last-Event-ID": str(seen)}) as response:
        coming = events(response)
        again = until_draft(coming)
        assert again[-1].data["drafts"][0]["start"] == 0
        assert drafted(again)["d0"].startswith(drafted(first)["d0"])
        paused.release()
        rest = list(coming)
    assert_whole(again + rest, seen)


def test_of_a_batch_the_last_merge_is_drafted(client: httpx.Client, model_server: ModelServer) -> None:
    model_server.hold(after=2)
    model_server.fault("pause", times=-1, match="Partial summary 2: Port 1\n")
    id = start(client, documents=2)
    with client.stream("GET", f"/v1/runs/{id}/stream") as response:
        coming = events(response)
        told = until_draft(coming)
        assert set(drafted(told)) == {None}
        model_server.release()
        told += coming
    assert_whole(told)
    assert client.get(f"/v1/runs/{id}").json()["summary"]["text"].startswith(str(drafted(told)[None])[:20])


def test_where_documents_alone_are_wanted_each_has_its_draft(client: httpx.Client, paused: ModelServer) -> None:
    id = start(client, documents=2, scope="document")
    with client.stream("GET", f"/v1/runs/{id}/stream") as response:
        coming = events(response)
        told = until_draft(coming)
        while set(drafted(told)) != {"d0", "d1"}:
            told.append(next(coming))
        paused.release()
        told += coming
    assert_whole(told)
    summaries = {event.data["id"]: event.data["text"] for event in told if event.type == "document"}
    assert {id: text.startswith(summaries[str(id)][:20]) for id, text in drafted(told).items()} == {
        "d0": True,
        "d1": True,
    }


def test_a_draft_that_is_withheld_is_taken_back(client: httpx.Client, model_server: ModelServer) -> None:
    model_server.hold()
    model_server.fault("pause", match="Port 0", then="content_filter")
    model_server.fault("hang", match="Port 1")
    id = start(client, documents=2, scope="document")
    with client.stream("GET", f"/v1/runs/{id}/stream") as response:
        coming = events(response)
        told = until_draft(coming)
        assert drafted(told)["d0"]
        model_server.release()
        while drafted(told)["d0"]:
            told.append(next(coming))
        client.post(f"/v1/runs/{id}/cancel")
        told += coming
    assert told[-1].data["status"] == "cancelled"


def test_drafts_and_progress_together_keep_the_pace(client: httpx.Client, model_server: ModelServer) -> None:
    model_server.fault("drip", times=-1, size=400, seconds=0.05)
    id = start(client, documents=6, scope="document")
    began = time.monotonic()
    types = [event.type for event in watch(client, id)]
    seconds = time.monotonic() - began
    assert {"draft", "document"} <= set(types)
    assert types.count("draft") + types.count("progress") <= 4 * seconds + 2


def test_a_draft_is_as_its_schema_says(client: httpx.Client, paused: ModelServer) -> None:
    document = client.get("/openapi.json").json()
    id = start(client)
    with client.stream("GET", f"/v1/runs/{id}/stream") as response:
        told = until_draft(events(response))
    schema = {"$ref": "#/components/schemas/DraftEvent"}
    assert list(validator(document, schema).iter_errors(told[-1].data)) == []
    paused.release()
