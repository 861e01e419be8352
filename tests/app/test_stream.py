"""A run as server-sent events: every event once, in order, whenever a client comes and however often it comes back."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
import pytest

from tests.app import ENGLISH, KOREAN, PROBLEM, WAIT, chapters
from tests.model_server import ModelServer
from tests.service import Service, accepted

Json = dict[str, Any]


class Event(NamedTuple):
    id: int | None
    type: str
    data: Json


def events(response: httpx.Response) -> Iterator[Event]:
    """The events of a stream as they come."""
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            id = int(fields["id"]) if "id" in fields else None
            yield Event(id, fields.get("event", "message"), json.loads(fields["data"]))
            fields = {}


def watch(client: httpx.Client, id: str, last: str | None = None) -> list[Event]:
    """All events of a stream, to its end."""
    headers = {} if last is None else {"Last-Event-ID": last}
    with client.stream("GET", f"/v1/runs/{id}/stream", headers=headers) as response:
        assert response.status_code == 200
        return list(events(response))


def post(client: httpx.Client, *texts: str, **options: Any) -> str:
    """Post a batch, wait for its end and return the run's id."""
    body = {"documents": [{"text": text} for text in texts], "options": options}
    response = client.post("/v1/runs", json=body, headers=WAIT)
    assert response.status_code == 200
    return str(response.json()["id"])


def start(client: httpx.Client, text: str) -> str:
    """Post a document for the model server, to be read by chunks, and return the run's id."""
    options = {"model": "openai:fake", "strategy": "map_reduce"}
    return accepted(client.post("/v1/runs", json={"documents": [{"text": text}], "options": options}))


def new_text(chunks: int) -> str:
    """A text that the ledger has not seen."""
    return chapters(chunks, f"port {uuid4().hex[:8]}")


def test_the_events_tell_the_run_from_queued_to_finished_in_order(client: httpx.Client) -> None:
    id = post(client, ENGLISH, KOREAN)
    run = client.get(f"/v1/runs/{id}").json()
    told = watch(client, id)
    types = [event.type for event in told]
    assert types[:2] == ["queued", "planned"]
    assert types[-1] == "finished"
    assert set(types[2:-1]) == {"progress", "document"}
    assert told[0].data == {"documents": 2}
    assert told[1].data["maps"] + told[1].data["merges"] == run["progress"]["total"]
    assert told[1].data["documents"] == [{"id": id, "chunks": 1, "merges": 0} for id in ("1", "2")]
    assert told[1].data["levels"] == [1]
    steps = [step for event in told for step in event.data.get("steps", [])]
    assert [(step["kind"], step["document"], step["level"]) for step in steps[-1:]] == [("reduce", None, 1)]
    assert sorted((step["kind"], step["document"]) for step in steps[:-1]) == [("map", "1"), ("map", "2")]
    progress = [event.data["progress"] for event in told if event.type == "progress"]
    assert progress[-1] | {"eta_seconds": 0} == {
        "phase": "reduce",
        "done": 3,
        "total": 3,
        "failed": 0,
        "eta_seconds": 0,
    }
    summaries = {event.data["id"]: event.data["text"] for event in told if event.type == "document"}
    assert summaries == {document["id"]: document["summary"]["text"] for document in run["documents"]}
    assert told[-1].data == {"status": "succeeded", "error": None}


def assert_whole(told: list[Event], seen: int = 0) -> None:
    """Assert that a client that had seen so much was told all the rest, once and in order."""
    for event in told:
        if event.id is None:  # a draft, or a progress that tells of no further step
            assert event.type == "draft" or (event.type, event.data["steps"]) == ("progress", [])
            continue
        seen += len(event.data.get("steps", [])) + (event.type != "progress")
        assert event.id == seen, event
    assert [event.type for event in told].count("finished") == 1


def steps_of(told: list[Event]) -> list[tuple[str, str | None, int, int]]:
    """Every call that the events tell of."""
    steps = [step for event in told for step in event.data.get("steps", [])]
    return [(step["kind"], step["document"], step["start"], step["end"]) for step in steps]


def test_the_ids_count_what_was_told_without_a_gap_and_finished_comes_once(client: httpx.Client) -> None:
    id = post(client, new_text(8), KOREAN, strategy="map_reduce")
    told = watch(client, id)
    assert_whole(told)
    steps = steps_of(told)
    assert len(steps) == len(set(steps)) == client.get(f"/v1/runs/{id}").json()["progress"]["total"] > 8


