"""Everything that happens to a run in the database. No other module but `queue` queries runs or documents."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    Table,
    and_,
    bindparam,
    case,
    delete,
    false,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from app.errors import DocumentNotFound, NothingToRetry, RunIsActive, RunNotFound
from app.store import events
from app.store.database import Database
from app.store.models import DocumentRow, Run, Status, TextRow, now
from graphs.summarize import NO_USAGE

REQUEST_KEY_HOURS = 24  # that an Idempotency-Key counts
LEASE_SECONDS = 15.0  # a run whose worker has not been heard of for so long is taken over
NO_PROGRESS: dict[str, Any] = {"phase": "queued", "done": 0, "total": 0, "failed": 0, "eta_seconds": None}

# Of the table rather than the class: ten thousand documents take a second this way, and twelve through objects.
_DOCUMENTS = cast("Table", DocumentRow.__table__)
_ADD_DOCUMENT = insert(_DOCUMENTS)
_ADD_TEXT = insert(cast("Table", TextRow.__table__))
_CHANGE_DOCUMENT = update(_DOCUMENTS).where(
    _DOCUMENTS.c.run_id == bindparam("of_run"), _DOCUMENTS.c.position == bindparam("at_position")
)
_IS_ITS_TEXT = and_(TextRow.run_id == DocumentRow.run_id, TextRow.position == DocumentRow.position)
BATCH_ROWS = 100  # of documents that go to the driver at once: the loop stands still meanwhile
BATCH_CHARACTERS = 4_000_000


class LeaseLost(Exception):
    """Another worker has taken the run over, or it has ended, or was deleted."""


# A run that has not ended, with what its events have counted so far; only its end writes that to its row.
_OPEN = Run.status.in_([Status.QUEUED, Status.RUNNING])
_COUNTS = case((_OPEN, events.counts()))
_RUNS = select(Run, _COUNTS)


@dataclass(frozen=True, slots=True)
class Brief:
    """A run in brief, with what its events have counted so far."""

    id: str
    status: Status
    model: str
    text_bytes: int
    progress: dict[str, Any]
    usage: dict[str, Any]


async def _counted(session: AsyncSession, query: Select[Run, dict[str, Any] | None]) -> list[Run]:
    """Return runs with their progress and usage, also of those that have not ended."""
    found = []
    for run, counts in (await session.execute(query)).all():
        if counts is not None:
            set_committed_value(run, "progress", counts["progress"])  # for the reader: not to be written back
            set_committed_value(run, "usage", counts["run_usage"])
        found.append(run)
    return found


async def create(session: AsyncSession, run: Run, documents: Sequence[dict[str, Any]], texts: Sequence[str]) -> None:
    """Store a new run with its documents, the text of each, and its first event."""
    session.add(run)
    await session.flush()
    for batch in _batches({"run_id": run.id, "position": place} | row for place, row in enumerate(documents)):
        await session.execute(_ADD_DOCUMENT, batch)
    for batch in _batches({"run_id": run.id, "position": place, "text": text} for place, text in enumerate(texts)):
        await session.execute(_ADD_TEXT, batch)
    await events.append(session, run.id, "queued", {"documents": len(documents)})


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    characters = 0
    for row in rows:
        batch.append(row)
        characters += len(row.get("text", ""))
        if len(batch) == BATCH_ROWS or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


async def of_request(session: AsyncSession, owner: str, key: str) -> Run | None:
    """Return the run that an earlier request with this Idempotency-Key has made, if the key still counts.

    Inside the writer's transaction, so that of two requests at once the second finds the first's run.
    """
    run = await session.scalar(select(Run).where(Run.owner == owner, Run.request_key == key))
    if run is None:
        return None
    if run.created_at < now() - timedelta(hours=REQUEST_KEY_HOURS):
        run.request_key = None
        await session.flush()
        return None
    return run


async def get(session: AsyncSession, id: str, owner: str = "") -> Run:
    """Return a run. Raises `RunNotFound`."""
    found = await _counted(session, _RUNS.where(Run.id == id, Run.owner == owner))
    if not found:
        raise RunNotFound
    return found[0]


async def brief(database: Database, id: str, owner: str = "") -> Brief:
    """Return a run in brief: one query, which waits for no session, as hundreds may ask at once after a restart.
    Raises `RunNotFound`.
    """
    model = Run.options["model"].as_string()
    columns = select(Run.id, Run.status, model, Run.text_bytes, Run.progress, Run.usage, _COUNTS)
    rows = await database.fetch(columns.where(Run.id == id, Run.owner == owner))
    if not rows:
        raise RunNotFound
    id, status, model_name, text_bytes, progress, usage, counts = rows[0]
    if counts is not None:
        progress, usage = counts["progress"], counts["run_usage"]
    return Brief(id, Status(status), model_name, text_bytes, progress, usage)


async def has_ended(database: Database, id: str) -> bool:
    """Tell whether a run has ended or was deleted: a look that may be taken often."""
    rows = await database.fetch(select(Run.status).where(Run.id == id))
    return not rows or Status(rows[0].status).is_final


async def page(
    session: AsyncSession,
    owner: str,
    *,
    before: str | None,
    status: Status | None,
    search: str | None = None,
    limit: int,
) -> Sequence[Run]:
    """Return runs, newest first, older than the run `before`, with a document whose title holds `search`."""
    query = _RUNS.where(Run.owner == owner).order_by(Run.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Run.id < before)
    if status is not None:
        query = query.where(Run.status == status)
    if search:
        titled = and_(DocumentRow.run_id == Run.id, DocumentRow.title.icontains(search, autoescape=True))
        query = query.where(select(DocumentRow.run_id).where(titled).exists())
    return await _counted(session, query)


async def first_titles(session: AsyncSession, ids: Sequence[str]) -> dict[str, str]:
    """Return the title of each run's first document."""
    first = and_(DocumentRow.run_id.in_(ids), DocumentRow.position == 0)
    found = (await session.execute(select(DocumentRow.run_id, DocumentRow.title).where(first))).all()
    return {row.run_id: row.title for row in found}


