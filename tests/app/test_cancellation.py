"""A cancellation at whatever moment leaves no transaction open, which would keep everybody else from writing."""

import asyncio
import sqlite3
from collections.abc import Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, empty_checkpoint
from sqlalchemy import text

from app.store.checkpoints import open_checkpoints
from app.store.database import Database


def lock_and_let_go(path: Path) -> None:
    """Write as another process would, which waits for nobody."""
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")


async def cancelled_after(turns: int, work: Coroutine[Any, Any, None]) -> bool:
    """Cancel some work after so many turns of the loop; return whether it had not ended before."""
    task = asyncio.create_task(work)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    return task.cancelled()


async def test_a_cancellation_at_whatever_moment_leaves_no_lock(tmp_path: Path) -> None:
    """Also while the first connection is opened, on which SQLAlchemy holds a lock of its own."""
    path = tmp_path / "test.db"

    async def write(database: Database) -> None:
        async with database.begin() as session:
            await session.execute(text("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT)"))
            await session.execute(text("INSERT INTO notes VALUES (1, 'x') ON CONFLICT DO NOTHING"))
            await session.scalar(text("SELECT count(*) FROM notes"))

    turns = 0
    while True:
        database = Database(f"sqlite+aiosqlite:///{path}")
        was_under_way = await cancelled_after(turns, write(database))
        lock_and_let_go(path)
        async with asyncio.timeout(5):
            await asyncio.gather(write(database), write(database))
            await database.write(text("INSERT INTO notes (text) VALUES (:text)"), [{"text": "after"}])
        await database.close()
        if not was_under_way:
            break
        turns += 1
    assert turns > 10


async def test_a_cancelled_checkpoint_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.db"
    config: RunnableConfig = {"configurable": {"thread_id": "a", "checkpoint_ns": ""}}

    async def put(saver: BaseCheckpointSaver[Any]) -> None:
        stored = await saver.aput(config, empty_checkpoint(), {}, {})
        await saver.aput_writes(stored, [("notes", "x")], "task")
        await saver.adelete_thread("a")

    async with open_checkpoints(path) as saver:
        turns = 0
        while await cancelled_after(turns, put(saver)):
            lock_and_let_go(path)
            turns += 1
    assert turns > 10
