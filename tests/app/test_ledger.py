"""The ledger keeps to its age and size, and to what runs need."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from app.store.calls import CallStore, trim
from app.store.database import Database
from app.store.models import CallRow, EventRow, Run, Status, new_id, now
from graphs.models import Answer, AnswerMalformed, Call, LedgerUnavailable

DAY = timedelta(days=1)
KEPT_FOR_EVER = {"days": 10_000.0, "most_bytes": 10**12}


async def keep(database: Database, key: str, *, age: timedelta = timedelta(), text: str = "A summary.") -> None:
    async with database.begin() as session:
        session.add(
            CallRow(
                key=key,
                owner="",
                model="openai:fake",
                created_at=now() - age,
                prompt_tokens=1,
                completion_tokens=1,
                seconds=0.1,
                spans=[],
                text=text,
            )
        )


async def use(database: Database, key: str, status: Status) -> None:
    run_id = new_id()
    async with database.begin() as session:
        session.add(Run(id=run_id, status=status, options={}, created_at=now(), documents=1))
        await session.flush()
        session.add(
            EventRow(run_id=run_id, seq=1, type="progress", at=now(), step="0.0", call_key=key, data={"kind": "map"})
        )


async def keys(database: Database) -> set[str]:
    return {row.key for row in await database.fetch(select(CallRow.key))}


async def test_calls_are_forgotten_for_their_age(database: Database) -> None:
    await keep(database, "old", age=3 * DAY)
    await keep(database, "new", age=1 * DAY)
    assert await trim(database, days=2, most_bytes=10**12) == 1
    assert await keys(database) == {"new"}


async def test_the_oldest_go_first_when_there_is_too_much(database: Database) -> None:
    for age in range(10):
        await keep(database, f"{age}", age=age * DAY, text="힣" * 30)  # 90 bytes
    assert await trim(database, days=10_000, most_bytes=350) == 7
    assert await keys(database) == {"0", "1", "2"}


async def test_what_a_run_under_way_rests_on_stays(database: Database) -> None:
    for status in (Status.QUEUED, Status.RUNNING, Status.SUCCEEDED):
        await keep(database, status, age=100 * DAY)
        await use(database, status, status)
    await trim(database, days=1, most_bytes=0)
    assert await keys(database) == {"queued", "running"}


async def test_a_ledger_within_its_bounds_is_left_alone(database: Database) -> None:
    assert await trim(database, **KEPT_FOR_EVER) == 0  # type: ignore[arg-type]
    await keep(database, "one")
    assert await trim(database, **KEPT_FOR_EVER) == 0  # type: ignore[arg-type]


async def test_thousands_are_forgotten_in_small_steps(database: Database) -> None:
    async with database.begin() as session:
        row = {"owner": "", "model": "m", "created_at": now() - DAY, "prompt_tokens": 1, "completion_tokens": 1}
        row |= {"seconds": 0.1, "spans": [], "text": "x"}
        await session.execute(CallRow.__table__.insert(), [row | {"key": str(number)} for number in range(2_345)])  # type: ignore[attr-defined]
    assert await trim(database, days=0.5, most_bytes=10**12) == 2_345
    assert await keys(database) == set()


async def never(_: int) -> Answer:
    raise AssertionError("nobody is asked")


@pytest.mark.parametrize("spans", ["null", "[1]", "{", '"x"'])
async def test_a_row_that_cannot_be_read_is_an_error_and_no_endless_wait(database: Database, spans: str) -> None:
    await keep(database, "good")
    await keep(database, "bad")
    async with database.begin() as session:
        await session.execute(text("UPDATE calls SET spans = :spans WHERE key = 'bad'"), {"spans": spans})
    store = CallStore(database)
    async with asyncio.timeout(10):
        with pytest.raises(LedgerUnavailable):
            await store.find(["bad"])
        assert set(await store.find(["good"])) == {"good"}


async def test_an_answer_that_cannot_be_kept_is_malformed_and_holds_up_no_other(database: Database) -> None:
    store = CallStore(database)
    calls = [Call("openai:fake", {"number": number}, never) for number in range(3)]
    answers = [Answer("A summary.", prompt_tokens=tokens) for tokens in (1, 10**30, 2)]
    async with asyncio.timeout(10):
        kept = await asyncio.gather(*map(store.keep, calls, answers), return_exceptions=True)
    assert [type(result) for result in kept] == [type(None), AnswerMalformed, type(None)]
    assert await keys(database) == {calls[0].key, calls[2].key}


async def test_whoever_asks_the_ledger_is_answered_whatever_goes_wrong(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(self: Database, query: object, parameters: object) -> None:
        raise RuntimeError("whatever else may end a look")

    ledger = CallStore(database)
    with monkeypatch.context() as broken:
        broken.setattr(Database, "_fetch", end)
        async with asyncio.timeout(5):
            with pytest.raises(LedgerUnavailable, match="whatever else"):
                await ledger.find(["a"])
    await keep(database, "a")
    assert set(await ledger.find(["a"])) == {"a"}