async def documents_of(session: AsyncSession, run_id: str) -> Sequence[DocumentRow]:
    """Return a run's documents in the caller's order."""
    query = select(DocumentRow).where(DocumentRow.run_id == run_id).order_by(DocumentRow.position)
    return (await session.scalars(query)).all()


async def passage(database: Database, run_id: str, id: str, start: int, end: int) -> Row[str, int, list[Any], str]:
    """Return title, characters, pages and a part of the text of a document. Raises `DocumentNotFound`."""
    row = DocumentRow
    part = func.substr(TextRow.text, start + 1, max(0, end - start)).label("text")
    query = select(row.title, row.characters, row.pages, part).join(TextRow, _IS_ITS_TEXT)
    found = await database.fetch(query.where(row.run_id == run_id, row.id == id))
    if not found:
        raise DocumentNotFound
    return found[0]


def texts_of(run_id: str) -> Select[int, str, str, str, list[Any], str]:
    """Return the query for position, id, title, group, pages and text of the documents that could be read, in the
    caller's order.
    """
    row = DocumentRow
    readable = and_(row.run_id == run_id, row.status != Status.FAILED)
    columns = select(row.position, row.id, row.title, row.group, row.pages, TextRow.text)
    return columns.join(TextRow, _IS_ITS_TEXT).where(readable).order_by(row.position)


async def leases(session: AsyncSession, other_than: str = "") -> dict[str, float]:
    """Return the lease of each worker that holds runs, but of one: a number that changes with each renewal."""
    query = select(Run.worker, func.max(Run.lease_until)).where(Run.status == Status.RUNNING, Run.worker != other_than)
    found = (await session.execute(query.group_by(Run.worker))).all()
    return {str(worker): lease for worker, lease in found}


def _claimable(worker: str, gone: Sequence[str], driven: Sequence[str]) -> ColumnElement[bool]:
    """Waits, or is held by a worker that is gone, or by this one, which drives others."""
    is_held_in_vain = and_(Run.status == Status.RUNNING, Run.worker.in_([worker, *gone]))
    return and_(or_(Run.status == Status.QUEUED, is_held_in_vain), Run.id.not_in(driven))


