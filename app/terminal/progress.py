"""How far a run is, and what is being written, while a person looks on; nothing at all otherwise."""

import math
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.text import Text

from app.terminal.desk import WAITING, Json
from app.terminal.showing import TEXT_COLUMNS, clean

# What each phase of a run is called here; one that is not known is shown by its own name.
PHASES = {
    "queued": "waiting for its turn",
    "plan": "planning",
    "map": "reading",
    "collapse": "merging",
    "reduce": "writing",
    "facet": "reading facets",
    "review": "checking",
    "finished": "finishing",
}
MEGABYTE = 1024 * 1024
NARROW_COLUMNS = 100
TELLING_CALLS = 20  # from which on the time that is left can be told
DRAFT_LINES = 12  # of what is being written that are shown, if the terminal has room
OTHER_LINES = 4  # of the terminal that are left for the rest


@dataclass(slots=True)
class State:
    """What the events of a run have told so far."""

    documents: int  # of the batch
    phase: str = "queued"
    done: int = 0  # calls
    total: int = 0
    failed: int = 0
    summarised: int = 0  # documents whose summary is written
    cost_usd: float | None = None
    ends_at: float | None = None  # about, in monotonic seconds
    is_waiting: bool = False  # for the service to come back
    drafts: dict[str | None, str] = field(default_factory=dict)  # of summaries, by document; None: of the batch

    def take(self, type: str, data: Json) -> None:
        """Take in an event."""
        self.is_waiting = type == WAITING
        if type == "document":
            self.summarised += 1
            self.drafts.pop(data["id"], None)
        for part in data["drafts"] if type == "draft" else ():
            before = self.drafts.get(part["document"], "")[: part["start"]]
            self.drafts[part["document"]] = before + part["text"]
        if progress := data.get("progress"):
            self.phase = str(progress.get("phase", self.phase))
            self.done, self.total = int(progress.get("done", 0)), int(progress.get("total", 0))
            self.failed = int(progress.get("failed", 0))
            seconds = progress.get("eta_seconds")
            self.ends_at = None if seconds is None else time.monotonic() + float(seconds)
        if usage := data.get("run_usage") or data.get("usage"):
            self.cost_usd = usage.get("cost_usd")

    @property
    def draft(self) -> str:
        """What is being written: of several, the one that was begun first."""
        return next(filter(None, self.drafts.values()), "")

    def title(self) -> str:
        """Return what is going on."""
        if self.is_waiting:
            return "the service is away; waiting"
        phase = "reduce" if self.draft and self.phase in ("map", "collapse") else self.phase
        return PHASES.get(phase, phase)

    def details(self, columns: int) -> str:
        """Return the figures, as many as a terminal of that width has room for."""
        parts = []
        if self.total:
            parts.append(f"{self.done:,}/{self.total:,} calls")
        if self.failed:
            parts.append(f"[yellow]{self.failed:,} failed[/]")
        if self.documents > 1 and self.total:
            name = "docs" if columns < NARROW_COLUMNS else "documents"
            parts.append(f"{self.summarised:,}/{self.documents:,} {name}")
        if self.cost_usd:
            parts.append(f"${self.cost_usd:.4f}" if self.cost_usd < 1 else f"${self.cost_usd:,.2f}")
        # The first calls are slow: connections are opened, and nothing is known of how many the provider bears.
        is_known = self.done >= TELLING_CALLS or self.done * 10 >= self.total
        left = self.ends_at - time.monotonic() if self.ends_at is not None else 0.0
        if left > 0 and is_known and self.done < self.total:  # one that has passed was wrong
            parts.append(f"{about(left)} left")
        return " · ".join(parts)


def about(seconds: float) -> str:
    """Return a time to wait as a person would say it: no finer than it can be known."""
    if seconds < 60:
        return f"{max(5, math.ceil(seconds / 5) * 5)} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def last_lines(draft: str, console: Console) -> Text:
    """Return the end of a draft, as much as a terminal has room for."""
    lines = Text(clean(draft).rstrip(), style="dim").wrap(console, min(console.width, TEXT_COLUMNS))
    return Text("\n").join(lines[-max(1, min(DRAFT_LINES, console.height - OTHER_LINES)) :])


class _Drafting(Progress):
    """A line, and above it what is being written."""

    draft = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yield what is shown, from top to bottom."""
        if self.draft:
            yield last_lines(self.draft, self.console)
        yield from super().get_renderables()


class Watch:
    """The line in a terminal; use it as a context."""

    def __init__(self, console: Console, *, is_shown: bool) -> None:
        self._console = console
        self._progress = _Drafting(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[details]}"),
            console=console,
            transient=True,
            expand=True,
            disable=not is_shown,
        )
        self._line: TaskID = self._progress.add_task("starting", total=None, details="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def sent(self, done: int, total: int) -> None:
        """Show how much of the batch was handed in: bytes to a service, files read here."""
        details = f"{done / MEGABYTE:.1f}/{total / MEGABYTE:.1f} MB" if total >= MEGABYTE else ""
        self._update("handing the documents in", done, total, details)

    def stopping(self) -> None:
        """Show that the run is being stopped."""
        self._progress.draft = ""
        self._update("stopping", 0, None, "")

    async def follow(self, events: AsyncIterator[tuple[str, Json]], documents: int) -> None:
        """Show the events of a run until it ends."""
        state = State(documents)
        async for type, data in events:
            state.take(type, data)
            details = state.details(self._console.width)
            self._progress.draft = state.draft
            self._update(state.title(), state.done, state.total or None, details)

    def _update(self, title: str, done: int, total: int | None, details: str) -> None:
        values: dict[str, Any] = {"description": title, "completed": done, "details": details}
        self._progress.update(self._line, total=total, **values)
        if total is None:
            self._progress.tasks[0].total = None  # `update` takes None for "as it was"
