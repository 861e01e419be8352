"""kill -9 at any moment: no accepted run is lost, no finished call is paid again, nothing looks different afterwards."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.e2e import (
    TOWNS,
    Json,
    Service,
    assert_told_once,
    attempts_of,
    batch,
    ended,
    post,
    prompts_of,
    reported_texts,
    result_of,
)
from tests.graphs.facet_answers import teach
from tests.model_server import ModelServer
from tests.service import wait_until

IN_FLIGHT = 4  # calls
LEASE_SECONDS = 3_600  # whoever goes on with a run does not wait for its lease to run out
BATCH = batch(*TOWNS)

StartService = Callable[..., Service]


@pytest.fixture
def start(tmp_path: Path, model_server: ModelServer) -> Iterator[StartService]:
    started: list[Service] = []

    def start(**settings: object) -> Service:
        service = service_of(tmp_path / "data", model_server, **settings)
        started.append(service)
        service.start()
        return service

    yield start
    model_server.release()
    for service in started:
        service.__exit__(None, None, None)


def service_of(data_dir: Path, model_server: ModelServer, **settings: object) -> Service:
    given = {"chunk_tokens": 200, "concurrency": IN_FLIGHT, "lease_seconds": LEASE_SECONDS, "OPENAI_API_KEY": "test"}
    given |= settings
    return Service(data_dir, OPENAI_BASE_URL=model_server.base_url, **given)


@pytest.fixture
def undisturbed(client: httpx.Client, model_server: ModelServer) -> Json:
    """The same batch, run to its end over other data by a process that nobody kills."""
    run = ended(client, post(client, BATCH))
    assert run["status"] == "succeeded"
    assert sum(document["chunks"] for document in run["documents"]) >= 40
    assert_told_once(client, run)
    assert run["usage"]["calls"] + run["usage"]["remembered"] == run["progress"]["total"]
    model_server.reset()
    return run


def kill_after(finished: int, service: Service, server: ModelServer) -> int:
    """Kill the service when exactly so many calls have finished and the next ones are in flight.

    Return how many of those may have to be made again at most. The gate lets in twice as many calls as may be in
    flight, those included whose answers wait for their commit; what the server still holds has not finished.
    """
    counts = server.wait_for(lambda counts: counts["finished"] == finished and counts["held"] > 0)
    service.kill()
    server.wait_for(lambda counts: counts["in_flight"] == 0)
    return int(2 * IN_FLIGHT - counts["held"])


def lose_tail(path: Path, checkpoints: int) -> None:
    """Take the newest checkpoints away: the file may lose them in a power cut, as nothing waits for the disk there."""
    with closing(sqlite3.connect(path)) as connection:
        newest = "SELECT checkpoint_id FROM checkpoints ORDER BY checkpoint_id DESC LIMIT ?"
        ids = [row[0] for row in connection.execute(newest, [checkpoints])]
        assert len(ids) == checkpoints
        for table in ("checkpoints", "writes"):
            connection.executemany(f"DELETE FROM {table} WHERE checkpoint_id = ?", [(id,) for id in ids])
        connection.commit()


def asked_again(server: ModelServer, texts: list[str], since: int) -> list[str]:
    """Which of these chunks were in a prompt behind the first so many calls; all of them were in one before."""
    prompts = prompts_of(server)
    assert texts
    assert [text for text in texts if not any(text in prompt for prompt in prompts[:since])] == []
    return [text for text in texts if any(text in prompt for prompt in prompts[since:])]


def assert_undisturbed(service: Service, id: str, expected: Json) -> Json:
    with service.client() as client:
        run = ended(client, id)
        assert result_of(run) == result_of(expected)
        assert_told_once(client, run)
    return run


@pytest.mark.parametrize("lost_checkpoints", [0, 1])
def test_a_run_killed_in_the_last_merge_pays_for_that_alone(
    lost_checkpoints: int, start: StartService, model_server: ModelServer, undisturbed: Json
) -> None:
    total = undisturbed["progress"]["total"]
    service = start()
    model_server.hold(after=total - 1)
    with service.client() as client:
        id = post(client, BATCH)
    kill_after(total - 1, service, model_server)
    lose_tail(service.data_dir / "checkpoints.db", lost_checkpoints)
    model_server.release()
    service.start()
    run = assert_undisturbed(service, id, undisturbed)
    stats = model_server.stats()
    assert stats["repeats"] <= 1
    assert stats["finished"] == total + stats["repeats"]
    assert run["usage"]["calls"] + run["usage"]["remembered"] == total


def test_a_run_killed_twice_in_the_map_ends_as_if_nothing_had_been(
    start: StartService, model_server: ModelServer, undisturbed: Json
) -> None:
    total = undisturbed["progress"]["total"]
    service = start()
    model_server.hold(after=9)
    with service.client() as client:
        id = post(client, BATCH)
    most = kill_after(9, service, model_server)
    before = model_server.stats()["calls"]
    model_server.hold(after=21)
    service.start()
    model_server.wait_for(lambda counts: counts["calls"] > before)
    most += kill_after(30, service, model_server)
    reported = reported_texts(service.data_dir, id)
    before = model_server.stats()["calls"]
    model_server.release()
    service.start()
    assert_undisturbed(service, id, undisturbed)
    stats = model_server.stats()
    assert stats["repeats"] <= most
    assert stats["finished"] == total + stats["repeats"]
    assert asked_again(model_server, reported, before) == []
    assert attempts_of(service.data_dir) == {id: 3}


def held_after_six(service: Service, server: ModelServer) -> str:
    """Begin a run of which six steps are told, and as many calls as may be are in flight."""
    server.hold(after=6)
    with service.client() as client:
        id = post(client, BATCH)
        server.wait_for(lambda counts: counts["finished"] == 6 and counts["held"] == IN_FLIGHT)
        wait_until(lambda: client.get(f"/v1/runs/{id}").json()["progress"]["done"] == 6)
    return id


def test_while_storage_takes_nothing_no_more_is_paid_than_a_kill_may_lose(
    start: StartService, model_server: ModelServer, undisturbed: Json
) -> None:
    service = start()
    id = held_after_six(service, model_server)
    with closing(sqlite3.connect(service.data_dir / "precis.db", isolation_level=None, timeout=30)) as outsider:
        outsider.execute("BEGIN IMMEDIATE")
        model_server.release()
        model_server.wait_for(lambda counts: counts["finished"] == 6 + 2 * IN_FLIGHT)
        time.sleep(1)  # in which more would be asked
        assert model_server.stats()["calls"] == 6 + 2 * IN_FLIGHT
        service.kill()
    service.start()
    assert_undisturbed(service, id, undisturbed)
    stats = model_server.stats()
    assert stats["repeats"] == 2 * IN_FLIGHT  # those that were in flight, and as many whose place they took
    assert stats["finished"] == undisturbed["progress"]["total"] + 2 * IN_FLIGHT


def test_a_cancel_that_was_accepted_right_before_a_kill_counts_after_it_and_no_call_is_made(
    start: StartService, model_server: ModelServer
) -> None:
    service = start()
    id = held_after_six(service, model_server)
    service.kill()
    model_server.wait_for(lambda counts: counts["in_flight"] == 0)
    calls = model_server.stats()["calls"]
    with closing(sqlite3.connect(service.data_dir / "precis.db")) as connection:  # all that the request had come to
        connection.execute("UPDATE runs SET cancel_requested_at = '2026-01-02 03:04:05.000000'")
        connection.commit()
    model_server.release()
    service.start()
    with service.client() as client:
        run = ended(client, id)
        assert (run["status"], run["usage"]["calls"]) == ("cancelled", 6)
        assert {document["status"] for document in run["documents"]} == {"cancelled"}
        assert len(client.get(f"/v1/runs/{id}/chunks").json()["chunks"]) == 6
    assert model_server.stats()["calls"] == calls


# Beside the map; there, and when the summaries are retold, with and without the checkpoint behind the review.
@pytest.mark.parametrize(("kills", "lost_checkpoints"), [([7], 0), ([16, 38], 0), ([16, 38], 1)])
def test_facets_that_were_finished_before_a_kill_are_not_paid_again(
    kills: list[int], lost_checkpoints: int, start: StartService, client: httpx.Client, model_server: ModelServer
) -> None:
    body = batch(*TOWNS[:2], sentences=20, facets=["entities", "translation:ko", "synthesis"])
    teach(model_server)
    expected = ended(client, post(client, body))
    assert {facet["status"] for facet in expected["facets"].values()} == {"succeeded"}
    total = expected["progress"]["total"]
    assert total - 6 < 38 < total  # the last six retell the summaries
    model_server.reset()
    teach(model_server)
    service = start()
    model_server.hold(after=kills[0])
    with service.client() as own:
        id = post(own, body)
    most = 0
    for finished, following in zip(kills, [*kills[1:], None], strict=True):
        most += kill_after(finished, service, model_server)
        lose_tail(service.data_dir / "checkpoints.db", lost_checkpoints)
        if following is None:
            model_server.release()
        else:
            model_server.hold(after=following - finished)
        service.start()
    run = assert_undisturbed(service, id, expected)
    assert run["facets"] == expected["facets"]
    stats = model_server.stats()
    assert stats["repeats"] <= most
    assert stats["finished"] == total + stats["repeats"]
    assert run["usage"]["calls"] + run["usage"]["remembered"] == total


def test_runs_that_were_queued_when_the_service_was_killed_are_all_done(
    start: StartService, model_server: ModelServer
) -> None:
    service = start(runs_at_once=2)
    model_server.hold(after=3)  # fewer calls than a run takes: none has ended
    towns = [f"Town{letter}" for letter in "abcdefgh"]
    with service.client() as client:
        ids = [post(client, batch(town, sentences=20)) for town in towns[:-1]]
        model_server.wait_for(lambda counts: counts["finished"] == 3 and counts["held"] > 0)
        wait_until(lambda: len(client.get("/v1/runs", params={"status": "running"}).json()["runs"]) == 2)
        ids.append(post(client, batch(towns[-1], sentences=20)))
    service.kill()  # right behind the answer: what was accepted is kept
    model_server.wait_for(lambda counts: counts["in_flight"] == 0)
    model_server.release()
    service.start()
    with service.client() as client:
        for id, town in zip(ids, towns, strict=True):
            run = ended(client, id)
            assert run["status"] == "succeeded", run["error"]
            assert town in run["summary"]["text"]
            assert_told_once(client, run)
    assert model_server.stats()["repeats"] <= IN_FLIGHT
    attempts = attempts_of(service.data_dir)
    assert sorted(attempts) == sorted(ids)
    assert sorted(attempts.values()) == [1] * 6 + [2] * 2  # only those that were under way were taken up again