async def has_claimable(session: AsyncSession, worker: str, gone: Sequence[str], driven: Sequence[str] = ()) -> bool:
    """Tell whether `claim` would find a run; a look that takes no write lock."""
    return bool(await session.scalar(select(select(Run.id).where(_claimable(worker, gone, driven)).exists())))


async def claim(
    session: AsyncSession,
    worker: str,
    gone: Sequence[str],
    driven: Sequence[str] = (),
    lease_seconds: float = LEASE_SECONDS,
) -> Run | None:
    """Take the oldest run that waits, or whose worker is gone, or that this worker holds but does not drive; no two
    workers ever take the same one.
    """
    oldest = select(Run.id).where(_claimable(worker, gone, driven)).order_by(Run.id).limit(1).scalar_subquery()
    claimed = await session.scalars(
        update(Run)
        .where(Run.id == oldest)
        .values(
            status=Status.RUNNING,
            worker=worker,
            attempt=Run.attempt + 1,
            lease_until=time.time() + lease_seconds,
            started_at=func.coalesce(Run.started_at, now()),
        )
        .returning(Run)
        .execution_options(populate_existing=True)
    )
    run = claimed.one_or_none()
    if run is not None:
        await _start_documents(session, run.id)
    return run


async def _start_documents(session: AsyncSession, id: str) -> None:
    """Mark the documents that can be read as running."""
    waiting = and_(DocumentRow.run_id == id, DocumentRow.status == Status.QUEUED)
    await session.execute(update(DocumentRow).where(waiting).values(status=Status.RUNNING))


async def renew(session: AsyncSession, worker: str, lease_seconds: float = LEASE_SECONDS) -> None:
    """Prolong the lease of every run that a worker holds."""
    held = and_(Run.worker == worker, Run.status == Status.RUNNING)
    await session.execute(update(Run).where(held).values(lease_until=time.time() + lease_seconds))


async def attempts_of(session: AsyncSession, ids: Sequence[str]) -> dict[str, tuple[int, bool]]:
    """Return of each run that is still there its attempt, and whether its caller wants it cancelled."""
    wants_cancel = and_(Run.status == Status.RUNNING, Run.cancel_requested_at.is_not(None))
    found = await session.execute(select(Run.id, Run.attempt, wants_cancel).where(Run.id.in_(ids)))
    return {id: (attempt, bool(cancelled)) for id, attempt, cancelled in found.all()}


async def release(session: AsyncSession, worker: str, id: str | None = None) -> None:
    """Give back a run that a worker holds, or all of them, for anyone to take at once."""
    held = and_(Run.worker == worker, Run.status == Status.RUNNING)
    if id is not None:
        held = and_(held, Run.id == id)
    await session.execute(update(Run).where(held).values(status=Status.QUEUED, worker=None, lease_until=0.0))


async def request_cancel(session: AsyncSession, id: str, owner: str = "") -> Status:
    """Note that a run is to be cancelled, and end it here if no worker has it yet; return its status. Raises
    `RunNotFound`.
    """
    run = await get(session, id, owner)
    if run.status == Status.QUEUED:
        await settle_documents(session, id, Status.CANCELLED)
        await finish(session, id, run.attempt, status=Status.CANCELLED, error=None)
    elif run.status == Status.RUNNING and run.cancel_requested_at is None:
        run.cancel_requested_at = now()
    await session.flush()  # refresh() alone would forget the change
    await session.refresh(run)
    return Status(run.status)


