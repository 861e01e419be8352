"""A run's events and what is counted in them: told once, without a gap, by the attempt that holds the run alone."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, text
from sqlalchemy.exc import IntegrityError, StatementError

from app.store import events, runs
from app.store.database import Database
from app.store.models import EventRow, Run, Status, new_id, now
from app.work.journal import Journal
from app.work.notifier import Notifier
from graphs.summarize import NO_USAGE, PlanCost, StepReport, Usage

COST = PlanCost(
    maps=6, merges=1, verbatim=0, depth=2, prompt_tokens=700, completion_tokens=70, expected_tokens=30, extra_calls=6
)
Json = dict[str, Any]


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Grows by one with every statement of the process."""
    seen: list[str] = []

    def on_execute(*arguments: Any) -> None:
        seen.append(arguments[2])

    event.listen(Engine, "before_cursor_execute", on_execute)
    yield seen
    event.remove(Engine, "before_cursor_execute", on_execute)


async def claimed(database: Database) -> Run:
    """A run in its first attempt, or the next attempt of the one that waits."""
    async with database.begin() as session:
        driven = list(await session.scalars(select(Run.id).where(Run.status == Status.RUNNING)))
        if not await runs.has_claimable(session, "worker", [], driven):
            new = Run(id=new_id(), options={}, created_at=now(), attempt=0, documents=0)
            await runs.create(session, new, [], [])
        run = await runs.claim(session, "worker", [], driven)
    assert run is not None
    return run


async def release(database: Database) -> None:
    async with database.begin() as session:
        await runs.release(session, "worker")


async def opened(database: Database, run: Run) -> Journal:
    journal = Journal(database, Notifier(), run.id, run.attempt)
    await journal.open()
    journal.planned(COST)
    return journal


def report(step: str, **values: Any) -> StepReport:
    told = StepReport(
        step=step,
        kind="map",
        document="a",
        part=0,
        start=0,
        end=10,
        is_summary=False,
        status="succeeded",
        key=None,
        error=None,
        message=None,
        text=None,
        seconds=0.5,
        usage=paid(100),
    )
    return told | values  # type: ignore[return-value]  # a TypedDict's | wants all of its names


def paid(prompt_tokens: int) -> Usage:
    return NO_USAGE | {"calls": 1, "prompt_tokens": prompt_tokens}


async def shown(database: Database, run: Run) -> Run:
    async with database.read() as session:
        return await runs.get(session, run.id)


async def told(database: Database, run: Run) -> list[tuple[int, str, str | None]]:
    return [(seq, type, step) for seq, type, step in await database.fetch(events.steps_told(run.id))]


async def test_a_run_shows_what_its_newest_event_has_counted(database: Database) -> None:
    run = await claimed(database)
    assert ((await shown(database, run)).progress, (await shown(database, run)).usage) == ({}, {})
    journal = await opened(database, run)
    await journal.flush()
    assert (await shown(database, run)).progress == {
        "phase": "map",
        "done": 0,
        "total": 7,
        "failed": 0,
        "eta_seconds": None,
    }
    journal.report(report("0.0"))
    journal.report(report("0.1", status="failed", usage=NO_USAGE))
    # What comes behind a count counts nothing, and must not hide it.
    journal.report(report("0.m1.0", kind="collapse", is_summary=True, text="A summary.", usage=paid(11)))
    await journal.flush()
    seen = await shown(database, run)
    assert {name: seen.progress[name] for name in ("phase", "done", "total", "failed")} == {
        "phase": "collapse",
        "done": 3,
        "total": 7,
        "failed": 1,
    }
    assert seen.usage == dict(NO_USAGE | {"calls": 2, "prompt_tokens": 111})
    assert [type for _, type, _ in await told(database, run)][-1] == "document"


async def test_what_a_run_shows_never_goes_back(database: Database) -> None:
    run = await claimed(database)
    journal = await opened(database, run)
    done: list[int] = []

    async def look() -> None:
        while not done or done[-1] < 300:
            done.append((await shown(database, run)).progress.get("done", 0))

    looking = asyncio.create_task(look())
    for number in range(300):
        journal.report(report(f"0.{number}"))
        await asyncio.sleep(0.0005)
    async with asyncio.timeout(10):
        await looking
    assert done == sorted(done)


async def test_the_next_attempt_goes_on_counting_and_tells_no_step_again(database: Database) -> None:
    run = await claimed(database)
    journal = await opened(database, run)
    for number in range(3):
        journal.report(report(f"0.{number}", status="failed" if number == 1 else "succeeded"))
    await journal.flush()
    before = await shown(database, run)
    await release(database)
    waiting = await shown(database, run)
    assert (waiting.status, waiting.progress, waiting.usage) == (Status.QUEUED, before.progress, before.usage)

    journal = await opened(database, await claimed(database))
    assert (journal.done, journal.failed, journal.phase) == (3, 1, "map")
    assert journal.usage == before.usage
    assert journal.report(report("0.1")) is None
    journal.report(report("0.3"))
    await journal.flush()
    steps = [None, None, "0.0", "0.1", "0.2", "0.3"]
    types = ["queued", "planned", *["progress"] * 4]
    assert await told(database, run) == list(zip(range(1, 7), types, steps, strict=True))
    after = await shown(database, run)
    assert (after.progress["done"], after.usage["calls"]) == (4, 4)


