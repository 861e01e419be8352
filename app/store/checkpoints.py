"""LangGraph's checkpoints, in a file of their own: they are many, can be rebuilt, and must not stand in the runs'
way.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver


@asynccontextmanager
async def open_checkpoints(path: Path) -> AsyncIterator[AsyncSqliteSaver]:
    """Open the checkpoint file, made if missing."""
    async with aiosqlite.connect(path, timeout=30.0) as connection:
        saver = AsyncSqliteSaver(connection)
        await saver.setup()
        # The file may lose its tail in a power cut: the ledger still has the calls. A commit without fsync is fifteen
        # times faster.
        await connection.execute("PRAGMA synchronous = NORMAL")
        await connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        yield saver