def test_a_run_of_any_size_tells_its_progress_at_most_four_times_a_second(
    client: httpx.Client, model_server: ModelServer
) -> None:
    model_server.latency(0.05)
    id = start(client, new_text(200))
    began = time.monotonic()
    told = watch(client, id)
    seconds = time.monotonic() - began
    assert_whole([event for event in told if event.id is not None])
    progress = [event for event in told if event.type == "progress"]
    full = [event for event in progress if len(event.data["steps"]) > 45]  # another follows at once
    assert 3 <= len(progress) <= 4 * seconds + 2 + len(full)


def test_a_progress_says_what_waits_at_the_gate(client: httpx.Client, model_server: ModelServer) -> None:
    model_server.hold(after=1)
    id = start(client, new_text(80))
    with client.stream("GET", f"/v1/runs/{id}/stream") as response:
        for event in events(response):
            if event.type == "progress" and event.data["gate"] and event.data["gate"]["waiting"]:
                break
        assert event.data["gate"]["in_flight"] > 0
    model_server.release()
    told = watch(client, id)
    assert told[-1].type == "finished"
    gates = [event.data["gate"] for event in told[-2:-1] if event.type == "progress"]
    assert all(gate is None or gate["in_flight"] == 0 for gate in gates)


def test_a_progress_says_that_the_model_is_at_work_before_its_first_answer(
    client: httpx.Client, model_server: ModelServer
) -> None:
    model_server.hold()
    id = start(client, new_text(3))
    model_server.wait_for(lambda counts: counts["held"] > 0)
    with client.stream("GET", f"/v1/runs/{id}/stream") as response:
        told = next(event for event in events(response) if event.type == "progress")
    assert (told.data["progress"]["phase"], told.data["progress"]["done"]) == ("map", 0)
    assert told.data["gate"]["in_flight"] > 0
    model_server.release()


def test_a_client_that_leaves_leaves_no_trace_in_the_log(tmp_path: Path, model_server: ModelServer) -> None:
    settings = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": model_server.base_url}
    model_server.hold()
    with Service(tmp_path / "data", **settings) as service, service.client() as client:
        id = start(client, new_text(3))
        for _ in range(5):
            with client.stream("GET", f"/v1/runs/{id}/stream") as response:
                assert next(events(response)).type == "queued"
        model_server.release()
        assert watch(client, id)[-1].type == "finished"
    assert "Traceback" not in service.log_path.read_text()


def test_the_stream_is_one_that_browsers_and_proxies_pass_on(client: httpx.Client) -> None:
    with client.stream("GET", f"/v1/runs/{post(client, ENGLISH)}/stream") as response:
        assert response.headers["Content-Type"].partition(";")[0] == "text/event-stream"
        assert "no-cache" in response.headers["Cache-Control"]
        assert next(response.iter_lines()) == "retry: 1000"


@pytest.mark.parametrize("seen", [0, 1, 2, 3, 7])
def test_a_client_that_comes_back_gets_what_it_has_not_seen(client: httpx.Client, seen: int) -> None:
    id = post(client, new_text(8), strategy="map_reduce")
    told = watch(client, id, last=str(seen))
    assert_whole(told, seen)
    assert steps_of(told) == steps_of(watch(client, id))[max(0, seen - 2) :]
    response = client.get(f"/v1/runs/{id}/stream", params={"after": seen})
    assert response.text == client.get(f"/v1/runs/{id}/stream", headers={"Last-Event-ID": str(seen)}).text


def test_a_client_that_has_seen_all_of_an_ended_run_is_sent_away(client: httpx.Client) -> None:
    id = post(client, ENGLISH)
    assert watch(client, id, last=str(watch(client, id)[-1].id)) == []
    assert watch(client, id, last="1000") == []


@pytest.mark.parametrize("last", ["", "abc", "-1", "1.5", "\u00b2", "0x1", "7; drop table"])
def test_a_last_event_id_that_is_none_replays_from_the_start(client: httpx.Client, last: str) -> None:
    id = post(client, ENGLISH)
    headers = [(b"Last-Event-ID", last.encode())]
    with client.stream("GET", f"/v1/runs/{id}/stream", headers=headers) as response:
        assert list(events(response)) == watch(client, id)


@pytest.mark.parametrize("digits", [19, 30, 5_000])
def test_a_last_event_id_of_any_length_ends_in_order(client: httpx.Client, digits: int) -> None:
    id = post(client, ENGLISH)
    assert watch(client, id, last="9" * digits) in ([], watch(client, id))


