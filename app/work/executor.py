"""Drives the graph for one run: from where it stands to its terminal event."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import StateSnapshot
from pydantic import ValidationError
from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from app.errors import (
    BudgetExceeded,
    Incomplete,
    InternalError,
    ModelStopped,
    PlanImpossible,
    PrecisError,
    SummaryFailed,
)
from app.store import runs
from app.store.checkpoints import CheckpointsBehind, compact_checkpoints, graph_version, threads_of
from app.store.models import Run, Status, now
from app.work.journal import Journal
from app.work.resources import Resources
from app.work.tree import tree_of
from graphs.models import EMBEDDED, Bound, BudgetTooSmall, LedgerEntryLost, LedgerUnavailable, RunStopped
from graphs.summarize import (
    Context,
    Document,
    DocumentResult,
    Documents,
    DoesNotFit,
    HeadStart,
    Options,
    Outcome,
    Plan,
    Usage,
    builder,
    context_of,
    facet_warnings,
    hold_back,
    plan_cost,
)

MOST_NAMED = 5  # documents that a run's problem names; each says for itself why it failed
NAMED_CHARACTERS = 80  # of a title

logger = logging.getLogger(__name__)


class OfLaterVersion(Exception):
    """A later version of the service has accepted the run, with options that this one does not know."""


Graph = CompiledStateGraph[Any, Context, Any, Any]
Texts = Sequence[Row[int, str, str, str, list[Any], str]]  # see `runs.texts_of`


def journal_of(run: Run, resources: Resources) -> Journal:
    """Return the journal of a claimed run, not opened yet."""
    return Journal(resources.database, resources.notifier, run.id, run.attempt, resources.tally, resources.drafts)


async def execute_run(run: Run, resources: Resources, journal: Journal) -> None:
    """Drive a claimed run to its end and write what became of it.

    May be cancelled at any point: what is finished stays in the ledger and the checkpoints, and the next attempt goes
    on from there. Raises `LeaseLost` when the run is no longer this attempt's, `SQLAlchemyError` or `LedgerUnavailable`
    when storage stops it, and `OfLaterVersion`.
    """
    try:
        options = Options(**run.options)
    except ValidationError as error:
        raise OfLaterVersion(run.id) from error
    try:
        await journal.open()
        rows = await resources.database.fetch(runs.texts_of(run.id))
        with resources.drafts.open(run.id):
            async with HeadStart(resources.calls) as head_start:
                output = await _drive(run, options, rows, resources, journal, head_start)
            await _succeed(run, rows, output, resources, journal)
    except runs.LeaseLost:
        raise  # whose it is now ends it
    except LedgerEntryLost:  # deleted meanwhile: begin anew, and pay for that one alone
        await forget_checkpoints(run.id, resources)
        raise
    except (SQLAlchemyError, sqlite3.Error, LedgerUnavailable):
        raise  # the run waits until storage is back; it has not failed
    except DoesNotFit as error:
        await _fail(run, PlanImpossible(str(error)), resources, journal)
    except BudgetTooSmall as error:
        await _fail(run, BudgetExceeded(error.detail), resources, journal)
    except RunStopped as error:
        await _fail(run, ModelStopped(str(error), code=error.code), resources, journal)
    except Exception:  # the top of a run: whatever it is, the run must end and say so
        logger.exception("run %s failed", run.id)
        await _fail(run, InternalError(), resources, journal)
    await _clear_up(run.id, resources)


async def cancel_run(run: Run, resources: Resources, journal: Journal) -> None:
    """End a run as cancelled. Its executor must have stopped before; what it had finished stays readable."""
    await resources.database.settle()  # the run's last events, whose numbers come before that of its end
    async with resources.database.begin() as session:
        await runs.settle_documents(session, run.id, Status.CANCELLED)
        await runs.finish(session, run.id, run.attempt, status=Status.CANCELLED, error=None, **journal.cost())
    _tell_end(run, Status.CANCELLED, resources, journal)
    await _clear_up(run.id, resources)


async def sweep_checkpoints(resources: Resources) -> None:
    """Delete the checkpoints of runs that have ended or are gone: a process that was killed right after their end has
    left them.
    """
    for run_id in await threads_of(resources.checkpoints):
        if await runs.has_ended(resources.database, run_id):
            await forget_checkpoints(run_id, resources)


async def forget_checkpoints(run_id: str, resources: Resources) -> None:
    """Delete the checkpoints of a run: they serve to resume, and it has ended."""
    await resources.checkpoints.adelete_thread(run_id)


async def _clear_up(run_id: str, resources: Resources) -> None:
    """Give back the room that an ended run took beside its rows. When another run goes on, that is left to its end: it
    would wait for the disk meanwhile.
    """
    await forget_checkpoints(run_id, resources)
    async with resources.database.read() as session:
        if await runs.leases(session):
            return
    await give_room_back(resources)


async def give_room_back(resources: Resources) -> bool:
    """Let the files be no larger than what they hold; tell whether they are, and nobody else was at them."""
    try:
        await compact_checkpoints(resources.checkpoints)
        await resources.database.compact()
    except sqlite3.Error as error:
        logger.info("the files stay as large as they are: %s", error)
        return False
    return True


async def _drive(
    run: Run, options: Options, rows: Texts, resources: Resources, journal: Journal, head_start: HeadStart
) -> Outcome:
    """Run the graph from its last checkpoint, or from the start, and return its output."""
    # No checkpoint may know of a step that no event tells.
    checkpoints = CheckpointsBehind(resources.checkpoints, journal.written)
    graph: Graph = builder.compile(checkpointer=checkpoints, name="summarize")
    config: RunnableConfig = {"configurable": {"thread_id": run.id}, "metadata": {"graph": graph_version()}}
    context = context_of(
        options,
        documents=Documents(
            Document(id=row.id, title=row.title, text=row.text, pages=tuple(row.pages), group=row.group) for row in rows
        ),
        calls=resources.calls,
        chat=resources.chat,
        report=journal.report,
        show=partial(resources.drafts.begin, run.id),
        bill=journal.bill,
        owner=run.owner,
        run=run.id,
        prices=resources.settings.prices,
        meaning=resources.settings.meaning,
        head_start=head_start,
        spent=_spent(journal.usage),
        chunk_tokens=resources.settings.chunk_tokens,
        window_tokens=resources.settings.window_tokens,
    )
    if context.facts.name != EMBEDDED:
        await asyncio.to_thread(resources.chat, context.facts)  # the first one takes most of a second to open
    snapshot = await graph.aget_state(config)
    if snapshot.created_at is not None and not _leads_on(snapshot):
        await forget_checkpoints(run.id, resources)
        snapshot = await graph.aget_state(config)
    if "plan" in snapshot.values:
        hold_back(snapshot.values["plan"], context, snapshot.values["steps"])
        await _tell_plan(snapshot.values["plan"], journal)
    # `tasks` tells whether something is left to do: `next` lacks what is done but for the checkpoint behind it.
    if "status" in snapshot.values and not snapshot.tasks:  # the graph had ended; only the run's end was not written
        return cast("Outcome", snapshot.values)
    start: Any = None if snapshot.created_at is not None else {"documents": []}
    output: Any = snapshot.values if "status" in snapshot.values else None
    async with aclosing(_updates(graph, start, config, context)) as updates:
        async for update in updates:
            if "plan" in update:
                await _tell_plan(update["plan"]["plan"], journal)
            for node in ("review", "finish"):  # the texts, then the facets
                if node in update:
                    output = {**(output or {}), **update[node]}
    assert output is not None, "the graph ended without its last node"
    return cast("Outcome", output)


def _updates(graph: Graph, start: Any, config: RunnableConfig, context: Context) -> AsyncGenerator[dict[str, Any]]:
    """Return what each node of a graph puts out, as it ends; to be closed, so that its checkpoints come to their end.

    LangGraph's default durability, "async", is enough: what must not be lost is in the ledger before a node returns,
    and a checkpoint that a crash took away costs a second look at the ledger. ("sync" also breaks graphs inside that
    have no checkpoints, in LangGraph 1.2.)
    """
    updates = graph.astream(start, config, context=context, stream_mode="updates")
    return cast("AsyncGenerator[dict[str, Any]]", updates)


def _leads_on(snapshot: StateSnapshot) -> bool:
    """Tell whether a run can go on from its checkpoints: not if a power cut took the last ones, nor if another version
    of the graph has written them.
    """
    if (snapshot.metadata or {}).get("graph") != graph_version():
        return False
    return "status" in snapshot.values or bool(snapshot.tasks)


async def _tell_plan(plan: Plan, journal: Journal) -> None:
    """Tell what a plan asks for; to add that up takes a twentieth of a second for 20,000 chunks."""
    cost, tree = await asyncio.to_thread(plan_cost, plan), await asyncio.to_thread(tree_of, plan)
    journal.planned(cost, tree)


async def _succeed(run: Run, rows: Texts, output: Outcome, resources: Resources, journal: Journal) -> None:
    """Write the run's results and its terminal event, in one transaction."""
    await journal.flush()
    positions = {row.id: row.position for row in rows}
    unread = run.documents - len(rows)
    status = Status(output["status"])
    if status is Status.SUCCEEDED and unread:
        status = Status.PARTIAL
    async with resources.database.begin() as session:
        await runs.change_documents(
            session, run.id, [_document_values(result, positions[result["id"]]) for result in output["results"]]
        )
        await runs.finish(
            session,
            run.id,
            run.attempt,
            status=status,
            error=_shortfall(output, rows, unread) if status is not Status.SUCCEEDED else None,
            summary=output["summary"],
            variants=output["variants"],
            groups=output.get("groups"),
            facets=output.get("facets"),
            warnings=[*run.warnings, *facet_warnings(output)],
            coverage=output["coverage"],
            progress=journal.progress() | {"phase": "finished", "eta_seconds": 0.0},
            **journal.cost(),
        )
    _tell_end(run, status, resources, journal)


