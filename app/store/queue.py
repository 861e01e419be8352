"""How many runs wait and how many there are: whether one more may come, and what operators are told."""

import math
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import QueueFull
from app.store.models import Run, Status, now

RECENT_STARTS = 10  # of runs, from which the next is foretold
RETRY_AFTER_SECONDS = (1, 3_600)  # that a caller is asked to wait at least and at most


async def admit(session: AsyncSession, text_bytes: int, *, most_runs: int, most_bytes: int) -> None:
    """Check that the queue has room for one more run with so many bytes of text; one alone always has.

    Inside the writer's transaction that queues it. Raises `QueueFull`.
    """
    query = select(func.count(), func.coalesce(func.sum(Run.text_bytes), 0)).where(Run.status == Status.QUEUED)
    waiting, waiting_bytes = (await session.execute(query)).one()
    if waiting < most_runs and (not waiting or waiting_bytes + text_bytes <= most_bytes):
        return
    detail = f"{waiting:,} runs with {waiting_bytes:,} bytes wait; {most_runs:,} with {most_bytes:,} bytes may."
    raise QueueFull(detail, retry_after=await _next_start_seconds(session))


async def _next_start_seconds(session: AsyncSession) -> int:
    """Return in how many seconds the next run will leave the queue, as far as the last ones tell: as often as they did
    on average, or as long again as nothing has.
    """
    query = select(Run.started_at).where(Run.started_at.is_not(None), Run.status != Status.QUEUED)
    found = (await session.scalars(query.order_by(Run.id.desc()).limit(RECENT_STARTS))).all()
    starts = sorted(start for start in found if start is not None)
    least, most = RETRY_AFTER_SECONDS
    if not starts:
        return least
    since = (now() - starts[-1]).total_seconds()
    apart = (starts[-1] - starts[0]).total_seconds() / max(1, len(starts) - 1)
    return max(least, min(most, math.ceil(max(since, apart))))


class Counts(NamedTuple):
    """How many runs there are, and how much text."""

    by_status: dict[str, int]
    bytes: int
    queue_bytes: int
    queue_seconds: float  # that the oldest has waited; 0 when none waits


async def counts(session: AsyncSession) -> Counts:
    """Count the runs that are kept."""
    query = select(Run.status, func.count(), func.sum(Run.text_bytes), func.min(Run.created_at)).group_by(Run.status)
    by_status, sizes, oldest = {}, {}, {}
    for status, number, size, since in (await session.execute(query)).all():
        by_status[status], sizes[status], oldest[status] = number, int(size), since
    waits_since = oldest.get(Status.QUEUED, now())
    return Counts(
        by_status,
        bytes=sum(sizes.values()),
        queue_bytes=sizes.get(Status.QUEUED, 0),
        queue_seconds=max(0.0, (now() - waits_since).total_seconds()),
    )
