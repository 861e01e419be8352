"""The events of runs: what a client is told, in order, however often it comes back.

While a run goes on, its newest event of the types `COUNTED` is also where its progress and its usage stand: in the same
row, nothing can be told and not counted, whenever the process is killed.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Insert,
    Integer,
    ScalarSelect,
    Select,
    Subquery,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from app.store.models import CallRow, EventRow, Run, now

FINISHED = "finished"  # the type of the one terminal event
ENDED = "ended"  # what it becomes when the run is tried again
RETRIED = "retried"  # the type of the event from which on steps are told anew
PLANNED = "planned"  # the type of the event whose step is what tells its plan from others
COUNTED = (PLANNED, "progress", RETRIED)  # the types whose data hold `progress` and `run_usage`, as of that event


def appending() -> Insert:
    """Return the statement that appends events of a run, as long as its worker still holds the run, and only behind the
    event before: when that could not be written, those that were on their way with it must leave no gap.
    """
    held = select(Run.id).where(Run.id == bindparam("run_id"), Run.attempt == bindparam("attempt")).exists()
    before = select(EventRow.seq).where(
        EventRow.run_id == bindparam("run_id"), EventRow.seq == bindparam("seq", type_=Integer) - 1
    )
    columns = ["run_id", "seq", "type", "at", "step", "call_key", "data"]
    table = EventRow.__table__
    values = select(*[bindparam(name, type_=table.c[name].type) for name in columns]).where(held, before.exists())
    return insert(table).from_select(columns, values)  # type: ignore[arg-type]  # a mapped class's table is a Table


async def append(session: AsyncSession, run_id: str, type: str, data: dict[str, Any]) -> None:
    """Append one event behind the last, inside the caller's transaction."""
    last = await last_seq(session, run_id)
    session.add(EventRow(run_id=run_id, seq=last + 1, type=type, at=now(), step=None, call_key=None, data=data))


async def go_on(session: AsyncSession, run_id: str, data: dict[str, Any]) -> None:
    """Let the events of a run that has ended go on: its end is no longer the last, and what follows is told anew."""
    end = update(EventRow).where(EventRow.run_id == run_id, EventRow.type == FINISHED)
    await session.execute(end.values(type=ENDED))
    await append(session, run_id, RETRIED, data)


def after(run_id: str, seq: int, limit: int) -> Select[int, str, str]:
    """Return the query for number, type and data, as JSON, of the events behind `seq`, oldest first."""
    columns = (EventRow.seq, EventRow.type, cast(EventRow.data, Text).label("data"))
    return select(*columns).where(EventRow.run_id == run_id, EventRow.seq > seq).order_by(EventRow.seq).limit(limit)


async def last_seq(session: AsyncSession, run_id: str) -> int:
    """Return the number of a run's last event; 0 before the first."""
    return await session.scalar(select(func.max(EventRow.seq)).where(EventRow.run_id == run_id)) or 0


def steps_told(run_id: str) -> Select[int, str, str | None]:
    """Return the query for number, type and step of a run's events, oldest first."""
    return select(EventRow.seq, EventRow.type, EventRow.step).where(EventRow.run_id == run_id).order_by(EventRow.seq)


def counts() -> ScalarSelect[dict[str, Any]]:
    """Return, for a query on runs, the data of each run's newest event that counts; null before the first."""
    counted = select(EventRow.data).where(EventRow.run_id == Run.id, EventRow.type.in_(COUNTED))
    return counted.order_by(EventRow.seq.desc()).limit(1).correlate(Run).scalar_subquery()


async def partials(
    session: AsyncSession, run_id: str, kind: str, **wanted: str | int | None
) -> Sequence[tuple[EventRow, str | None]]:
    """Return the steps of one kind with what each wrote (None for a failed one), oldest first; only those whose data
    hold what is `wanted`, where that is not None. Of a step that was told again, the last time; of a plan that gave way
    to another, none.
    """
    plans = select(func.coalesce(EventRow.step, "")).where(EventRow.run_id == run_id, EventRow.type == PLANNED)
    plan = plans.order_by(EventRow.seq.desc()).limit(1).scalar_subquery()
    of_plan = and_(EventRow.type == PLANNED, func.coalesce(EventRow.step, "") == plan)
    first = select(func.min(EventRow.seq)).where(EventRow.run_id == run_id, of_plan).scalar_subquery()
    query = (
        select(EventRow, CallRow.text)
        .outerjoin(CallRow, CallRow.key == EventRow.call_key)
        .where(EventRow.run_id == run_id, EventRow.type == "progress", EventRow.data["kind"].as_string() == kind)
        .where(EventRow.seq > func.coalesce(first, 0))
        .order_by(EventRow.seq)
    )
    for name, value in wanted.items():
        if value is not None:
            held = EventRow.data[name]
            query = query.where((held.as_integer() if isinstance(value, int) else held.as_string()) == value)
    newest: dict[str | None, tuple[EventRow, str | None]] = {}
    for event, text in (await session.execute(query)).all():
        newest.pop(event.step, None)  # so that it comes behind those told meanwhile
        newest[event.step] = event, text
    return list(newest.values())


async def forget_calls(session: AsyncSession, run_id: str) -> None:
    """Delete the ledger entries that this run used or has paid for, but those whose answers steps of another run tell
    of: that a draft was written again, or a chunk asked for by pieces, no event of this one tells either.
    """
    own = select(EventRow.call_key).where(EventRow.run_id == run_id, EventRow.call_key.is_not(None))
    others = select(EventRow.call_key).where(EventRow.run_id != run_id, EventRow.call_key == CallRow.key).exists()
    mine = or_(CallRow.key.in_(own), CallRow.run_id == run_id)
    await session.execute(delete(CallRow).where(mine, ~others))


def sizes() -> Subquery:
    """Return, as a table, how long the events of each run are: `run_id` and `characters`."""
    characters = func.sum(func.length(cast(EventRow.data, Text)))
    return select(EventRow.run_id, characters.label("characters")).group_by(EventRow.run_id).subquery()