def test_events_come_while_the_run_goes_on(client: httpx.Client, model_server: ModelServer) -> None:
    model_server.hold(after=2)
    id = start(client, new_text(6))
    with client.stream("GET", f"/v1/runs/{id}/stream") as response:
        coming = events(response)
        told = [next(coming) for _ in range(2)]
        assert [event.type for event in told] == ["queued", "planned"]
        while len(steps_of(told)) < 2:
            told.append(next(coming))
        assert client.get(f"/v1/runs/{id}").json()["status"] == "running"
        model_server.release()
        told += coming
    told = [event for event in told if event.id is not None]
    assert_whole(told)
    assert told[-1].type == "finished"
    assert steps_of(told) == steps_of(watch(client, id))


def test_a_client_that_breaks_off_and_comes_back_misses_nothing(
    client: httpx.Client, model_server: ModelServer
) -> None:
    model_server.hold(after=1)
    id = start(client, new_text(6))
    told: list[Event] = []
    while not told or told[-1].type != "finished":
        headers = {"Last-Event-ID": str(told[-1].id)} if told else {}
        with client.stream("GET", f"/v1/runs/{id}/stream", headers=headers) as response:
            told.append(next(event for event in events(response) if event.id is not None))  # one a connection
        if told[-1].type == "progress":
            model_server.release()
    assert_whole(told)
    assert steps_of(told) == steps_of(watch(client, id))


def test_many_clients_see_the_same_events(client: httpx.Client, model_server: ModelServer) -> None:
    model_server.hold()
    id = start(client, new_text(6))
    model_server.wait_for(lambda counts: counts["calls"] >= 1)
    with ThreadPoolExecutor(20) as pool:
        watching = [pool.submit(watch, client, id) for _ in range(20)]
        model_server.release()
        streams = [stream.result(30) for stream in watching]
    for stream in streams:
        assert_whole([event for event in stream if event.id is not None])
        assert steps_of(stream) == steps_of(streams[0])


def test_a_cancelled_run_ends_its_stream(client: httpx.Client, model_server: ModelServer) -> None:
    model_server.hold()
    id = start(client, new_text(3))
    with client.stream("GET", f"/v1/runs/{id}/stream") as response:
        coming = events(response)
        assert next(coming).type == "queued"
        client.post(f"/v1/runs/{id}/cancel")
        told = list(coming)
    assert told[-1].type == "finished"
    assert told[-1].data == {"status": "cancelled", "error": None}


def test_a_failed_run_says_why_at_the_end_of_its_stream(client: httpx.Client, model_server: ModelServer) -> None:
    model_server.fault("401", times=-1)
    last = watch(client, start(client, new_text(3)))[-1]
    assert last.type == "finished"
    assert last.data["status"] == "failed"
    assert last.data["error"]["type"] == PROBLEM + "model-stopped"


def test_the_stream_of_an_unknown_or_deleted_run_is_not_found(client: httpx.Client) -> None:
    id = post(client, ENGLISH)
    assert watch(client, id)
    client.delete(f"/v1/runs/{id}")
    for gone in (id, "nobody"):
        response = client.get(f"/v1/runs/{gone}/stream")
        assert response.status_code == 404
        assert response.headers["Content-Type"] == "application/problem+json"
        assert response.json()["type"] == PROBLEM + "run-not-found"


def test_a_service_that_stops_says_goodbye_to_its_streams(tmp_path: Path, model_server: ModelServer) -> None:
    settings = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": model_server.base_url}
    model_server.hold()
    with Service(tmp_path / "data", **settings) as service, service.client() as client:
        id = start(client, new_text(3))
        with client.stream("GET", f"/v1/runs/{id}/stream") as response:
            coming = events(response)
            assert [next(coming).type, next(coming).type] == ["queued", "planned"]
            with ThreadPoolExecutor() as pool:
                ended = pool.submit(service.terminate)
                *between, goodbye = coming
                assert ended.result() == 0
    assert {event.type for event in between} <= {"progress"}
    assert goodbye.type == "goodbye"
    assert goodbye.id is None  # it is no event of the run


def test_the_last_progress_counts_every_call_also_where_a_document_tells_of_it(client: httpx.Client) -> None:
    told = watch(client, post(client, ENGLISH))
    assert [event.type for event in told] == ["queued", "planned", "document", "progress", "finished"]
    assert [step["kind"] for step in told[2].data["steps"]] == ["map"]
    assert (told[3].data["progress"]["done"], told[3].data["progress"]["total"]) == (1, 1)
