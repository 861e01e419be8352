"""The events of one run, as its executor writes them: numbered without a gap, each step told once, progress counted."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Insert, select

from app.store import events
from app.store.database import Database
from app.store.models import Run
from app.work.drafts import Drafts
from app.work.notifier import Notifier
from app.work.pace import Pace
from app.work.tally import Tally
from app.work.tree import Tree
from graphs.models import Bill
from graphs.summarize import NO_USAGE, PlanCost, StepReport, Usage, add_usage, usage_of

_APPEND: Insert = events.appending()
NO_TREE = Tree([], [], {}, "")


class Journal:
    """Appends the events of one run and counts in them how far it is; its only writer of events while the lease
    holds.
    """

    def __init__(
        self,
        database: Database,
        notifier: Notifier,
        run_id: str,
        attempt: int,
        tally: Tally | None = None,
        drafts: Drafts | None = None,
    ) -> None:
        self._database = database
        self._notifier = notifier
        self._run_id = run_id
        self._attempt = attempt
        self._tally = tally or Tally()
        self._drafts = drafts or Drafts()
        self._seq = 0
        self._told: set[str] = set()  # steps, by id, and "planned"
        self._pending: set[asyncio.Future[None]] = set()
        self._newest: asyncio.Future[None] | None = None  # writes become durable in their order
        self._pace = Pace()
        self._tree = NO_TREE
        self._plan: str | None = None  # the digest of the plan that was told last
        self._level = 0
        self._error: BaseException | None = None  # of the first that could not be written: none behind it can be
        self.done = 0
        self.failed = 0
        self.total = 0
        self.phase = "plan"
        self.usage = NO_USAGE  # of the steps that were told
        self.bill = Bill()  # of this attempt, whether told or not
        self._before: Usage | None = None  # this attempt; None: not read yet

    async def open(self) -> None:
        """Read what an earlier attempt has told already."""
        for seq, type, step in await self._database.fetch(events.steps_told(self._run_id)):
            self._seq = seq
            if type == events.RETRIED:
                self._told.clear()
                self._plan = None
            elif type == events.PLANNED:
                self._plan = step or ""
                self._told.add(type)
            elif type in events.COUNTED:
                self._told.add(step or type)
        for (counts,) in await self._database.fetch(select(events.counts()).where(Run.id == self._run_id)):
            if counts is not None:
                progress = counts["progress"]
                self.phase, self.done, self.failed = progress["phase"], progress["done"], progress["failed"]
                self.usage = counts["run_usage"]
        self._before = self.usage

    def planned(self, cost: PlanCost, tree: Tree = NO_TREE) -> None:
        """Tell what the plan asks for, and its shape. If an earlier attempt has told another one, made by another
        version or with other settings, its steps are none of this one's: all is told anew.
        """
        if self._plan not in (None, tree.digest):
            self._begin_anew()
        self._plan = tree.digest
        self.total = cost.steps
        if self.phase == "plan":  # what is planned is being done
            self.phase = "map"
        self._tree = tree
        self._pace = Pace()  # planning is no measure of the calls
        if events.PLANNED not in self._told:
            self._told.add(events.PLANNED)
            shape = {"documents": tree.documents, "levels": tree.levels}
            self._append(events.PLANNED, cost._asdict() | shape | self._counts(), step=tree.digest or None)

    def report(self, report: StepReport) -> asyncio.Future[None] | None:
        """Tell that a step is done; a step that was told before, by a worker that did not finish the run, is not told
        again.
        """
        if report["step"] in self._told:
            return None
        self._told.add(report["step"])
        self._tally.count(report)
        self.phase = report["kind"]
        self.done += report["kind"] != "review"  # which is no step of the plan
        self.failed += report["status"] == "failed"
        self.usage = add_usage(self.usage, report["usage"])
        self._pace.ended(report["seconds"], remembered=bool(report["usage"]["remembered"]))
        self._level = self._tree.level_of.get(report["step"], 0)
        data: dict[str, Any] = {**report, "level": self._level, **self._counts()}
        del data["step"], data["key"], data["text"]  # the first two are columns, texts have an event of their own
        written = self._append("progress", data, step=report["step"], call_key=report["key"])
        if report["is_summary"] and report["document"] is not None and report["text"] is not None:
            written = self._append("document", {"id": report["document"], "text": report["text"]}, step=report["step"])
        self._drafts.ended(self._run_id, report)
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

    def cost(self) -> dict[str, Any]:
        """Return the run's `usage` for its end: with what was paid for steps that were broken off before they could be
        told, or were told by an earlier attempt already. Empty where that of earlier attempts was not read yet.
        """
        if self._before is None:
            return {}
        paid = add_usage(self._before, usage_of(self.bill))
        return {"usage": {**paid, "remembered": self.usage["remembered"]}}

    async def written(self) -> None:
        """Return when what has been told by now is durable, whatever is told meanwhile. Raises what prevents it."""
        if self._newest is not None:
            await asyncio.wait([self._newest])
        if self._error is not None:
            raise self._error

    async def flush(self) -> None:
        """Return when everything told so far is durable. Raises `SQLAlchemyError`."""
        while self._pending:
            await asyncio.gather(*self._pending)

    def _begin_anew(self) -> None:
        self._told.clear()
        self.done = self.failed = self.total = 0
        self.phase = "plan"
        self._append(events.RETRIED, self._counts())

    def _eta_seconds(self) -> float | None:
        left = max(0, self.total - self.done)
        return self._pace.eta_seconds(left, len(self._tree.levels) + 1 - self._level) if self.total else None

    def _counts(self) -> dict[str, Any]:
        """What every event of the types `COUNTED` holds: the run shows the newest."""
        return {"progress": self.progress(), "run_usage": self.usage}

    def _append(
        self, type: str, data: dict[str, Any], *, step: str | None = None, call_key: str | None = None
    ) -> asyncio.Future[None]:
        if self._error is not None:
            raise self._error
        self._seq += 1
        row = {
            "run_id": self._run_id,
            "attempt": self._attempt,
            "seq": self._seq,
            "type": type,
            "at": datetime.now(UTC),
            "step": step,
            "call_key": call_key,
            "data": data,
        }
        written = self._database.write(_APPEND, [row])
        self._pending.add(written)
        self._newest = written
        written.add_done_callback(self._written)
        return written

    def _written(self, write: asyncio.Future[None]) -> None:
        if not write.cancelled():
            self._error = self._error or write.exception()
            if write.exception() is None:
                self._pending.discard(write)  # one that failed stays, for flush() to raise
        self._notifier.notify(self._run_id)
