"""Runs are cancelled, or let go of, at whatever turn of the event loop: each comes to its end, and nothing of it stays."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from app.api.acceptance import accept
from app.api.batch import BatchDocument, batch_of
from app.bootstrap import Services, bootstrap
from app.ingest.reader import ReadText
from app.settings import Settings
from app.store import runs
from app.store.events import after
from app.work import worker
from graphs.summarize import Options
from tests.app import chapters
from tests.model_server import ModelServer

RUNS = 10
TURNS = (20, 100, 400, 1_500)  # of the loop, from the claim to the cancellation at most; a run takes some hundreds
SECONDS = 60.0  # after which what has not come to its end hangs


@pytest.fixture
async def services(tmp_path: Path, model_server: ModelServer) -> AsyncIterator[Services]:
    model_server.latency(0.001)
    settings: dict[str, Any] = {"openai_api_key": "test", "openai_base_url": model_server.base_url}
    async with bootstrap(
        Settings(_env_file=None, data_dir=tmp_path, chunk_tokens=200, concurrency=4, **settings)
    ) as services:
        yield services


async def post(services: Services, text: str, **options: Any) -> str:
    batch = batch_of([BatchDocument("a", "A", read=ReadText(text, "text"))], Options(**options), services)
    run, _ = await accept(batch, services)
    return run.id


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(SECONDS):
        while not is_so():  # noqa: ASYNC110  # of what tells nobody
            await asyncio.sleep(0.002)


async def end_of(services: Services, id: str) -> str:
    """The status of a run when it has ended, and is driven no more."""
    async with asyncio.timeout(SECONDS):
        while not await runs.has_ended(services.database, id):  # noqa: ASYNC110  # likewise
            await asyncio.sleep(0.002)
    await until(lambda: not services.worker.drives(id))
    async with services.database.read() as session:
        return str((await runs.get(session, id)).status)


async def assert_at_rest(services: Services, tasks: int) -> None:
    """Assert that no place, call, lock or task is left of the runs that have ended."""
    calls = services.resources.calls
    gates = calls.gates.values()
    await until(lambda: not any(gate.in_flight + gate.waiting + gate.unsettled for gate in gates))
    await until(lambda: not calls._flights)
    assert [gate.tokens_in_flight for gate in gates] == [0] * len(gates)
    await until(lambda: len(asyncio.all_tasks()) <= tasks)
    assert not services.database._lock.locked()


@pytest.mark.parametrize("wants_cancel", [True, False], ids=["cancelled", "let go"])
async def test_a_run_may_be_broken_off_at_any_moment(
    wants_cancel: bool, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "AGAIN_SECONDS", 0.01)
    for model in ("openai:fake", "embedded:extractive"):  # what the first run opens stays
        assert await end_of(services, await post(services, chapters(2, "warm"), model=model)) == "succeeded"
    await until(lambda: not services.resources.calls._flights)
    tasks = len(asyncio.all_tasks()) + 1  # at times the pulse or a write
    for number in range(RUNS):
        chance = Random(number)
        options: dict[str, Any] = {"strategy": chance.choice(["map_reduce", "refine"])}
        options["model"] = chance.choice(["openai:fake", "openai:fake", "embedded:extractive"])
        options |= chance.choice([{}, {"facets": ["key_terms", "synthesis"]}, {"verify": "llm"}, {"variants": 2}])
        text = chapters(chance.randint(1, 6), f"harbour {number}")
        id, other = await post(services, text, **options), await post(services, text, **options)  # they share calls
        for _ in range(int(chance.choice(TURNS) * chance.random())):
            await asyncio.sleep(0)
        driven = services.worker._driven.get(id)
        if driven is not None and driven.task is not None:
            if wants_cancel:
                async with services.database.begin() as session:
                    await runs.request_cancel(session, id)
                driven.is_cancelled = True
            driven.task.cancel()
        status = await end_of(services, id)
        assert status == "succeeded" or (wants_cancel and status == "cancelled")
        assert await end_of(services, other) == "succeeded"
        for run_id in (id, other):
            numbers = [row.seq for row in await services.database.fetch(after(run_id, 0, 10_000))]
            assert numbers == list(range(1, len(numbers) + 1))
        await assert_at_rest(services, tasks)
