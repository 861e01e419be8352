"""Watch a run as server-sent events."""

import asyncio
import json
import logging
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from app.api.dependencies import ExistingRun, ServicesDep
from app.api.events import DraftsTold, Gathered, stream_schema
from app.api.problems import problems
from app.api.showing import counts_of
from app.bootstrap import Services
from app.errors import InvalidFields, RunNotFound
from app.store import events, runs
from app.store.database import to_json
from app.work.notifier import POLL_SECONDS, wait

router = APIRouter(prefix="/v1/runs", tags=["runs"])
logger = logging.getLogger(__name__)

SEQ = re.compile(r"[0-9]{1,15}")
ROWS_AT_ONCE = 50  # read from the database: a client that reads nothing keeps the events of so many in memory
PIECE_BYTES = 4 * 1024  # handed on at once: on its way to a client there are copies of it
PROGRESS_SECONDS = 0.27  # between two `progress` events: never more than four in a second
RETRY_MILLISECONDS = 1_000  # after which a browser comes back
KEEP_ALIVE_SECONDS = 15.0  # of silence, before a comment keeps proxies from closing the connection

STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The events, as long as the run goes on.",
        "content": {"text/event-stream": {"schema": stream_schema()}},
    }
}


class EventStream(StreamingResponse):
    """A stream of server-sent events.

    FastAPI's own way of streaming them logs a trace whenever a client leaves while it waits.
    """

    media_type = "text/event-stream"


@router.get(
    "/{run_id}/stream",
    summary="Watch a run",
    response_class=EventStream,
    responses={**STREAM, **problems(RunNotFound, InvalidFields)},
)
async def stream_run(
    run: ExistingRun,
    services: ServicesDep,
    last_event_id: Annotated[
        str | None,
        Header(description="The id of the last event you have seen; what follows it is sent.", examples=["7"]),
    ] = None,
    after: Annotated[
        int, Query(ge=0, lt=10**15, description="The same, for clients that cannot set a header.", examples=[0])
    ] = 0,
) -> EventStream:
    """Send what has happened so far, then what happens, until the run ends.

    `queued`; `planned`, with the tree of calls; `progress`, at most four a second, with every call that ended since the
    event before (when more than fifty have, in several events at once); `document`, with its summary, as soon as
    that is written; `draft`, what a language model has written so far of the last summary, in turn with `progress`;
    last `finished`. `goodbye` says that the service stops.

    `id` counts what was told: an event's id is that of the event before, plus the number of its `steps`, plus one
    unless it is a `progress`. So a browser's `EventSource`, which comes back by itself, misses nothing and sees nothing
    twice; a `draft` has no `id` and comes anew. Only the process that drives a run has its drafts: where several share
    the data, a stream of another one tells all the rest. A comment every 15 seconds keeps the connection open.

    curl: `curl -N http://127.0.0.1:8000/v1/runs/$ID/stream`

    Python: `with httpx.stream("GET", f"{url}/v1/runs/{id}/stream", timeout=None) as answer:` and then
    `for line in answer.iter_lines(): ...`

    Browser: `new EventSource("/v1/runs/" + id + "/stream").addEventListener("progress", event => ...)`
    """
    seq = int(last_event_id) if last_event_id and SEQ.fullmatch(last_event_id) else after
    # One that has ended waits at no gate, though its driver may not have left it yet.
    provider = None if run.status.is_final else run.model.partition(":")[0]
    told = _told(run.id, provider, Gathered(counts_of(run)), services, seq)
    return EventStream(_in_pieces(told), headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})


async def _told(
    run_id: str, provider: str | None, gathered: Gathered, services: Services, seq: int
) -> AsyncIterator[bytes]:
    """Yield the stream, from behind the event `seq` to the end of the run or of the service.

    While a client reads nothing, all that waits here is what it is sent next: no run, no row.
    """
    yield format_sse_event(retry=RETRY_MILLISECONDS)
    drafts = DraftsTold()
    has_ended = False
    sent_at = time.monotonic()
    while True:
        waiter = services.notifier.waiter(run_id)
        news = await _news(run_id, provider, gathered, services, seq)
        if news is None:
            return
        found, seq, gate = news.found, news.seq, news.gate
        while news.sending:
            yield news.sending.popleft()
        if found:
            sent_at = time.monotonic()
            if news.is_over:
                return
        elif has_ended:
            return
        elif gate and gate != gathered.gate and gathered.is_under_way:
            yield _progress(gathered, gate)
            sent_at = time.monotonic()
            await asyncio.sleep(PROGRESS_SECONDS)
        elif time.monotonic() - sent_at >= KEEP_ALIVE_SECONDS:
            yield KEEPALIVE_COMMENT
            sent_at = time.monotonic()
        if services.stopping.is_set():
            yield _event("goodbye", '{"reason":"the service is stopping"}', None)
            return
        if found == ROWS_AT_ONCE:  # there is more already
            continue
        if found:
            await asyncio.sleep(PROGRESS_SECONDS)
        else:
            # A client that comes back after the end, or whose run was deleted, must not wait for ever; one look more
            # takes what was told since the one above.
            has_ended = await _has_ended(run_id, services)
        until = time.monotonic() + (0.0 if found or has_ended else POLL_SECONDS)
        async for sent in _drafts(run_id, services, drafts, waiter, until):
            yield sent
            sent_at = time.monotonic()


