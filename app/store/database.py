"""The database: many readers, one writer.

SQLite takes one writer at a time, and each commit waits for the disk. So this process has one writing connection behind
a lock, and small writes that many tasks make at once (finished calls, events) share one transaction: `Database.write`
returns when theirs is durable.

What a run does for each of its chunks (`write`, `fetch`) goes to a thread as a whole. The asyncio driver changes
threads for each cursor, statement and commit, and each change costs more than the statement does; it serves what
happens once a run or once a request.
"""

import asyncio
import json
import logging
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVarTuple

import orjson
from sqlalchemy import Engine, Executable, Row, Select, create_engine, event, make_url
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from app.store.cancellation import uncancelled

GROUP_SECONDS = 0.04  # between the beginnings of two shared transactions, or queries, at least
SMALL_GROUP_SECONDS = 0.01  # likewise where the first of them had few to share it: somebody waits for each
SMALL_GROUP = 8
READERS = 4  # connections of sessions that read
FETCHERS = 2  # threads, each with a connection, for single queries
BUSY_SECONDS = 30.0  # how long a statement waits for another process that holds the write lock
LOG_BYTES = 4 * 1024 * 1024  # the write-ahead log is cut back to this when it begins anew
SMALL_LOG_BYTES = 256 * 1024  # less than this is not worth waiting for the disk
CACHE_KILOBYTES = 256  # of a file that each connection keeps: there are nine, and the system keeps the file for all
COMPACT_SECONDS = 0.1  # how long `compact` waits for whoever is at the file
COMPACT_PAGES = 1_000  # of 4 KB, that it frees in one transaction: others come in between, and the log stays short
UNSTORABLE = (ValueError, TypeError, OverflowError)  # what a driver makes of a value that no row holds

Columns = TypeVarTuple("Columns")

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Write:
    statement: Executable
    rows: Sequence[dict[str, Any]]
    done: asyncio.Future[None]


@uncancelled("execute", "scalar", "scalars", "flush", "refresh")
class Session(AsyncSession):
    """A session whose statements are executed to their end: a cancellation falls between two of them."""


class Database:
    """An open database."""

    def __init__(self, url: str) -> None:
        address = make_url(url)
        is_file = address.get_backend_name() == "sqlite"
        self.path = Path(str(address.database)) if is_file else None
        """The file; None on a server."""
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        blocking = address.set(drivername="sqlite") if is_file else address
        options = {"json_serializer": to_json, "max_overflow": 0, "pool_timeout": BUSY_SECONDS}
        if is_file:
            options["connect_args"] = {"timeout": BUSY_SECONDS}
        self._writing = create_async_engine(address, pool_size=1, **options)
        self._reading = create_async_engine(address, pool_size=READERS, **options)
        self._grouping = create_engine(blocking, pool_size=1, **options)
        self._fetching = create_engine(blocking, pool_size=FETCHERS, **options)
        if is_file:
            _prepare(self._writing.sync_engine, "BEGIN IMMEDIATE")
            _prepare(self._reading.sync_engine, "BEGIN")
            _prepare(self._grouping, "BEGIN IMMEDIATE")
            _prepare(self._fetching, None)  # a single query sees one state of the database anyway
        self._write_sessions = async_sessionmaker(self._writing, class_=Session, expire_on_commit=False)
        self._read_sessions = async_sessionmaker(self._reading, class_=Session, expire_on_commit=False)
        self._write_thread = ThreadPoolExecutor(1, "write")
        self._fetch_threads = ThreadPoolExecutor(FETCHERS, "fetch")
        self._lock = asyncio.Lock()
        self._waiting: list[_Write] = []
        self._flushing: asyncio.Task[None] | None = None
        self._flush_at = 0.0  # by the loop's clock: the next shared transaction begins no earlier

    @property
    def dialect(self) -> str:
        """What the database speaks: `sqlite` or `postgresql`."""
        return self._fetching.dialect.name

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

    async def fetch(
        self, query: Select[*Columns], parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Row[*Columns]]:
        """Return the rows of one query, read outside of any session. Raises `SQLAlchemyError`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._fetch_threads, self._fetch, query, parameters)

    def write(self, statement: Executable, rows: Sequence[dict[str, Any]]) -> asyncio.Future[None]:
        """Execute a statement for each row, in a transaction shared with whatever else is written at this moment.

        The future is done when the rows are durable, and fails with `SQLAlchemyError`, one of `UNSTORABLE`, or
        `MemoryError`. Writes become durable in the order of the calls. A write that comes alone goes at once; the more
        there are, the more share a transaction.
        """
        write = _Write(statement, rows, asyncio.get_running_loop().create_future())
        self._waiting.append(write)
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())
        return write.done

    async def settle(self) -> None:
        """Return when all that `write` was given so far is durable, or has failed."""
        if self._flushing is not None:
            await asyncio.wait([self._flushing])

    async def compact(self) -> None:
        """Give the disk back what the file does not need. Raises `sqlite3.OperationalError` when somebody else is at
        the file.
        """
        if self.path is not None:  # a server sees to it by itself
            await asyncio.to_thread(compact, self.path)

    async def close(self) -> None:
        """Write what waits and close all connections."""
        await self.settle()
        for threads in (self._fetch_threads, self._write_thread):
            await asyncio.to_thread(threads.shutdown)
        self._fetching.dispose()
        self._grouping.dispose()
        await self._reading.dispose()
        await self._writing.dispose()

    def _fetch(self, query: Select[*Columns], parameters: Mapping[str, Any] | None) -> Sequence[Row[*Columns]]:
        with self._fetching.connect() as connection:
            return connection.execute(query, parameters).all()

    async def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        writes: list[_Write] = []
        try:
            while self._waiting:
                await asyncio.sleep(self._flush_at - loop.time())  # at least one turn of the loop, to let others join
                writes, self._waiting = self._waiting, []
                self._flush_at = loop.time() + group_seconds(len(writes))
                if await self._commit(writes) or len(writes) == 1:
                    continue
                # One bad row spoils the transaction that it shares; it must not spoil the others' writes.
                for write in writes:
                    await self._commit([write])
        finally:  # whatever ends this task: nobody else would tell those who wait
            left, self._waiting = self._waiting, []
            _fail([*writes, *left], SQLAlchemyError("The write was broken off."))

    async def _commit(self, writes: Sequence[_Write]) -> bool:
        """Write in one transaction and settle the futures; return False, none settled, if several failed as one."""
        loop = asyncio.get_running_loop()
        try:
            async with self._lock:
                await loop.run_in_executor(self._write_thread, self._write_group, _grouped(writes))
        except (SQLAlchemyError, sqlite3.Error, MemoryError, *UNSTORABLE) as error:  # else their writers wait for ever
            if len(writes) > 1 and not isinstance(error, OperationalError):
                return False
            logger.error("%d writes failed: %s", len(writes), error)
            _fail(writes, error)
        else:
            for write in writes:
                if not write.done.done():
                    write.done.set_result(None)
        return True

    def _write_group(self, groups: Sequence[tuple[Executable, Sequence[dict[str, Any]]]]) -> None:
        with self._grouping.begin() as connection:
            for statement, rows in groups:
                connection.execute(statement, rows)


def group_seconds(size: int) -> float:
    """Return how long after a shared transaction, or query, of so many the next one may begin."""
    return GROUP_SECONDS if size > SMALL_GROUP else SMALL_GROUP_SECONDS


def to_json(value: object) -> str:
    """Return a value as JSON, as short as it gets: a Korean letter takes three bytes, not six of escapes."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # half a surrogate pair, which only an escape can hold, or a number beyond 64 bits
        return json.dumps(value)


