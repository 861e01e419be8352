"""What routes are handed."""

from typing import Annotated, cast

from fastapi import Depends, Path, Request

from app.bootstrap import Services
from app.errors import MemoryShort, ShuttingDown, UnsupportedMediaType
from app.store import runs
from app.store.runs import Brief


async def get_services(request: Request) -> Services:
    """Return the open service; `async`, for what is not goes to a thread, one request after another."""
    return cast("Services", request.app.state.services)


RunId = Annotated[str, Path(description="The run's id.")]
ServicesDep = Annotated[Services, Depends(get_services)]


async def find_run(services: ServicesDep, run_id: RunId) -> Brief:
    """Return the run of the path, in brief. Raises `RunNotFound`, before a stream could begin."""
    return await runs.brief(services.database, run_id)


async def refuse_new_runs(services: ServicesDep) -> None:
    """Raise `ShuttingDown` once the process has been told to end, `MemoryShort` while its memory is full."""
    if services.stopping.is_set():
        raise ShuttingDown
    if services.resources.memory.is_full():
        raise MemoryShort


async def refuse_other_than_json(request: Request) -> None:
    """Raise `UnsupportedMediaType` when there is a body that does not say that it is JSON."""
    has_body = "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if has_body and kind != "application/json":
        raise UnsupportedMediaType("Send application/json, or no body.")


ExistingRun = Annotated[Brief, Depends(find_run)]
JsonOnly = Depends(refuse_other_than_json)
Accepting = Depends(refuse_new_runs)
