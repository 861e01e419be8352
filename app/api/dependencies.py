"""What routes are handed."""

from typing import Annotated, cast

from fastapi import Depends, Path, Request

from app.bootstrap import Services
from app.errors import MemoryShort, ShuttingDown
from app.store import runs
from app.store.models import Run


def get_services(request: Request) -> Services:
    """Return the open service."""
    return cast("Services", request.app.state.services)


ServicesDep = Annotated[Services, Depends(get_services)]


async def find_run(services: ServicesDep, run_id: Annotated[str, Path(description="The run's id.")]) -> Run:
    """Return the run of the path. Raises `RunNotFound` before a stream could begin."""
    async with services.database.read() as session:
        return await runs.get(session, run_id)


async def refuse_new_runs(services: ServicesDep) -> None:
    """Raise `ShuttingDown` once the process has been told to end, `MemoryShort` while its memory is full."""
    if services.stopping.is_set():
        raise ShuttingDown
    if services.resources.memory.is_full():
        raise MemoryShort


ExistingRun = Annotated[Run, Depends(find_run)]
Accepting = Depends(refuse_new_runs)
