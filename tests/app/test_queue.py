"""The queue is bounded: what would not be begun in a reasonable time is refused, with an honest word of when to come."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.errors import QueueFull
from app.store import queue
from app.store.database import Database
from app.store.models import Run, Status, new_id, now
from tests.app import PROBLEM
from tests.model_server import ModelServer
from tests.service import Service, wait_until

TEXT = "The harbour of Ansan was opened to ships in 1923, and in its first year it took in forty vessels. "


@pytest.fixture
def client(tmp_path: Path, model_server: ModelServer) -> Iterator[httpx.Client]:
    """A service that drives one run at a time; two may wait, with 1,000 bytes together."""
    settings = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": model_server.base_url, "model": "openai:fake"}
    with (
        Service(tmp_path / "data", runs_at_once=1, queue_runs=2, queue_bytes=1_000, **settings) as service,
        service.client() as client,
    ):
        yield client
        model_server.release()


def post(client: httpx.Client, text: str = TEXT, **headers: str) -> httpx.Response:
    return client.post("/v1/runs", json={"documents": [{"text": text}]}, headers=headers)


def start_one(client: httpx.Client, server: ModelServer) -> str:
    """Begin a run that goes on until the model server is released."""
    server.hold()
    id = str(post(client, TEXT * 2).json()["id"])
    server.wait_for(lambda counts: counts["held"] > 0)
    return id


def assert_full(refused: httpx.Response) -> None:
    assert refused.status_code == 429
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json()["type"] == PROBLEM + "queue-full"
    assert 1 <= int(refused.headers["Retry-After"]) <= 3_600


def test_more_runs_than_may_wait_are_refused_until_there_is_room(
    client: httpx.Client, model_server: ModelServer
) -> None:
    start_one(client, model_server)
    waiting = [post(client, TEXT + str(number)) for number in range(2)]
    assert [answer.status_code for answer in waiting] == [202, 202]
    assert_full(post(client))
    assert len(client.get("/v1/runs").json()["runs"]) == 3
    client.post(f"/v1/runs/{waiting[0].json()['id']}/cancel")
    assert post(client).status_code == 202
    model_server.release()
    wait_until(lambda: not client.get("/v1/runs", params={"status": "queued"}).json()["runs"])
    assert post(client).status_code == 202


def test_more_bytes_than_may_wait_are_refused_but_one_run_alone_may_be_large(
    client: httpx.Client, model_server: ModelServer
) -> None:
    start_one(client, model_server)
    large = post(client, TEXT * 20)
    assert large.status_code == 202
    assert_full(post(client))
    client.post(f"/v1/runs/{large.json()['id']}/cancel")
    assert post(client, "항구는 1923년에 문을 열었다. " * 15).status_code == 202  # 600 bytes, 300 characters
    assert_full(post(client, "항구는 1923년에 문을 열었다. " * 15))


def test_a_request_that_was_accepted_is_answered_again_when_the_queue_is_full(
    client: httpx.Client, model_server: ModelServer
) -> None:
    start_one(client, model_server)
    first = post(client, TEXT, **{"Idempotency-Key": "first"})
    post(client, TEXT + "Again.")
    assert_full(post(client, TEXT, **{"Idempotency-Key": "another"}))
    again = post(client, TEXT, **{"Idempotency-Key": "first"})
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])


def test_a_retry_waits_its_turn_like_a_new_run(client: httpx.Client, model_server: ModelServer) -> None:
    start_one(client, model_server)
    waiting = [post(client, TEXT + str(number)).json()["id"] for number in range(2)]
    assert client.post(f"/v1/runs/{waiting[0]}/cancel").json()["status"] == "cancelled"
    assert post(client).status_code == 202
    assert_full(client.post(f"/v1/runs/{waiting[0]}/retry"))
    assert client.get(f"/v1/runs/{waiting[0]}").json()["status"] == "cancelled"


async def fill(database: Database, *started_seconds_ago: float) -> None:
    """Fill the queue behind runs that left it so long ago."""
    async with database.begin() as session:
        for seconds in started_seconds_ago:
            add(session, Status.SUCCEEDED, started_at=now() - timedelta(seconds=seconds))
        add(session, Status.QUEUED)


def add(session: Any, status: Status, **values: Any) -> None:
    session.add(Run(id=new_id(), status=status, options={}, created_at=now(), documents=1, **values))


@pytest.mark.parametrize(
    ("started_seconds_ago", "least", "most"),
    [
        ((), 1, 1),  # nothing is known
        ((40, 30, 20, 10), 10, 12),  # one each ten seconds
        ((64, 63, 62, 61, 60), 60, 63),  # one each second, but none for a minute
        ((0.1, 0.1), 1, 1),
        ((900_000, 800_000), 3_600, 3_600),
        ((-3_600, -3_610), 1, 11),  # the clock was put back
    ],
)
async def test_who_is_refused_is_told_when_the_next_run_will_leave_the_queue(
    started_seconds_ago: tuple[float, ...], least: int, most: int, database: Database
) -> None:
    await fill(database, *started_seconds_ago)
    with pytest.raises(QueueFull) as refused:
        async with database.begin() as session:
            await queue.admit(session, 1, most_runs=1, most_bytes=10**9)
    assert least <= int(refused.value.headers["Retry-After"]) <= most
