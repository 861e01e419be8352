"""`precis summarize` and `precis runs`: the service's own graph and storage, driven from a terminal.

Standard output carries the result alone, so that it can be piped; everything else goes to standard error.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from app.api.batch import BatchDocument, accept, batch_of, one_line
from app.api.rendering import render_markdown
from app.api.showing import show_run
from app.bootstrap import Services, bootstrap
from app.errors import DocumentError, PrecisError
from app.settings import Settings
from app.store import events, runs
from app.store.models import Status
from app.work.notifier import wait
from graphs.summarize import Options

EXIT_CODES = {Status.SUCCEEDED: 0, Status.FAILED: 1, Status.PARTIAL: 3, Status.CANCELLED: 4}

PIPE_COLUMNS = 200  # of a table that nobody looks at in a terminal: nothing is cut off

errors = Console(stderr=True, highlight=False)


def summarize(files: Sequence[Path], options: Options, settings: Settings) -> int:
    """Summarise files and print the result; return the exit code."""
    try:
        return asyncio.run(_summarize(files, options, settings))
    except PrecisError as error:
        errors.print(f"[red]precis:[/] {escape(str(error))}")
        return 1
    except KeyboardInterrupt:
        errors.print("\nprecis: stopped. What was finished is kept: run the same command again to go on.")
        return 130


def list_runs(settings: Settings, limit: int) -> int:
    """Print the latest runs; return the exit code."""
    return asyncio.run(_list_runs(settings, limit))


async def _summarize(files: Sequence[Path], options: Options, settings: Settings) -> int:
    async with bootstrap(settings) as services:
        documents = await asyncio.gather(*[_read(path, services) for path in files])
        for document in documents:
            if document.error:
                errors.print(f"[yellow]{escape(document.title)}:[/] {escape(str(document.error))}")
        batch = batch_of(documents, options, services)
        for warning in batch.warnings:
            errors.print(f"[yellow]precis:[/] {escape(warning)}")
        accepted, _ = await accept(batch, services)
        await _follow(accepted.id, services)
        run = await show_run(services.database, accepted.id)
    if run.error:
        errors.print(f"[yellow]precis:[/] {escape(run.error.title)} {escape(run.error.detail or '')}")
    if run.summary or any(document.summary for document in run.documents):
        sys.stdout.write(render_markdown(run))
    usage = run.usage
    cost = f", {usage.cost_usd:.4f} US dollars" if usage.cost_usd else ""
    errors.print(f"[dim]run {run.id}: {run.status}, {usage.calls} model calls, {usage.remembered} remembered{cost}[/]")
    return EXIT_CODES[run.status]


async def _read(path: Path, services: Services) -> BatchDocument:
    document = BatchDocument(str(path), path.name)
    try:
        document.read = await services.reader.read(path.name, await asyncio.to_thread(path.read_bytes))
    except DocumentError as error:
        document.error = error
    else:
        document.title = one_line(document.read.title) or path.name
    return document


async def _follow(run_id: str, services: Services) -> None:
    """Show the run's progress until it ends."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        task = progress.add_task("planning", total=None)
        seq = 0
        while True:
            waiter = services.notifier.waiter(run_id)
            found = await services.database.fetch(events.after(run_id, seq, 1_000))
            for event in found:
                seq = event.seq
                if event.type == events.FINISHED:
                    return
                if event.type in events.COUNTED:
                    state = json.loads(event.data)["progress"]
                    failed = f", {state['failed']} failed" if state["failed"] else ""
                    progress.update(
                        task, description=f"{state['phase']}{failed}", completed=state["done"], total=state["total"]
                    )
            if not found:
                await wait(waiter)


async def _list_runs(settings: Settings, limit: int) -> int:
    async with bootstrap(settings) as services, services.database.read() as session:
        found = await runs.page(session, "", before=None, status=None, limit=limit)
    table = Table(box=None, header_style="bold")
    for name in ("run", "created", "status", "model", "documents", "calls"):
        table.add_column(name, no_wrap=True, overflow="ignore")
    for run in found:
        created = run.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
        table.add_row(
            run.id, created, run.status, str(run.options["model"]), str(run.documents), str(run.usage.get("calls", 0))
        )
    Console(width=None if sys.stdout.isatty() else PIPE_COLUMNS).print(table, crop=False)
    return 0
