"""Checkpoints serve to resume: those of runs that have ended go, those of others stay."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypedDict, cast

import pytest
from fastapi import Response
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, StateGraph
from sqlalchemy import update

from app.api.runs import retry_run
from app.bootstrap import Services
from app.errors import NothingToRetry, PrecisError, QueueFull, RunIsActive, RunNotFound
from app.settings import Settings
from app.store import runs
from app.store.checkpoints import open_checkpoints, threads_of
from app.store.database import Database
from app.store.models import Run, Status, new_id, now
from app.work.executor import sweep_checkpoints
from app.work.resources import Resources


class Counted(TypedDict):
    number: int


def add_one(state: Counted) -> Counted:
    return Counted(number=state["number"] + 1)


@pytest.fixture
async def resources(database: Database, tmp_path: Path) -> AsyncIterator[Resources]:
    settings = Settings(_env_file=None, data_dir=tmp_path)
    async with open_checkpoints(tmp_path / "checkpoints.db") as saver:
        yield cast("Resources", SimpleNamespace(database=database, checkpoints=saver, settings=settings))


async def leave_checkpoints(saver: AsyncSqliteSaver, thread: str) -> None:
    builder = StateGraph(Counted)
    builder.add_node(add_one)
    builder.add_edge(START, "add_one")
    graph: Any = builder.compile(checkpointer=saver)
    await graph.ainvoke({"number": 1}, {"configurable": {"thread_id": thread}})


async def test_a_sweep_takes_the_checkpoints_of_ended_and_deleted_runs_alone(resources: Resources) -> None:
    ids = {status: new_id() for status in Status}
    async with resources.database.begin() as session:
        for status, id in ids.items():
            session.add(Run(id=id, status=status, options={}, created_at=now(), documents=1))
    for id in [*ids.values(), "deleted"]:
        await leave_checkpoints(cast("AsyncSqliteSaver", resources.checkpoints), id)
    assert len(await threads_of(resources.checkpoints)) == len(Status) + 1
    await sweep_checkpoints(resources)
    assert set(await threads_of(resources.checkpoints)) == {ids[Status.QUEUED], ids[Status.RUNNING]}


async def stored(database: Database, status: Status) -> str:
    """Store a run of this status and return its id."""
    id = new_id()
    async with database.begin() as session:
        await runs.create(
            session, Run(id=id, status=status, options={}, created_at=now(), attempt=1, documents=0), [], []
        )
    return id


async def try_again(seen: runs.Brief, resources: Resources) -> None:
    """Ask for another try of a run, as a client does who has seen it as it was."""
    worker = SimpleNamespace(wake=lambda: None)
    services = SimpleNamespace(
        settings=resources.settings, database=resources.database, resources=resources, worker=worker
    )
    await retry_run(seen, cast("Services", services), Response())


# What became of a run that had failed when the request for another try came in, before that try's transaction.
@pytest.mark.parametrize(
    ("status", "refusal"),
    [
        (Status.QUEUED, RunIsActive),  # another request like it was faster
        (Status.RUNNING, RunIsActive),  # and the run goes on already
        (Status.SUCCEEDED, NothingToRetry),  # or has come to a good end
        (None, RunNotFound),  # it was deleted
    ],
)
async def test_a_retry_that_comes_too_late_leaves_the_checkpoints_of_the_run_alone(
    status: Status | None, refusal: type[PrecisError], resources: Resources
) -> None:
    id = await stored(resources.database, Status.FAILED)
    seen = await runs.brief(resources.database, id)
    async with resources.database.begin() as session:
        if status is None:
            await runs.remove(session, id)
        else:
            await session.execute(update(Run).where(Run.id == id).values(status=status))
    await leave_checkpoints(cast("AsyncSqliteSaver", resources.checkpoints), id)
    with pytest.raises(refusal):
        await try_again(seen, resources)
    assert await threads_of(resources.checkpoints) == [id]


async def test_a_retry_that_finds_the_queue_full_changes_nothing(resources: Resources) -> None:
    resources.settings.queue_runs = 1
    await stored(resources.database, Status.QUEUED)
    id = await stored(resources.database, Status.FAILED)
    await leave_checkpoints(cast("AsyncSqliteSaver", resources.checkpoints), id)
    seen = await runs.brief(resources.database, id)
    with pytest.raises(QueueFull):
        await try_again(seen, resources)
    assert await threads_of(resources.checkpoints) == [id]
    async with resources.database.read() as session:
        assert (await runs.get(session, id)).status == Status.FAILED


async def test_of_two_retries_of_one_run_the_second_is_refused_and_the_first_one_begins_without_checkpoints(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await stored(resources.database, Status.FAILED)
    await leave_checkpoints(cast("AsyncSqliteSaver", resources.checkpoints), id)
    seen = await runs.brief(resources.database, id)
    monkeypatch.setattr("app.api.runs.show_run", lambda *_: asyncio.sleep(0))
    await try_again(seen, resources)
    assert await threads_of(resources.checkpoints) == []
    await leave_checkpoints(cast("AsyncSqliteSaver", resources.checkpoints), id)  # the worker has begun
    with pytest.raises(RunIsActive):
        await try_again(seen, resources)
    assert await threads_of(resources.checkpoints) == [id]
