"""The checkpoints of a run come behind its events, and hold its plan packed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypedDict

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, StateGraph
from sqlalchemy.exc import OperationalError

from app.store.checkpoints import CheckpointsBehind, PackingSerializer, open_checkpoints, threads_of

CONFIG: RunnableConfig = {"configurable": {"thread_id": "run"}}
STEPS = {str(number): {"id": str(number), "inputs": []} for number in range(500)}


class Planned(TypedDict, total=False):
    plan: dict[str, Any]
    done: list[str]


@pytest.fixture
async def saver(tmp_path: Path) -> AsyncIterator[AsyncSqliteSaver]:
    async with open_checkpoints(tmp_path / "checkpoints.db") as saver:
        yield saver


async def nothing_to_wait_for() -> None:
    pass


def graph_of(checkpoints: Any, done: list[str], end: Callable[[], None] = lambda: None) -> Any:
    """Two nodes, one after the other, which note that they have run; the second one calls `end`."""

    async def plan(state: Planned) -> Planned:
        done.append("plan")
        return Planned(plan={"steps": STEPS})

    async def finish(state: Planned) -> Planned:
        done.append("finish")
        end()
        return Planned(done=list(state["plan"]["steps"]))

    builder = StateGraph(Planned)
    builder.add_sequence([plan, finish])
    builder.add_edge(START, "plan")
    return builder.compile(checkpointer=checkpoints)


async def test_the_graph_goes_on_while_its_checkpoints_wait_for_what_was_written_before(
    saver: AsyncSqliteSaver,
) -> None:
    durable, ended = asyncio.Event(), asyncio.Event()
    done: list[str] = []

    async def written() -> None:
        await durable.wait()

    graph = graph_of(CheckpointsBehind(saver, written), done, ended.set)
    running = asyncio.create_task(graph.ainvoke({}, CONFIG))
    await asyncio.wait_for(ended.wait(), 60)
    assert await threads_of(saver) == []
    durable.set()
    assert (await running)["done"] == list(STEPS)
    assert await threads_of(saver) == ["run"]


async def test_what_could_not_be_written_before_a_checkpoint_stops_the_run(saver: AsyncSqliteSaver) -> None:
    async def written() -> None:
        raise OperationalError("INSERT", {}, Exception("the disk is full"))

    with pytest.raises(OperationalError, match="the disk is full"):
        await graph_of(CheckpointsBehind(saver, written), []).ainvoke({}, CONFIG)
    assert await threads_of(saver) == []


async def test_the_plan_is_packed_once_and_read_as_it_was(
    saver: AsyncSqliteSaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = []
    dumps = PackingSerializer.dumps_typed

    def noted(self: PackingSerializer, value: Any) -> tuple[str, bytes]:
        packed.append("steps" in value if isinstance(value, dict) else False)
        return dumps(self, value)

    monkeypatch.setattr(PackingSerializer, "dumps_typed", noted)
    await graph_of(CheckpointsBehind(saver, nothing_to_wait_for), []).ainvoke({}, CONFIG)
    assert packed.count(True) == 1
    assert len(packed) > 5
    later = graph_of(CheckpointsBehind(saver, nothing_to_wait_for), [])
    assert (await later.aget_state(CONFIG)).values["plan"] == {"steps": STEPS}


async def test_a_plan_that_an_earlier_version_has_kept_as_it_is_can_be_read(saver: AsyncSqliteSaver) -> None:
    await graph_of(saver, []).ainvoke({}, CONFIG)
    state = await graph_of(CheckpointsBehind(saver, nothing_to_wait_for), []).aget_state(CONFIG)
    assert state.values["plan"] == {"steps": STEPS}


async def test_a_task_that_was_done_when_its_process_ended_is_not_done_again(saver: AsyncSqliteSaver) -> None:
    """Its writes were kept, those of the plan among them, and the checkpoint behind it was not."""
    done: list[str] = []
    checkpoints = CheckpointsBehind(saver, nothing_to_wait_for)
    await graph_of(checkpoints, done).ainvoke({}, CONFIG)
    kept = [checkpoint.config["configurable"]["checkpoint_id"] async for checkpoint in saver.alist(CONFIG)]
    *later, _, _ = kept  # newest first; the oldest one is that of the input
    await saver.conn.executemany("DELETE FROM checkpoints WHERE checkpoint_id = ?", [(id,) for id in later])
    await saver.conn.commit()
    output = await graph_of(CheckpointsBehind(saver, nothing_to_wait_for), done).ainvoke(None, CONFIG)
    assert output["done"] == list(STEPS)
    assert done == ["plan", "finish", "finish"]
