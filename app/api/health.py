"""Whether the service is alive, and whether it takes work."""

from typing import Literal

from fastapi import APIRouter
from sqlalchemy import text

from app.api.dependencies import ServicesDep
from app.api.problems import problems
from app.api.schemas import Body
from app.bootstrap import Services
from app.errors import ShuttingDown, StorageUnavailable, WorkerGone

router = APIRouter(tags=["health"])


class Health(Body):
    """Whether the service is well."""

    status: Literal["ok"]
    stall_ms: float
    """The longest time, in milliseconds, that anyone waited in the last ten seconds because the process was busy."""
    memory_share: float
    """The share of the memory it may use that is in use; from 0.85 on new model calls wait, from 0.92 on new runs are
    refused. 0 where no limit is known."""


@router.get("/healthz", summary="Is it alive?")
async def healthz(services: ServicesDep) -> Health:
    """Answer as long as the process runs."""
    return _shown(services)


@router.get("/readyz", summary="Does it take work?", responses=problems(ShuttingDown, StorageUnavailable, WorkerGone))
async def readyz(services: ServicesDep) -> Health:
    """Answer 200 while runs are accepted and done; 503 when the service stops, its worker is gone or its database does
    not answer.
    """
    if services.stopping.is_set():
        raise ShuttingDown
    if services.working.done() or not services.worker.is_at_work:
        raise WorkerGone
    async with services.database.read() as session:
        await session.execute(text("SELECT 1"))
    return _shown(services)


def _shown(services: Services) -> Health:
    return Health(
        status="ok",
        stall_ms=round(services.pulse.worst_seconds * 1_000, 1),
        memory_share=round(services.resources.memory.share, 3),
    )