async def retry(session: AsyncSession, id: str, owner: str = "", *, budget: dict[str, Any] | None = None) -> None:
    """Queue a run again that has ended without success; what it has stays until there is something newer.

    Documents that could not be read stay failed. A budget counts for the whole run, what it has cost so far included.
    Raises `RunNotFound`, `RunIsActive`, `NothingToRetry`.
    """
    run = await get(session, id, owner)
    if not Status(run.status).is_final:
        raise RunIsActive
    if run.status == Status.SUCCEEDED:
        raise NothingToRetry
    await events.go_on(session, id, {"progress": NO_PROGRESS, "run_usage": NO_USAGE | run.usage})
    run.status = Status.QUEUED
    run.attempt += 1  # whoever held it before can write nothing any more
    run.error = run.finished_at = run.cancel_requested_at = None
    if budget is not None:
        run.options = run.options | {"budget": budget}
    readable = and_(DocumentRow.run_id == id, DocumentRow.characters > 0)
    await session.execute(update(DocumentRow).where(readable).values(status=Status.QUEUED, error=None))


async def finish(
    session: AsyncSession, id: str, attempt: int, *, status: Status, error: dict[str, Any] | None, **values: Any
) -> None:
    """End a run, with what its events have counted, and append its terminal event. Raises `LeaseLost`."""
    counts = await session.scalar(select(events.counts()).where(Run.id == id))
    if counts is not None:
        values = {"progress": counts["progress"], "usage": counts["run_usage"]} | values
    await change(
        session, id, attempt, status=status, error=error, finished_at=now(), worker=None, lease_until=0.0, **values
    )
    await events.append(session, id, events.FINISHED, {"status": status, "error": error})


async def change(session: AsyncSession, id: str, attempt: int, **values: Any) -> None:
    """Write columns of a run that this attempt still holds. Raises `LeaseLost`."""
    held = and_(Run.id == id, Run.attempt == attempt, _OPEN)
    result = await session.execute(update(Run).where(held).values(**values))
    if isinstance(result, CursorResult) and result.rowcount == 0:
        raise LeaseLost(id)


async def change_documents(session: AsyncSession, id: str, rows: Sequence[dict[str, Any]]) -> None:
    """Write what became of documents; each row names its `position`. The caller checks the lease in the same
    transaction.
    """
    for batch in _batches(rows):
        await session.execute(_CHANGE_DOCUMENT, [{"of_run": id, "at_position": row["position"]} | row for row in batch])


async def settle_documents(session: AsyncSession, id: str, status: Status) -> None:
    """Give the documents that have not ended a final status."""
    open_ones = and_(DocumentRow.run_id == id, DocumentRow.status.in_([Status.QUEUED, Status.RUNNING]))
    await session.execute(update(DocumentRow).where(open_ones).values(status=status))


async def outdated(database: Database, *, days: float | None, most_bytes: int | None) -> list[str]:
    """Return the runs that ended longer ago than so many days, and, where the texts and events of all have more bytes
    than allowed, those that ended first; None is no limit. With `most_bytes`, all events are read.
    """
    tests = []
    if days is not None:
        tests.append(Run.finished_at < now() - timedelta(days=days))
    if most_bytes is not None:
        tests.append(Run.id.in_(_beyond(most_bytes)))
    is_open = Run.status.in_([Status.QUEUED, Status.RUNNING])
    query = select(Run.id).where(or_(false(), *tests), ~is_open).order_by(Run.finished_at)
    return [row.id for row in await database.fetch(query)]


def _beyond(most_bytes: int) -> Select[str]:
    """Return the query for the runs that have more than so many bytes together with those that ended later."""
    told = events.sizes()
    size = Run.text_bytes + func.coalesce(told.c.characters, 0)
    newer = func.sum(size).over(order_by=(Run.finished_at.desc().nulls_first(), Run.id))
    sized = select(Run.id, newer.label("with_newer")).outerjoin(told, told.c.run_id == Run.id).subquery()
    return select(sized.c.id).where(sized.c.with_newer > most_bytes)


async def remove(session: AsyncSession, id: str) -> None:
    """Delete a run that has ended with its documents, its events, and the ledger entries that no other run uses.

    Raises `RunNotFound`, `RunIsActive`.
    """
    status = await session.scalar(select(Run.status).where(Run.id == id))
    if status is None:
        raise RunNotFound
    if not Status(status).is_final:
        raise RunIsActive
    await events.forget_calls(session, id)
    await session.execute(delete(Run).where(Run.id == id))
