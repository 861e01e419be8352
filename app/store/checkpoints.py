"""LangGraph's checkpoints, in a file of their own: they are many, can be rebuilt, and must not stand in the runs'
way.
"""

import asyncio
import hashlib
import logging
import sqlite3
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import aiosqlite
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
)
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from app.store.cancellation import uncancelled
from app.store.database import LOG_BYTES, compact

logger = logging.getLogger(__name__)

PACKED_BYTES = 1024  # what is shorter is stored as it is
PLAN = "plan"  # the part of a run's state that holds its plan

_Packed = list[Any]  # the kind of a value, and its bytes


class PackingSerializer(JsonPlusSerializer):
    """Compresses what is long: each checkpoint of a run holds its whole plan, whose steps differ in a few numbers."""

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Return the kind of a value and its bytes."""
        kind, data = super().dumps_typed(obj)
        # Level 1 makes a plan five times smaller at 200 MB/s; the higher ones take longer and gain a tenth.
        return (kind, data) if len(data) < PACKED_BYTES else (f"{kind}+zlib", zlib.compress(data, 1))

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Return the value."""
        kind, stored = data
        return super().loads_typed((kind.removesuffix("+zlib"), zlib.decompress(stored)) if "+" in kind else data)


@uncancelled("aget_tuple", "aput", "aput_writes", "adelete_thread")
class Checkpoints(AsyncSqliteSaver):
    """A saver whose transactions are over when it returns: one that a cancelled run left open would keep the file from
    every other process.
    """


class CheckpointsBehind(BaseCheckpointSaver[Any]):
    """The checkpoints of one run behind what else it writes: each is kept when all that was written before it is
    durable. So the graph need not wait for that at every step.

    The plan is by far the most of a checkpoint, and the same in all: it is packed once, as that takes some milliseconds
    for a thousand chunks.
    """

    def __init__(self, saver: BaseCheckpointSaver[Any], written: Callable[[], Awaitable[None]]) -> None:
        super().__init__(serde=saver.serde)
        self._saver = saver
        self._written = written
        self._plan: Any = None
        self._packed: _Packed = []
        self._packing = asyncio.Lock()

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return the newest checkpoint of a run, or the one that is asked for."""
        found = await self._saver.aget_tuple(config)
        if found is None:
            return None
        values = found.checkpoint["channel_values"]
        if PLAN in values:
            values[PLAN] = self._unpack(values[PLAN])
        pending = [
            (task, name, self._unpack(value) if name == PLAN else value)
            for task, name, value in found.pending_writes or []
        ]
        return found._replace(pending_writes=pending)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Keep a checkpoint. Raises what could not be written before it."""
        await self._written()
        values = checkpoint["channel_values"]
        if PLAN in values:
            packed = {**values, PLAN: await self._pack(values[PLAN])}
            checkpoint = {**checkpoint, "channel_values": packed}
        return await self._saver.aput(config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep what one task has given. Raises what could not be written before it."""
        await self._written()
        writes = [(name, await self._pack(value) if name == PLAN else value) for name, value in writes]
        await self._saver.aput_writes(config, writes, task_id, task_path)

    def get_next_version(self, current: Any, channel: None) -> Any:
        """Return the version of a channel that comes behind another."""
        return self._saver.get_next_version(current, channel)

    async def _pack(self, plan: Any) -> _Packed:
        async with self._packing:
            if plan is not self._plan:
                self._packed = list(await asyncio.to_thread(self.serde.dumps_typed, plan))
                self._plan = plan
            return self._packed

    def _unpack(self, stored: Any) -> Any:
        """Return a plan; one that an earlier version has kept is not packed."""
        return self.serde.loads_typed(tuple(stored)) if isinstance(stored, list) else stored


@cache
def graph_version() -> str:
    """Return what tells apart the code that wrote a checkpoint: whatever of the graph changes may change what a plan
    and a state hold, and a run of another version's goes on from the ledger alone, which costs no call.
    """
    digest = hashlib.sha256(metadata.version("langgraph").encode())
    folder = Path(str(resources.files("graphs")))
    for file in sorted(folder.rglob("*.py")):
        digest.update(f"\n{file.relative_to(folder)}\n".encode() + file.read_bytes())
    return digest.hexdigest()


@asynccontextmanager
async def open_checkpoints(path: Path) -> AsyncIterator[AsyncSqliteSaver]:
    """Open the checkpoint file, made if missing, and anew if it is damaged: the ledger still has the calls."""
    await asyncio.to_thread(_remove_if_damaged, path)
    await asyncio.to_thread(graph_version)  # it reads files: once, and not on the loop
    async with aiosqlite.connect(path, timeout=30.0) as connection:
        await connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only before the first table is made
        saver = Checkpoints(connection, serde=PackingSerializer())
        await saver.setup()
        # The file may lose its tail in a power cut: the ledger still has the calls. A commit without fsync is fifteen
        # times faster.
        await connection.execute("PRAGMA synchronous = NORMAL")
        await connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
        yield saver


def _remove_if_damaged(path: Path) -> None:
    try:
        with closing(sqlite3.connect(path, timeout=30.0)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        raise  # locked, or the disk is full: that passes
    except sqlite3.DatabaseError as error:
        logger.error("%s is damaged and made anew: %s", path, error)
        for file in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
            file.unlink(missing_ok=True)


async def threads_of(checkpoints: BaseCheckpointSaver[Any]) -> list[str]:
    """Return the runs that have checkpoints."""
    if not isinstance(checkpoints, AsyncSqliteSaver):
        return []
    rows = await checkpoints.conn.execute_fetchall("SELECT DISTINCT thread_id FROM checkpoints")
    return [str(thread) for (thread,) in rows]


async def compact_checkpoints(checkpoints: BaseCheckpointSaver[Any]) -> None:
    """Give the disk back what deleted threads held. Raises `sqlite3.OperationalError` when somebody is at the file."""
    if isinstance(checkpoints, AsyncSqliteSaver):  # a server sees to it by itself
        for _, _, path in await checkpoints.conn.execute_fetchall("PRAGMA database_list"):
            await asyncio.to_thread(compact, Path(path))
