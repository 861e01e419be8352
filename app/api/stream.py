"""Watch a run as server-sent events."""

import re
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.api.dependencies import ExistingRun, ServicesDep
from app.api.problems import problems
from app.errors import RunNotFound
from app.store import events, runs
from app.work.notifier import wait

router = APIRouter(prefix="/v1/runs", tags=["runs"])

SEQ = re.compile(r"[0-9]{1,15}")
EVENTS_AT_ONCE = 200  # read from the database; a slow client holds no more than this in memory
RETRY_MILLISECONDS = 1_000  # after which a browser comes back


@router.get(
    "/{run_id}/stream", summary="Watch a run", response_class=EventSourceResponse, responses=problems(RunNotFound)
)
async def stream_run(
    run: ExistingRun,
    services: ServicesDep,
    last_event_id: Annotated[
        str | None,
        Header(description="The id of the last event you have seen; what follows it is sent.", examples=["7"]),
    ] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Send every event of the run as it happens, and those that were before.

    `queued`, `planned` (calls and token bounds), `progress` (each finished call, with the run's progress and usage as
    of then), `document` (its summary), and last `finished` (the status); `id` numbers them without a gap. A browser's
    `EventSource` comes back by itself and misses nothing. `goodbye` says that the service stops; come back then, too.
    """
    seq = int(last_event_id) if last_event_id and SEQ.fullmatch(last_event_id) else 0
    yield ServerSentEvent(retry=RETRY_MILLISECONDS)
    has_ended = False
    while True:
        waiter = services.notifier.waiter(run.id)
        found = await services.database.fetch(events.after(run.id, seq, EVENTS_AT_ONCE))
        for event in found:
            # Not `data=`, which would write the JSON anew, every Korean letter as six characters of escape.
            yield ServerSentEvent(id=str(event.seq), event=event.type, raw_data=event.data)
            seq = event.seq
        if found and found[-1].type == events.FINISHED:
            return
        if has_ended and not found:
            return
        if services.stopping.is_set():
            yield ServerSentEvent(event="goodbye", data={"reason": "the service is stopping"})
            return
        if not found:
            # A client that comes back after the end, or whose run was deleted, must not wait for ever; one look more
            # takes what was told since the one above.
            has_ended = await runs.has_ended(services.database, run.id)
            if not has_ended:
                await wait(waiter)