async def _fail(run: Run, error: PrecisError, resources: Resources, journal: Journal) -> None:
    """End a run as failed, with what its calls have cost so far."""
    await journal.flush()
    await resources.database.settle()  # answers of calls that were broken off on their way: another try finds them
    async with resources.database.begin() as session:
        await runs.settle_documents(session, run.id, Status.FAILED)
        await runs.finish(session, run.id, run.attempt, status=Status.FAILED, error=error.problem(), **journal.cost())
    _tell_end(run, Status.FAILED, resources, journal)


def _tell_end(run: Run, status: Status, resources: Resources, journal: Journal) -> None:
    """Tell whoever waits for a run, and the log, that it has ended, durably."""
    resources.notifier.notify(run.id, has_ended=True)
    usage = journal.cost().get("usage", run.usage)
    seconds = (now() - run.created_at).total_seconds()
    calls = f"{usage['calls']} calls paid, {usage['remembered']} remembered" if usage else "no calls"
    logger.info("run %s: %s %.1f s after it came in; %s", run.id, status, seconds, calls)


def _spent(usage: Usage) -> Bound:
    return Bound(usage["calls"], usage["prompt_tokens"] + usage["completion_tokens"], usage["cost_usd"] or 0.0)


def _shortfall(output: Outcome, rows: Texts, unread: int) -> dict[str, Any]:
    """Return, as a problem, what is missing and why: the documents by their titles."""
    coverage = output["coverage"]
    lost = coverage["failed"]
    reasons = sorted({span["error"] for span in lost})
    parts = []
    if lost:
        parts.append(f"{len(lost)} of the chunks failed ({', '.join(reasons)}).")
    failed = {result["id"] for result in output["results"] if result["status"] == "failed"}
    if failed:
        parts.append(f"Without a summary: {_listed([row.title for row in rows if row.id in failed])}.")
    groups = [group["name"] for group in output.get("groups", []) if group["status"] == "failed"]
    if groups:
        parts.append(f"Groups without a summary: {_listed(groups)}.")
    if unread:
        parts.append(f"{unread} of the documents could not be read.")
    if coverage["characters"]:
        text = "text that could be read" if unread else "text"
        parts.append(f"{coverage['summarised'] / coverage['characters']:.1%} of the {text} is covered.")
    return Incomplete(" ".join(parts)).problem()


def _listed(names: Sequence[str]) -> str:
    """Return some names, and how many more there are."""
    shown = [" ".join(name.split())[:NAMED_CHARACTERS] for name in names[:MOST_NAMED]]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{'; '.join(shown)}{more}"


def _document_values(result: DocumentResult, position: int) -> dict[str, Any]:
    error = SummaryFailed(result["error"]).problem() if result["error"] else None
    return {
        "position": position,
        "status": result["status"],
        "language": result["language"],
        "chunks": result["chunks"],
        "failed_chunks": result["failed_chunks"],
        "summary": result["summary"],
        "facets": result.get("facets"),
        "error": error,
    }
