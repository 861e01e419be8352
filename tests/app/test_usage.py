"""What a run says that it has cost: every answer that was paid for it, told or not, however it ended."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.main import create_app
from app.settings import Settings
from app.store.calls import CallStore
from graphs.models import Answer, Call
from tests.app.runs import new_text
from tests.model_server import ModelServer

Json = dict[str, Any]


@pytest.fixture
async def client(tmp_path: Path, model_server: ModelServer) -> AsyncIterator[httpx.AsyncClient]:
    """A service in this process that asks one thing at a time."""
    model: Json = {"openai_api_key": "test", "openai_base_url": model_server.base_url, "model": "openai:fake"}
    app = create_app(Settings(_env_file=None, data_dir=tmp_path, chunk_tokens=200, concurrency=1, **model))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test", timeout=60) as client,
    ):
        yield client


@pytest.fixture
def second_is_kept(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set when the second answer is kept; whoever has asked for it does not hear of that, as if in a moment too short
    to hit otherwise. From then on it is heard again.
    """
    keep, kept = CallStore.keep, asyncio.Event()
    answers = 0

    async def silent(store: CallStore, call: Call, answer: Answer) -> None:
        nonlocal answers
        answers += 1
        await keep(store, call, answer)
        if answers == 2:
            kept.set()
            await asyncio.Event().wait()

    monkeypatch.setattr(CallStore, "keep", silent)
    return kept


async def post(client: httpx.AsyncClient) -> str:
    options = {"strategy": "map_reduce"}
    answer = await client.post("/v1/runs", json={"documents": [{"text": new_text(6)}], "options": options})
    return str(answer.json()["id"])


async def ended(client: httpx.AsyncClient, id: str) -> Json:
    run: Json = (await client.get(f"/v1/runs/{id}/wait")).json()
    return run


async def post_until(second_is_kept: asyncio.Event, client: httpx.AsyncClient, server: ModelServer) -> str:
    """Begin a run of which two answers are in the ledger, and no more are given."""
    server.hold(after=2)
    id = await post(client)
    async with asyncio.timeout(60):
        await second_is_kept.wait()
    return id


async def assert_second_try_pays_for_the_rest(client: httpx.AsyncClient, server: ModelServer, id: str) -> None:
    server.clear_faults()
    server.release()
    assert (await client.post(f"/v1/runs/{id}/retry")).status_code == 202
    run = await ended(client, id)
    stats = await asyncio.to_thread(server.stats)
    assert run["status"] == "succeeded"
    assert run["usage"]["calls"] == run["progress"]["total"] == stats["finished"]
    assert stats["repeats"] == 0


async def test_a_failed_run_says_what_was_paid_for_it_also_when_no_step_tells_of_it(
    client: httpx.AsyncClient, model_server: ModelServer, second_is_kept: asyncio.Event
) -> None:
    id = await post_until(second_is_kept, client, model_server)
    model_server.fault("401", times=-1)
    model_server.release()  # the third call, which the server had taken in before
    failed = await ended(client, id)
    assert failed["status"] == "failed"
    assert failed["progress"]["done"] < 3
    assert failed["usage"]["calls"] == 3
    assert failed["usage"]["prompt_tokens"] > 0
    assert (await client.get(f"/v1/runs/{id}")).json()["usage"] == failed["usage"]
    await assert_second_try_pays_for_the_rest(client, model_server, id)


async def test_a_cancelled_run_says_what_was_paid_for_it_also_when_no_step_tells_of_it(
    client: httpx.AsyncClient, model_server: ModelServer, second_is_kept: asyncio.Event
) -> None:
    id = await post_until(second_is_kept, client, model_server)
    cancelled = (await client.post(f"/v1/runs/{id}/cancel")).json()
    assert cancelled["status"] == "cancelled"
    assert cancelled["progress"]["done"] < 2
    assert cancelled["usage"]["calls"] == 2
    await assert_second_try_pays_for_the_rest(client, model_server, id)


async def test_the_steps_of_a_run_tell_of_all_that_it_has_paid(
    client: httpx.AsyncClient, model_server: ModelServer
) -> None:
    model_server.fault("empty", times=2)  # paid, and of no use
    run = await ended(client, await post(client))
    chunks = (await client.get(f"/v1/runs/{run['id']}/chunks")).json()["chunks"]
    assert (
        run["usage"]["calls"] == run["progress"]["total"] + 2 == (await asyncio.to_thread(model_server.stats))["calls"]
    )
    assert 0 < sum(chunk["prompt_tokens"] for chunk in chunks) < run["usage"]["prompt_tokens"]
