"""The events of one run, as its executor writes them: numbered without a gap, each step told once, progress counted."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Insert, bindparam, update

from app.store import events
from app.store.database import Database
from app.store.models import EventRow, Run
from app.work.notifier import Notifier
from graphs.summarize import PlanCost, StepReport, Usage, add_usage

NO_USAGE = Usage(calls=0, remembered=0, prompt_tokens=0, completion_tokens=0)

_APPEND: Insert = events.appending()
_PROGRESS = (
    update(Run.__table__)  # type: ignore[arg-type]  # a mapped class's table is a Table
    .where(Run.id == bindparam("run_id"), Run.attempt == bindparam("held"))
    .values(progress=bindparam("new_progress"), usage=bindparam("new_usage"))
)


class Journal:
    """Appends the events of one run and keeps its progress; the run's only writer of events while the lease holds."""

    def __init__(self, database: Database, notifier: Notifier, run_id: str, attempt: int) -> None:
        self._database = database
        self._notifier = notifier
        self._run_id = run_id
        self._attempt = attempt
        self._seq = 0
        self._told: set[str] = set()  # steps, by id, and "planned"
        self._pending: set[asyncio.Future[None]] = set()
        self._started = time.monotonic()
        self._done_before = 0
        self.done = 0
        self.failed = 0
        self.total = 0
        self.phase = "plan"
        self.usage = NO_USAGE

    async def open(self) -> None:
        """Read what an earlier attempt has told already."""
        async with self._database.read() as session:
            self._seq = await events.last_seq(session, self._run_id)
            for event in await events.of_type(session, self._run_id, "planned", "progress"):
                self._recall(event)
        self._done_before = self.done

    def planned(self, cost: PlanCost) -> None:
        """Tell what the plan asks for."""
        self.total = cost.maps + cost.merges
        if "planned" not in self._told:
            self._told.add("planned")
            self._append("planned", cost._asdict())

    def report(self, report: StepReport) -> asyncio.Future[None] | None:
        """Tell that a step is done; a step that was told before, by a worker that did not finish the run, is not told
        again.
        """
        if report["step"] in self._told:
            return None
        self._count(report["step"], report["kind"], report["status"], report["usage"])
        data = {name: value for name, value in report.items() if name not in ("step", "key", "text", "usage")}
        data |= {"usage": report["usage"], "progress": self.progress()}
        written = self._append("progress", data, step=report["step"], call_key=report["key"])
        if report["is_summary"] and report["document"] is not None and report["text"] is not None:
            written = self._append("document", {"id": report["document"], "text": report["text"]}, step=report["step"])
        return written

    def progress(self) -> dict[str, Any]:
        """Return how far the run is."""
        return {
            "phase": self.phase,
            "done": self.done,
            "total": self.total,
            "failed": self.failed,
            "eta_seconds": self._eta_seconds(),
        }

    async def flush(self) -> None:
        """Return when everything told so far is durable. Raises `SQLAlchemyError`."""
        while self._pending:
            await asyncio.gather(*self._pending)

    def _eta_seconds(self) -> float | None:
        fresh = self.done - self._done_before
        if not fresh or not self.total:
            return None
        return round((time.monotonic() - self._started) / fresh * max(0, self.total - self.done), 1)

    def _recall(self, event: EventRow) -> None:
        if event.type == "planned":
            self._told.add("planned")
        else:
            self._count(str(event.step), event.data["kind"], event.data["status"], event.data["usage"])

    def _count(self, step: str, kind: str, status: str, usage: Usage) -> None:
        self._told.add(step)
        self.phase = kind
        self.done += 1
        self.failed += status == "failed"
        self.usage = add_usage(self.usage, usage)

    def _append(
        self, type: str, data: dict[str, Any], *, step: str | None = None, call_key: str | None = None
    ) -> asyncio.Future[None]:
        self._seq += 1
        row = {
            "run_id": self._run_id,
            "attempt": self._attempt,
            "seq": self._seq,
            "type": type,
            "at": datetime.now(UTC),
        }
        row |= {"step": step, "call_key": call_key, "data": data}
        written = self._database.write(_APPEND, [row])
        self._track(written)
        state = {
            "run_id": self._run_id,
            "held": self._attempt,
            "new_progress": self.progress(),
            "new_usage": dict(self.usage),
        }
        self._track(self._database.write(_PROGRESS, [state]))
        return written

    def _track(self, write: asyncio.Future[None]) -> None:
        self._pending.add(write)
        write.add_done_callback(self._written)

    def _written(self, write: asyncio.Future[None]) -> None:
        if not write.cancelled() and write.exception() is None:
            self._pending.discard(write)  # one that failed stays, for flush() to raise
        self._notifier.notify(self._run_id)
