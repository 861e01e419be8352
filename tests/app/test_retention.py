"""Runs are kept to an age and a size, never those that have not ended, and the files shrink when runs go."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from app.bootstrap import Services, bootstrap
from app.errors import RunIsActive
from app.settings import Settings
from app.store import runs
from app.store.database import Database
from app.store.models import CallRow, DocumentRow, EventRow, Run, Status, TextRow, new_id, now
from app.work import housekeeping
from app.work.housekeeping import Housekeeping, tidy

DAY = timedelta(days=1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, data_dir=tmp_path, run_days=10, run_bytes=1_000_000)


@pytest.fixture
async def services(settings: Settings) -> AsyncIterator[Services]:
    async with bootstrap(settings) as services:
        yield services


async def keep(
    database: Database, *, age: timedelta = timedelta(), size: int = 10, status: Status = Status.SUCCEEDED
) -> str:
    """Store a run that ended so long ago, with a document and a call of its own; its event counts with its text."""
    id = new_id()
    finished_at = now() - age if status.is_final else None
    run = Run(id=id, status=status, options={}, created_at=now(), finished_at=finished_at, documents=1)
    run.text_bytes = size - len("{}")
    run.attempt, run.worker = 1, None if status.is_final else "elsewhere"
    call: dict[str, Any] = {"model": "m", "prompt_tokens": 1, "completion_tokens": 1, "seconds": 0.1, "spans": []}
    async with database.begin() as session:
        session.add(run)
        await session.flush()
        session.add(DocumentRow(run_id=id, position=0, id="a", title="", format="text", characters=size))
        await session.flush()
        session.add(TextRow(run_id=id, position=0, text="x" * size))
        session.add(CallRow(key=f"call of {id}", owner="", created_at=now(), text="A summary.", **call))
        session.add(EventRow(run_id=id, seq=1, type="progress", at=now(), step="0", call_key=f"call of {id}", data={}))
    return id


async def kept(database: Database) -> set[str]:
    return {row.id for row in await database.fetch(select(Run.id))}


async def rows(database: Database) -> int:
    counts = [select(func.count()).select_from(table) for table in (Run, DocumentRow, TextRow, EventRow, CallRow)]
    return sum([(await database.fetch(count))[0][0] for count in counts])


async def test_runs_go_by_the_age_of_their_end(database: Database) -> None:
    old, new = await keep(database, age=3 * DAY), await keep(database, age=1 * DAY)
    assert await runs.outdated(database, days=2, most_bytes=None) == [old]
    assert await runs.outdated(database, days=0.5, most_bytes=None) == [old, new]
    assert await runs.outdated(database, days=None, most_bytes=None) == []


async def test_those_that_ended_first_go_first_when_there_is_too_much(database: Database) -> None:
    ids = [await keep(database, age=age * DAY, size=100) for age in (4, 3, 2, 1)]
    assert await runs.outdated(database, days=None, most_bytes=250) == ids[:2]
    assert await runs.outdated(database, days=None, most_bytes=400) == []
    assert await runs.outdated(database, days=3.5, most_bytes=100) == ids[:3]


async def test_what_is_told_of_a_run_counts_beside_its_texts(database: Database) -> None:
    ids = [await keep(database, age=age * DAY, size=100) for age in (3, 2, 1)]
    assert await runs.outdated(database, days=None, most_bytes=400) == []
    async with database.begin() as session:
        session.add(EventRow(run_id=ids[1], seq=2, type="document", at=now(), step="1", data={"text": "x" * 300}))
    assert await runs.outdated(database, days=None, most_bytes=400) == ids[:2]
    assert await runs.outdated(database, days=None, most_bytes=600) == ids[:1]
    assert await runs.outdated(database, days=2.5, most_bytes=None) == ids[:1]


async def test_a_run_that_has_not_ended_is_not_deleted_by_whoever_takes_it_for_ended(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = services.database
    ids = [await keep(database, status=status) for status in (Status.RUNNING, Status.QUEUED, Status.FAILED)]

    async def seen_before(database: Database, **bounds: Any) -> list[str]:
        return ["gone since", *ids]

    monkeypatch.setattr(runs, "outdated", seen_before)
    await tidy(services.resources)
    assert await kept(database) == set(ids[:2])
    for id in ids[:2]:
        with pytest.raises(RunIsActive):
            async with database.begin() as session:
                await runs.remove(session, id)


async def test_runs_that_have_not_ended_count_but_stay(database: Database) -> None:
    ids = [await keep(database, age=age * DAY, size=100) for age in (2, 1)]
    for status in (Status.QUEUED, Status.RUNNING):
        await keep(database, size=100, status=status)
    assert await runs.outdated(database, days=None, most_bytes=300) == ids[:1]
    assert await runs.outdated(database, days=0.0001, most_bytes=0) == ids


async def test_a_run_goes_with_all_it_owns_and_the_file_shrinks(services: Services) -> None:
    database = services.database
    assert database.path is not None
    old = [await keep(database, age=20 * DAY, size=3_000_000) for _ in range(5)]
    too_much = await keep(database, age=2 * DAY, size=900_000)
    new = await keep(database, age=1 * DAY, size=900_000)
    await database.compact()
    full = database.path.stat().st_size
    assert full > 16_000_000
    await tidy(services.resources)
    assert await kept(database) == {new}
    assert not {*old, too_much} & await kept(database)
    assert await rows(database) == 5
    assert database.path.stat().st_size < full / 10
    log = database.path.with_name(f"{database.path.name}-wal")
    assert log.stat().st_size < 1_000_000


async def look(keeping: Housekeeping) -> None:
    """Let it tidy up if it is time, to the end."""
    keeping.look()
    async with asyncio.timeout(10):
        await asyncio.gather(*filter(None, [keeping._task]))


async def test_room_that_cannot_be_given_back_while_another_is_at_the_file_is_no_error_and_tried_again_soon(
    services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(housekeeping, "TIDY_SECONDS", (0.0, 3_600.0))
    assert services.database.path is not None
    keeping = Housekeeping(services.resources)
    for _ in range(3):
        await keep(services.database, size=3_000_000, age=20 * DAY)
    async with services.database.begin() as session:
        await session.execute(delete(Run))
    with closing(sqlite3.connect(services.database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await look(keeping)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    full = services.database.path.stat().st_size
    await look(keeping)
    assert services.database.path.stat().st_size < full / 2


async def test_a_deletion_is_tidied_up_after_soon(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "TIDY_SECONDS", (0.0, 3_600.0))
    keeping = Housekeeping(services.resources)
    await keep(services.database, age=20 * DAY)
    await look(keeping)
    assert await kept(services.database) == set()
    await keep(services.database, age=20 * DAY)
    await look(keeping)  # the next time is an hour away ...
    assert len(await kept(services.database)) == 1
    keeping.soon()  # ... but for a deletion
    await look(keeping)
    assert await kept(services.database) == set()