async def test_an_attempt_that_lost_the_run_tells_and_counts_nothing(database: Database) -> None:
    run = await claimed(database)
    stale = await opened(database, run)
    stale.report(report("0.0"))
    await stale.flush()
    await release(database)
    await claimed(database)
    before = await told(database, run)
    stale.report(report("0.1"))
    await stale.flush()
    assert await told(database, run) == before
    assert (await shown(database, run)).progress["done"] == 1


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.FAILED])
async def test_an_ended_run_keeps_what_was_counted(database: Database, status: Status) -> None:
    run = await claimed(database)
    journal = await opened(database, run)
    journal.report(report("0.0"))
    await journal.flush()
    before = await shown(database, run)
    async with database.begin() as session:
        await runs.finish(session, run.id, run.attempt, status=status, error=None)
    async with database.begin() as session:
        await session.execute(text("DELETE FROM events"))  # only the row is left to read from
    after = await shown(database, run)
    assert (after.status, after.progress, after.usage) == (status, before.progress, before.usage)


async def test_a_page_of_running_runs_is_one_query(database: Database, statements: list[str]) -> None:
    for number in range(5):
        run = await claimed(database)
        journal = await opened(database, run)
        for step in range(number):
            journal.report(report(f"0.{step}"))
        await journal.flush()
    del statements[:]
    async with database.read() as session:
        found = await runs.page(session, "", before=None, status=Status.RUNNING, limit=10)
    assert len([statement for statement in statements if "SELECT" in statement]) == 1
    assert [run.progress["done"] for run in found] == [4, 3, 2, 1, 0]
    assert [run.usage["calls"] for run in found] == [4, 3, 2, 1, 0]


async def test_reading_a_run_writes_nothing_back(database: Database) -> None:
    run = await claimed(database)
    journal = await opened(database, run)
    await journal.flush()
    async with database.begin() as session:  # a session that is committed
        await runs.request_cancel(session, run.id)
    async with database.read() as session:
        assert await session.scalar(select(Run.progress).where(Run.id == run.id)) == {}


async def test_a_failed_write_is_raised_by_the_flush(database: Database) -> None:
    run = await claimed(database)
    journal = await opened(database, run)
    await journal.flush()
    async with database.begin() as session:
        session.add(EventRow(run_id=run.id, seq=3, type="other", at=now(), step=None, call_key=None, data={}))
    journal.report(report("0.0"))
    with pytest.raises(IntegrityError):
        await journal.flush()


async def test_texts_of_any_script_are_told_as_they_are(database: Database) -> None:
    run = await claimed(database)
    journal = await opened(database, run)
    journal.report(report("0.0", message="절반 \ud83d"))  # half a pair: only an escape can hold it
    journal.report(report("0.1", message="안산"))
    await journal.flush()
    stored = [data for _, _, data in await database.fetch(events.after(run.id, 2, 10))]
    assert '"message":"안산"' in stored[1]
    async with database.read() as session:
        found = await events.partials(session, run.id, "map")
    assert [event.data["message"] for event, _ in found] == ["절반 \ud83d", "안산"]


async def test_an_event_that_could_not_be_written_leaves_no_gap(database: Database) -> None:
    run = await claimed(database)
    journal = Journal(database, Notifier(), run.id, run.attempt)
    await journal.open()
    journal._append("progress", {"not": {"json"}})
    on_their_way = [journal.report(report("0.0")), journal.report(report("0.1"))]
    await asyncio.gather(*filter(None, on_their_way), return_exceptions=True)
    assert [seq for seq, _, _ in await told(database, run)] == [1]
    with pytest.raises(StatementError):  # and the run stops
        journal.report(report("0.2"))
    with pytest.raises(StatementError):
        await journal.flush()
    again = await opened(database, run)
    again.report(report("0.0"))
    await again.flush()
    assert [seq for seq, _, _ in await told(database, run)] == [1, 2, 3]


async def test_what_was_told_by_now_is_waited_for_and_not_what_is_told_meanwhile(database: Database) -> None:
    run = await claimed(database)
    journal = await opened(database, run)
    first = journal.report(report("0.0"))
    waiting = asyncio.create_task(journal.written())
    await asyncio.sleep(0)
    assert first is not None
    assert not waiting.done()
    while not waiting.done():
        later = journal.report(report(f"0.{journal.done}"))
        await asyncio.sleep(0)
    assert first.done()
    assert later is not None
    assert not later.done()
    await journal.flush()
