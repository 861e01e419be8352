"""Where batches are handed in and runs are asked for: a service (`remote`), or this process itself (`local`)."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Literal, Protocol

from app.terminal.sources import Source

Json = dict[str, Any]
Citations = Literal["none", "footnotes"]  # in Markdown
Sent = Callable[[int, int], None]  # is told how many bytes of how many were sent
WAITING = "waiting"  # the type of an event that no run tells: the desk waits for its service to come back


class Desk(Protocol):
    """All bodies are those of the API, as JSON. Each method raises `CommandFailed`."""

    async def plan(self, sources: Sequence[Source], options: Json, sent: Sent) -> Json:
        """Return what a batch would take; nothing is run."""
        ...

    async def start(self, sources: Sequence[Source], options: Json, sent: Sent) -> Json:
        """Hand a batch in; return the run."""
        ...

    def events(self, run_id: str) -> AsyncIterator[tuple[str, Json]]:
        """Yield type and data of each event of a run, from its first to its end, and how drafts grow."""
        ...

    async def run(self, run_id: str) -> Json:
        """Return a run as it is now."""
        ...

    async def markdown(self, run_id: str, citations: Citations) -> str:
        """Return the summaries of a run that has some, with citations as wanted."""
        ...

    async def cancel(self, run_id: str) -> Json:
        """Stop a run; return it when it has stopped."""
        ...


class Shelf(Protocol):
    """Runs that are kept, whether or not anything drives them."""

    async def page(self, limit: int, status: str | None) -> list[Json]:
        """Return the newest runs, without their documents."""
        ...

    async def run(self, run_id: str) -> Json:
        """Return a run as it is now."""
        ...

    async def markdown(self, run_id: str, citations: Citations) -> str:
        """Return the summaries of a run that has some, with citations as wanted."""
        ...

    async def delete(self, run_id: str) -> None:
        """Delete a run that has ended."""
        ...