class _News(NamedTuple):
    """What a stream tells next."""

    sending: deque[bytes]
    found: int  # rows that it was made of
    seq: int  # of the last of them, or of the last before
    is_over: bool  # the run has ended
    gate: dict[str, Any] | None


async def _news(run_id: str, provider: str | None, gathered: Gathered, services: Services, seq: int) -> _News | None:
    """Return what has happened behind the event `seq`; None when it cannot be read."""
    async with services.telling:
        rows = await _rows(run_id, services, seq)
        if rows is None:
            return None
        is_over = bool(rows) and rows[-1].type == events.FINISHED
        gate = None if is_over else _gate(run_id, provider, services)
        sending = deque(_events(rows, gathered, gate))
        return _News(sending, len(rows), rows[-1].seq if rows else seq, is_over, gate)


async def _rows(run_id: str, services: Services, seq: int) -> Sequence[Row[int, str, str]] | None:
    """Return the next events of a run; None when they cannot be read: the client comes back for what is left."""
    try:
        return await services.database.fetch(events.after(run_id, seq, ROWS_AT_ONCE))
    except SQLAlchemyError as error:
        logger.error("the stream of run %s breaks off: %s", run_id, error)
        return None


async def _has_ended(run_id: str, services: Services) -> bool:
    """Tell whether nothing more will come here; so it is when that cannot be read: the client comes back."""
    try:
        return await runs.has_ended(services.database, run_id)
    except SQLAlchemyError as error:
        logger.error("the stream of run %s breaks off: %s", run_id, error)
        return True


async def _drafts(
    run_id: str, services: Services, known: DraftsTold, waiter: asyncio.Event, until: float
) -> AsyncIterator[bytes]:
    """Yield how drafts of the run grow, until something else may have happened or the monotonic time `until` has come;
    at the pace of `progress`, and without a look at the database.
    """
    while True:
        drafts = services.resources.drafts.of(run_id)
        if told := known.news(drafts):
            yield _event("draft", to_json({"drafts": told}), None)
            await asyncio.sleep(PROGRESS_SECONDS)
        left = until - time.monotonic()
        if waiter.is_set() or left <= 0:
            return
        if not told:
            await wait(waiter, min(left, PROGRESS_SECONDS) if drafts else left)


async def _in_pieces(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield a stream in small pieces, and hold only what is left of each event."""
    async for sent in stream:
        left = sent
        del sent
        while left:
            piece, left = left[:PIECE_BYTES], left[PIECE_BYTES:]
            yield piece


def _events(rows: Sequence[Row[int, str, str]], gathered: Gathered, gate: dict[str, Any] | None) -> Iterator[bytes]:
    """Yield the events of rows that were read at once: a `progress` for all steps that no other event takes along."""
    for seq, type, data in rows:
        if type == "progress":
            gathered.add(seq, json.loads(data))
        elif type == events.FINISHED:
            if gathered.is_ahead:
                yield _progress(gathered, gate)
            yield _event(type, data, seq)
        else:
            if type in events.COUNTED:
                gathered.count(json.loads(data))
            if type == "document" or gathered:
                yield _event(type, to_json(json.loads(data) | {"steps": gathered.take()}), seq)
            else:
                yield _event(type, data, seq)
    if gathered.is_ahead:
        yield _progress(gathered, gate)


def _progress(gathered: Gathered, gate: dict[str, Any] | None) -> bytes:
    steps = gathered.take()
    gathered.is_ahead, gathered.gate = False, gate
    return _event(
        "progress", to_json(gathered.counts | {"steps": steps, "gate": gate}), gathered.seq if steps else None
    )


def _event(type: str, data: str, seq: int | None) -> bytes:
    return format_sse_event(event=type, data_str=data, id=None if seq is None else str(seq))


def _gate(run_id: str, provider: str | None, services: Services) -> dict[str, Any] | None:
    """Return the gate of a run's provider as it is now; None when the run is not driven here."""
    if provider is None or not services.worker.drives(run_id):
        return None
    gate = services.resources.calls.gate(provider)
    return {"in_flight": gate.in_flight, "waiting": gate.waiting, "paused_seconds": round(gate.paused_seconds, 1)}
