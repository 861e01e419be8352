"""Checkpoints serve to resume: those of runs that have ended go, those of others stay."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypedDict, cast

import pytest
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, StateGraph

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
    async with open_checkpoints(tmp_path / "checkpoints.db") as saver:
        yield cast("Resources", SimpleNamespace(database=database, checkpoints=saver))


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
