"""The database: many readers, one writer.

SQLite takes one writer at a time, and each commit waits for the disk. So this process has one writing connection behind
a lock, and small writes that many tasks make at once (finished calls, events) share one transaction: `Database.write`
returns when theirs is durable.
"""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Executable, event, make_url
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

GROUP_SECONDS = 0.005  # how long a write waits for others to share its transaction
READERS = 4  # connections
BUSY_SECONDS = 30.0  # how long a statement waits for another process that holds the write lock
WAL_LIMIT_BYTES = 64 * 1024 * 1024  # the log is cut back to this after a checkpoint

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Write:
    statement: Executable
    rows: Sequence[dict[str, Any]]
    done: asyncio.Future[None]


class Database:
    """An open database."""

    def __init__(self, url: str) -> None:
        self._writing = _engine(url, connections=1, immediate=True)
        self._reading = _engine(url, connections=READERS, immediate=False)
        self._write_sessions = async_sessionmaker(self._writing, expire_on_commit=False)
        self._read_sessions = async_sessionmaker(self._reading, expire_on_commit=False)
        self._lock = asyncio.Lock()
        self._waiting: list[_Write] = []
        self._flushing: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        """Open the writer's transaction; it is committed, durably, when the block ends without an error."""
        async with self._lock, self._write_sessions.begin() as session:
            yield session

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """Open a session for reading."""
        async with self._read_sessions() as session:
            yield session

    def write(self, statement: Executable, rows: Sequence[dict[str, Any]]) -> asyncio.Future[None]:
        """Execute a statement for each row, in a transaction shared with whatever else is written at this moment.

        The future is done when the rows are durable, and fails with `SQLAlchemyError`. Writes become durable in the
        order of the calls.
        """
        write = _Write(statement, rows, asyncio.get_running_loop().create_future())
        self._waiting.append(write)
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())
        return write.done

    async def settle(self) -> None:
        """Return when all that `write` was given so far is durable, or has failed."""
        if self._flushing is not None:
            await asyncio.shield(self._flushing)

    async def close(self) -> None:
        """Write what waits and close all connections."""
        await self.settle()
        await self._reading.dispose()
        await self._writing.dispose()

    async def _flush(self) -> None:
        while self._waiting:
            await asyncio.sleep(GROUP_SECONDS)
            writes, self._waiting = self._waiting, []
            if await self._commit(writes) or len(writes) == 1:
                continue
            # One bad row spoils the transaction that it shares; it must not spoil the others' writes.
            for write in writes:
                await self._commit([write])

    async def _commit(self, writes: Sequence[_Write]) -> bool:
        """Write in one transaction and settle the futures; return False, none settled, if several failed as one."""
        try:
            async with self.begin() as session:
                for statement, rows in _grouped(writes):
                    await session.execute(statement, rows)
        except (SQLAlchemyError, sqlite3.Error) as error:
            if len(writes) > 1 and not isinstance(error, OperationalError):
                return False
            logger.error("%d writes failed: %s", len(writes), error)
            for write in writes:
                if not write.done.done():
                    write.done.set_exception(error)
                    write.done.exception()  # a writer may have been cancelled meanwhile: nobody else reads it then
        else:
            for write in writes:
                if not write.done.done():
                    write.done.set_result(None)
        return True


def _grouped(writes: Sequence[_Write]) -> list[tuple[Executable, list[dict[str, Any]]]]:
    """Join the writes of the same statement: one round trip for all their rows. Their order does not matter, as one
    transaction holds them all.
    """
    groups: dict[int, tuple[Executable, list[dict[str, Any]]]] = {}
    for write in writes:
        groups.setdefault(id(write.statement), (write.statement, []))[1].extend(write.rows)
    return list(groups.values())


def _engine(url: str, *, connections: int, immediate: bool) -> AsyncEngine:
    if not url.startswith("sqlite"):
        return create_async_engine(url, pool_size=connections)
    Path(str(make_url(url).database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(
        url, pool_size=connections, max_overflow=0, pool_timeout=BUSY_SECONDS, connect_args={"timeout": BUSY_SECONDS}
    )

    def on_connect(connection: Any, _: Any) -> None:
        connection.isolation_level = (
            None  # the driver's own BEGIN is deferred, and a write after a read would find a stale snapshot
        )
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")  # what was acknowledged survives a power cut
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}")
        cursor.close()

    def on_begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    event.listen(engine.sync_engine, "connect", on_connect)
    event.listen(engine.sync_engine, "begin", on_begin)
    return engine
