"""The database: one writer, many rows a commit, and a failure reaches the one who caused it and nobody else."""

import asyncio
import gc
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import empty_checkpoint
from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, event, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from app.store.checkpoints import compact_checkpoints, open_checkpoints
from app.store.database import GROUP_SECONDS, SMALL_GROUP, SMALL_GROUP_SECONDS, SMALL_LOG_BYTES, Database

NOTES = Table("notes", MetaData(), Column("id", Integer, primary_key=True), Column("text", String))
ADD = insert(NOTES)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "test.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{path}")
    async with database.begin() as session:
        await (await session.connection()).run_sync(NOTES.metadata.create_all)
    yield database
    await database.close()


@pytest.fixture
def commits(database: Database) -> Iterator[list[int]]:
    """Grows by one with every commit of the process."""
    seen: list[int] = []

    def on_commit(_: object) -> None:
        seen.append(1)

    event.listen(Engine, "commit", on_commit)
    yield seen
    event.remove(Engine, "commit", on_commit)


def rows_in(path: Path) -> list[tuple[int, str]]:
    """What another process would see."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT id, text FROM notes ORDER BY id").fetchall()
    finally:
        connection.close()


def stored_bytes(folder: Path) -> int:
    """What the files hold; the index of a log is no more than 32 KB, and empty."""
    return sum(file.stat().st_size for file in folder.iterdir() if not file.name.endswith("-shm"))


async def test_many_writes_at_once_land_in_few_transactions(database: Database, path: Path, commits: list[int]) -> None:
    await asyncio.gather(*[database.write(ADD, [{"id": number, "text": "x"}]) for number in range(1_000)])
    assert len(commits) <= 3
    assert len(rows_in(path)) == 1_000


async def test_writes_of_many_tasks_over_a_while_share_transactions(
    database: Database, path: Path, commits: list[int]
) -> None:
    async def task(first: int) -> None:
        for number in range(5):
            await database.write(ADD, [{"id": first + number, "text": "x"}])

    await asyncio.gather(*[task(1_000 * number) for number in range(100)])
    assert len(rows_in(path)) == 500
    assert len(commits) <= 25


async def test_a_write_that_comes_alone_waits_for_no_other(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    sleep, waited = asyncio.sleep, list[float]()

    async def watched(seconds: float) -> None:
        waited.append(seconds)
        await sleep(seconds)

    monkeypatch.setattr("app.store.database.asyncio.sleep", watched)
    for number in range(5):
        await sleep(1.5 * GROUP_SECONDS)
        await database.write(ADD, [{"id": number, "text": "x"}])
    assert len(waited) == 5
    assert max(waited) <= 0


@pytest.mark.parametrize(("at_once", "pause"), [(10 * SMALL_GROUP, GROUP_SECONDS), (1, SMALL_GROUP_SECONDS)])
async def test_transactions_begin_the_more_seldom_the_more_writes_there_are(
    database: Database, path: Path, commits: list[int], at_once: int, pause: float
) -> None:
    started = asyncio.get_running_loop().time()
    for _ in range(20):
        await asyncio.gather(*[database.write(ADD, [{"text": "x"}]) for _ in range(at_once)])
    assert len(rows_in(path)) == 20 * at_once
    assert len(commits) <= (asyncio.get_running_loop().time() - started) / pause + 2


async def test_a_thousand_calls_that_finish_over_a_second_take_some_tens_of_transactions(
    database: Database, path: Path, commits: list[int]
) -> None:
    async def task(number: int) -> None:
        await asyncio.sleep(number / 1_000)
        await database.write(ADD, [{"id": number, "text": "x"}])
        await database.write(ADD, [{"id": 1_000 + number, "text": "x"}])

    started = asyncio.get_running_loop().time()
    await asyncio.gather(*[task(number) for number in range(1_000)])
    assert len(rows_in(path)) == 2_000
    few = 10  # at the beginning and the end, where transactions have few to share them
    assert len(commits) <= (asyncio.get_running_loop().time() - started) / GROUP_SECONDS + few


async def test_a_write_is_durable_when_its_future_is_done(database: Database, path: Path) -> None:
    for number in range(3):
        await database.write(ADD, [{"id": number, "text": "x"}])
        assert len(rows_in(path)) == number + 1


async def test_writes_become_durable_in_the_order_of_their_calls(database: Database, path: Path) -> None:
    done: list[str] = []

    async def add(note: str) -> None:
        await database.write(ADD, [{"text": note}])
        done.append(note)

    notes = [f"{number:03}" for number in range(300)]
    tasks = []
    for note in notes:
        tasks.append(asyncio.create_task(add(note)))
        await asyncio.sleep(0.0002)  # so that several transactions are needed
    await asyncio.gather(*tasks)
    assert [note for _, note in rows_in(path)] == done == notes


async def test_a_failing_write_raises_to_its_caller_and_to_nobody_else(database: Database, path: Path) -> None:
    await database.write(ADD, [{"id": 5, "text": "first"}])
    writes = [database.write(ADD, [{"id": number, "text": "x"}]) for number in range(10)]
    results = await asyncio.gather(*writes, return_exceptions=True)
    failed = [number for number, result in enumerate(results) if result is not None]
    assert failed == [5]
    assert isinstance(results[5], IntegrityError)
    assert [id for id, _ in rows_in(path)] == list(range(10))
    await database.write(ADD, [{"id": 10, "text": "after"}])  # it goes on


@pytest.mark.parametrize("value", [10**30, "ten", 1 + 1j])
async def test_a_value_that_no_row_holds_fails_alone_and_nobody_waits_for_ever(
    value: object, database: Database, path: Path
) -> None:
    writes = [database.write(ADD, [{"id": id, "text": "x"}]) for id in (1, value, 2)]
    async with asyncio.timeout(10):
        results = await asyncio.gather(*writes, return_exceptions=True)
    assert [isinstance(result, Exception) for result in results] == [False, True, False]
    assert [id for id, _ in rows_in(path)] == [1, 2]


async def test_memory_that_is_short_is_an_error_of_the_write_and_no_end_of_all(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(database, "_write_group", out_of_memory)  # as sqlite3 raises it for SQLITE_NOMEM
        writes = [database.write(ADD, [{"id": id, "text": "x"}]) for id in (1, 2)]
        async with asyncio.timeout(10):
            results = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(result) for result in results] == [MemoryError, MemoryError]
    await database.write(ADD, [{"id": 3, "text": "after"}])
    assert [id for id, _ in rows_in(path)] == [3]


def out_of_memory(_: object) -> None:
    raise MemoryError


async def test_a_failure_that_nobody_waits_for_is_no_warning_and_keeps_nothing_else_back(
    database: Database, path: Path
) -> None:
    await database.write(ADD, [{"id": 1, "text": "x"}])
    database.write(ADD, [{"id": 1, "text": "again"}]).cancel()
    database.write(ADD, [{"id": 1, "text": "and again"}])
    await database.write(ADD, [{"id": 2, "text": "x"}])
    gc.collect()  # a failure that nobody has read warns when it goes, and warnings are errors here
    assert rows_in(path) == [(1, "x"), (2, "x")]


async def test_a_block_without_an_error_is_committed_and_one_with_is_not(database: Database, path: Path) -> None:
    async with database.begin() as session:
        await session.execute(ADD, [{"id": 1, "text": "kept"}])

    async def fail() -> None:
        async with database.begin() as session:
            await session.execute(ADD, [{"id": 2, "text": "lost"}])
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert rows_in(path) == [(1, "kept")]


async def test_readers_see_what_was_committed_and_wait_for_no_writer(database: Database) -> None:
    async with database.begin() as writing, asyncio.timeout(5):
        await writing.execute(ADD, [{"id": 1, "text": "x"}])
        async with database.read() as reading:
            assert await reading.scalar(select(func.count()).select_from(NOTES)) == 0
    async with database.read() as reading:
        assert await reading.scalar(select(func.count()).select_from(NOTES)) == 1


async def test_a_fetched_query_sees_what_was_committed_and_waits_for_no_writer(database: Database) -> None:
    query = select(NOTES.c.id, NOTES.c.text).order_by(NOTES.c.id)
    async with database.begin() as writing, asyncio.timeout(5):
        await writing.execute(ADD, [{"id": 1, "text": "x"}, {"id": 2, "text": "y"}])
        assert list(await database.fetch(query)) == []
    assert [tuple(row) for row in await database.fetch(query)] == [(1, "x"), (2, "y")]
    with pytest.raises(SQLAlchemyError):
        await database.fetch(select(text("nothing")))


async def test_transactions_of_many_tasks_come_one_after_the_other(database: Database, path: Path) -> None:
    await database.write(ADD, [{"id": 1, "text": "0"}])

    async def increment() -> None:
        async with database.begin() as session:
            value = await session.scalar(select(NOTES.c.text))
            await asyncio.sleep(0)
            await session.execute(update(NOTES).values(text=str(int(str(value)) + 1)))

    await asyncio.gather(*[increment() for _ in range(50)])
    assert rows_in(path) == [(1, "50")]


async def test_cancelled_writers_leave_no_lock_and_nothing_half_done(database: Database, path: Path) -> None:
    async def write_pair(number: int) -> None:
        async with database.begin() as session:
            await session.execute(ADD, [{"id": 2 * number, "text": "x"}])
            await session.execute(ADD, [{"id": 2 * number + 1, "text": "x"}])

    tasks = [asyncio.create_task(write_pair(number)) for number in range(100)]
    await tasks[9]  # some have ended, one is at it, the others wait
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    ids = {id for id, _ in rows_in(path)}
    assert {id ^ 1 for id in ids} == ids
    assert {2 * number for number in range(1, 100, 2)} <= ids
    async with asyncio.timeout(5):
        await database.write(ADD, [{"id": 1_000, "text": "after"}])
    other = sqlite3.connect(path, timeout=0, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # fails if the lock were held
    other.close()


async def test_writes_wait_for_another_process_that_holds_the_lock(database: Database, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    writes = [database.write(ADD, [{"id": number, "text": "x"}]) for number in range(5)]
    done, _ = await asyncio.wait(writes, timeout=0.2)
    assert not done
    async with database.read() as session:  # reading goes on
        assert await session.scalar(select(func.count()).select_from(NOTES)) == 0
    other.execute("COMMIT")
    other.close()
    await asyncio.gather(*writes)
    assert len(rows_in(path)) == 5


async def test_closing_writes_what_waits(path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{path}")
    async with database.begin() as session:
        await (await session.connection()).run_sync(NOTES.metadata.create_all)
    write = database.write(ADD, [{"id": 1, "text": "last"}])
    await database.close()
    assert write.done()
    assert rows_in(path) == [(1, "last")]


async def test_what_was_acknowledged_survives_a_power_cut(database: Database) -> None:
    async with database.begin() as session:
        assert await session.scalar(text("PRAGMA journal_mode")) == "wal"
        assert await session.scalar(text("PRAGMA synchronous")) == 2  # FULL
        assert await session.scalar(text("PRAGMA foreign_keys")) == 1


async def test_a_broken_statement_is_an_error_of_the_database(database: Database) -> None:
    missing = Table("missing", MetaData(), Column("id", Integer))
    with pytest.raises(SQLAlchemyError):
        await database.write(insert(missing), [{"id": 1}])


async def test_no_writer_waits_for_what_will_never_be_written(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(self: Database, groups: object) -> None:
        raise RuntimeError("whatever else may end the task that writes")

    with monkeypatch.context() as broken:
        broken.setattr(Database, "_write_group", end)
        writes = [database.write(ADD, [{"id": 1, "text": "x"}])]
        async with database.begin():  # as long as that goes on, the first one cannot be written
            await asyncio.sleep(0.05)
            writes.append(database.write(ADD, [{"id": 2, "text": "behind it"}]))
        async with asyncio.timeout(5):
            for write in writes:
                with pytest.raises(SQLAlchemyError, match="broken off"):
                    await write
            await database.settle()
    await database.write(ADD, [{"id": 2, "text": "y"}])


async def test_a_compacted_database_has_no_log(database: Database, path: Path) -> None:
    log = path.with_name(f"{path.name}-wal")
    await database.write(ADD, [{"id": 1, "text": "x" * 2 * SMALL_LOG_BYTES}])
    assert log.stat().st_size > SMALL_LOG_BYTES
    await database.compact()
    assert log.stat().st_size == 0
    await database.write(ADD, [{"id": 2, "text": "y"}])
    assert [id for id, _ in rows_in(path)] == [1, 2]


async def test_a_database_that_is_in_use_is_left_as_it_is(database: Database, path: Path) -> None:
    await database.write(ADD, [{"id": 1, "text": "x" * 2 * SMALL_LOG_BYTES}])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        async with asyncio.timeout(5):
            with suppress(sqlite3.OperationalError):
                await database.compact()
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert [id for id, _ in rows_in(path)] == [1]


async def test_checkpoints_are_stored_packed_and_their_room_is_given_back(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.db"
    config: RunnableConfig = {"configurable": {"thread_id": "a", "checkpoint_ns": ""}}
    plan = {str(number): {"id": str(number), "start": number * 1_000, "words": 60} for number in range(5_000)}
    async with open_checkpoints(path) as saver:
        for number in range(20):
            checkpoint = empty_checkpoint()
            checkpoint["channel_values"] = {"plan": plan, "level": number, "note": None}
            await saver.aput(config, checkpoint, {}, {})
        found = await saver.aget_tuple(config)
        assert found is not None
        assert found.checkpoint["channel_values"] == {"plan": plan, "level": 19, "note": None}
        stored = await saver.conn.execute_fetchall("SELECT avg(length(checkpoint)) FROM checkpoints")
        assert next(iter(stored))[0] < len(str(plan)) / 4
        await saver.adelete_thread("a")
        await compact_checkpoints(saver)
        assert stored_bytes(tmp_path) < 50_000