def compact(path: Path) -> None:
    """Give the disk back what a SQLite file does not need now: its write-ahead log, and pages of deleted rows where the
    file was made to let go of them.

    Blocks. Raises `sqlite3.OperationalError`, with nothing lost, when somebody else is at the file.
    """
    log = path.with_name(f"{path.name}-wal")
    # A connection of its own, which gives up soon: the others wait for long.
    with closing(sqlite3.connect(path, timeout=COMPACT_SECONDS, isolation_level=None)) as connection:
        free, left = -1, _free_pages(connection)
        while left and left != free:  # a file that was made otherwise keeps them, for what comes
            connection.executescript(f"PRAGMA incremental_vacuum({COMPACT_PAGES})")  # `execute` stops after one page
            free, left = left, _free_pages(connection)
        if log.exists() and log.stat().st_size >= SMALL_LOG_BYTES:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _free_pages(connection: sqlite3.Connection) -> int:
    """Return how many pages of a file hold nothing."""
    (count,) = connection.execute("PRAGMA freelist_count").fetchone()
    return int(count)


def _fail(writes: Sequence[_Write], error: Exception) -> None:
    """Tell those who still wait for writes that these failed."""
    for write in writes:
        if not write.done.done():
            write.done.set_exception(error)
            write.done.exception()  # a writer may have been cancelled meanwhile: nobody else reads it then


def _grouped(writes: Sequence[_Write]) -> list[tuple[Executable, list[dict[str, Any]]]]:
    """Join the writes of the same statement: one round trip for all their rows. Their order does not matter, as one
    transaction holds them all.
    """
    groups: dict[int, tuple[Executable, list[dict[str, Any]]]] = {}
    for write in writes:
        groups.setdefault(id(write.statement), (write.statement, []))[1].extend(write.rows)
    return list(groups.values())


def _prepare(engine: Engine, begin: str | None) -> None:
    """Set up each connection to a SQLite file, and what a transaction begins with."""

    def on_connect(connection: Any, _: Any) -> None:
        # The driver's own BEGIN is deferred, and a write after a read would find a stale snapshot.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")  # what was acknowledged survives a power cut
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
        cursor.execute(f"PRAGMA cache_size = {-CACHE_KILOBYTES}")
        cursor.close()

    def on_begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", on_connect)
    if begin is not None:
        event.listen(engine, "begin", on_begin)
