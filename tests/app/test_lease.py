"""A worker knows when it cannot know whose its runs are, and when another one is gone."""

import asyncio
import time

import pytest

from app.store import runs
from app.store.database import Database
from app.store.models import Run, Status, new_id, now
from app.work.lease import Lease, Watch
from graphs.models import LedgerUnavailable


async def test_calls_wait_until_the_lease_is_renewed() -> None:
    lease = Lease(60)
    holding = [asyncio.create_task(lease.hold()) for _ in range(3)]
    await asyncio.sleep(0.05)
    assert not any(task.done() for task in holding)
    lease.renew(time.monotonic())
    async with asyncio.timeout(5):
        await asyncio.gather(*holding)
        await lease.hold()


async def test_a_renewal_that_began_too_long_ago_is_none() -> None:
    lease = Lease(60)
    lease.renew(time.monotonic() - 120)  # the process was frozen while it waited for the database
    assert not lease.is_sure
    with pytest.raises(LedgerUnavailable):
        await lease.hold(0.05)
    lease.renew(time.monotonic())
    lease.renew(time.monotonic() - 120)  # an older one that comes late takes nothing back
    assert lease.is_sure


def test_a_worker_is_silent_when_its_lease_does_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    watch = Watch(10)

    def silent_after(seconds: float, **leases: float) -> list[str]:
        for _ in range(int(seconds)):
            clock[0] += 1
            found = watch.silent(leases)
        return found

    assert silent_after(1, a=5.0, b=7.0) == []
    assert silent_after(10, a=5.0, b=7.0) == []
    assert silent_after(1, a=5.0, b=8.0) == ["a"]
    assert silent_after(10, a=5.5, b=8.0) == []  # a was heard of, b has said nothing for ten seconds
    assert silent_after(1, a=5.5, b=8.0) == ["b"]
    assert silent_after(5, b=8.0) == ["b"]
    assert silent_after(5, a=5.5, b=1.0) == []  # their clocks do not matter: b's was put back


def test_what_happens_while_nobody_looks_hardly_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    watch = Watch(9)
    assert watch.silent({"a": 1.0}) == []
    clock[0] += 60  # both were frozen, perhaps
    assert watch.silent({"a": 1.0}) == []
    for _ in range(6):
        clock[0] += 1
        assert watch.silent({"a": 1.0}) == []
    clock[0] += 1
    assert watch.silent({"a": 1.0}) == ["a"]


async def claimed(database: Database, worker: str) -> Run:
    async with database.begin() as session:
        await runs.create(session, Run(id=new_id(), options={}, created_at=now(), attempt=0, documents=0), [], [])
        run = await runs.claim(session, worker, [])
    assert run is not None
    return run


async def test_a_worker_takes_up_again_what_it_holds_but_does_not_drive(database: Database) -> None:
    run = await claimed(database, "w")
    async with database.begin() as session:
        assert await runs.claim(session, "w", [], driven=[run.id]) is None
        assert await runs.claim(session, "other", []) is None
        again = await runs.claim(session, "w", [])
    assert again is not None
    assert (again.id, again.attempt) == (run.id, 2)


async def test_no_clock_decides_whether_a_lease_has_run_out(database: Database) -> None:
    run = await claimed(database, "w")
    async with database.begin() as session:
        await runs.renew(session, "w", -7_200)  # as if the clock had been put forward by two hours since
        assert await runs.claim(session, "other", []) is None
        taken = await runs.claim(session, "other", ["w"])
    assert taken is not None
    assert taken.id == run.id


async def test_a_run_ends_once(database: Database) -> None:
    run = await claimed(database, "w")
    async with database.begin() as session:
        await runs.finish(session, run.id, run.attempt, status=Status.SUCCEEDED, error=None)
    with pytest.raises(runs.LeaseLost):
        async with database.begin() as session:
            await runs.finish(session, run.id, run.attempt, status=Status.CANCELLED, error=None)
    async with database.read() as session:
        assert (await runs.get(session, run.id)).status == Status.SUCCEEDED
