"""The commands, from arguments that were read to an exit code."""

import asyncio
import errno
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from app.terminal.desk import Citations, Desk, Json, Shelf
from app.terminal.ending import (
    BY_STATUS,
    INTERRUPTED,
    PARTIAL,
    SUCCEEDED,
    UNREACHABLE,
    USAGE,
    CommandFailed,
)
from app.terminal.interrupt import Interrupt
from app.terminal.progress import Watch
from app.terminal.remarks import errors, repeat_log, say
from app.terminal.remote import Remote, find_address
from app.terminal.showing import (
    TEXT_COLUMNS,
    clean,
    plan_tree,
    print_table,
    problem_line,
    run_line,
    runs_table,
    summary_view,
)
from app.terminal.sources import Sources, by_folder, gather, printable

CANCEL_SECONDS = 10.0  # for a run to stop after Ctrl-C
MOST_KINDS = 5  # of files that were passed over, that are named
LATEST = "latest"  # instead of an id: the newest run


@dataclass(frozen=True, slots=True)
class Form:
    """How the result is wanted."""

    as_json: bool = False
    output: Path | None = None  # a folder
    may_overwrite: bool = False
    is_quiet: bool = False
    citations: Citations = "none"

    @property
    def is_watched(self) -> bool:
        """Whether a person looks on, for whom a line may move."""
        return errors.is_terminal and not self.is_quiet


def finish(begin: Callable[[], Coroutine[Any, Any, int]], *, when_stopped: str = "stopped.") -> int:
    """Begin a command and do its work; return its exit code. `when_stopped` is said after Ctrl-C.

    What `begin` does before it returns is done without an event loop, which would keep Ctrl-C waiting while somebody
    types.
    """
    interrupt = Interrupt(lambda: say(f"precis: {escape(when_stopped)}"))
    try:
        return asyncio.run(interrupt.heed(begin()))
    except CommandFailed as error:
        say(f"[red]precis:[/] {escape(str(error))}")
        return error.code
    except KeyboardInterrupt:
        interrupt.tell()
        return INTERRUPTED


def read(arguments: Sequence[str], form: Form, *, is_by_folder: bool = False) -> Sources:
    """Return the documents that arguments name, in groups if wanted, and say what of the folders is not among them.

    Raises `CommandFailed`.
    """
    sources = gather(arguments)
    if is_by_folder:
        sources.found = by_folder(sources.found)
    for name in sources.unreadable:
        say(f"[yellow]{escape(name)}:[/] you are not allowed to read it; the others are summarised.")
    if sources.passed_over and not form.is_quiet:
        count = sources.passed_over.total()
        others = "1 file" if count == 1 else f"{count:,} files"
        kinds = ", ".join(kind for kind, _ in sources.passed_over.most_common(MOST_KINDS))
        say(f"precis: {others} of other kinds passed over ({escape(kinds)}); name what you want from among them.")
    return sources


async def summarize(
    place: AbstractAsyncContextManager[Desk], sources: Sources, options: Json, form: Form, *, is_detached: bool
) -> int:
    """Summarise documents and print the result."""
    if is_detached and not isinstance(place, Remote):
        raise CommandFailed("--detach: only at a service does a run go on without you: say --server URL.", USAGE)
    folder = _folder(form, [source.name for source in sources.found])
    with Watch(errors, is_shown=form.is_watched) as watch:
        async with place as desk:
            run = await desk.start(sources.found, options, watch.sent)
            for warning in run["warnings"]:
                say(f"[yellow]precis:[/] {escape(warning)}")
            for document in run["documents"]:
                if document["error"]:
                    say(f"[yellow]{escape(document['title'])}:[/] {problem_line(document['error'])}")
            if is_detached:
                say(f"run {run['id']} goes on without you: `precis runs watch {run['id']}` shows it.")
                _print(run["id"] if not form.as_json else _as_json(run))
                return SUCCEEDED
            try:
                await watch.follow(desk.events(run["id"]), len(run["documents"]))
            except asyncio.CancelledError:  # Ctrl-C
                watch.stopping()
                with suppress(CommandFailed, TimeoutError):
                    async with asyncio.timeout(CANCEL_SECONDS):
                        await desk.cancel(run["id"])
                raise
            run = await desk.run(run["id"])
            markdown = await _markdown(desk, run, form)
    present(run, markdown, form, folder)
    code = BY_STATUS[run["status"]]
    return PARTIAL if code == SUCCEEDED and sources.unreadable else code


async def plan(place: AbstractAsyncContextManager[Desk], sources: Sources, options: Json, form: Form) -> int:
    """Print what summarising would take."""
    with Watch(errors, is_shown=form.is_watched) as watch:
        async with place as desk:
            body = await desk.plan(sources.found, options, watch.sent)
    if form.as_json:
        _print(_as_json(body))
    else:
        with _written():
            Console(highlight=False).print(plan_tree(body))
    return SUCCEEDED


async def list_runs(place: AbstractAsyncContextManager[Shelf], limit: int, status: str | None, form: Form) -> int:
    """Print the newest runs."""
    async with place as shelf:
        runs = await shelf.page(limit, status)
    if form.as_json:
        _print(_as_json(runs))
        return SUCCEEDED
    is_terminal = sys.stdout.isatty()
    with _written():
        print_table(runs_table(runs, Console().width if is_terminal else sys.maxsize), is_terminal=is_terminal)
    return SUCCEEDED


async def show_run(place: AbstractAsyncContextManager[Shelf], run_id: str, form: Form) -> int:
    """Print a run as it is now."""
    async with place as shelf:
        run = await shelf.run(await _id(shelf, run_id))
        markdown = await _markdown(shelf, run, form)
    present(run, markdown, form, _folder(form, [document["id"] for document in run["documents"]]))
    return SUCCEEDED


async def watch_run(remote: Remote, run_id: str, form: Form) -> int:
    """Follow a run to its end and print the result."""
    async with remote:
        run = await remote.run(await _id(remote, run_id))
        folder = _folder(form, [document["id"] for document in run["documents"]])
        with Watch(errors, is_shown=form.is_watched) as watch:
            await watch.follow(remote.events(run["id"]), len(run["documents"]))
        run = await remote.run(run["id"])
        markdown = await _markdown(remote, run, form)
    present(run, markdown, form, folder)
    return BY_STATUS[run["status"]]


async def cancel_run(remote: Remote, run_id: str) -> int:
    """Stop a run."""
    async with remote:
        run = await remote.cancel(await _id(remote, run_id))
    say(escape(run_line(run)))
    return SUCCEEDED


async def retry_run(remote: Remote, run_id: str) -> int:
    """Queue a run once more."""
    async with remote:
        run = await remote.retry(await _id(remote, run_id))
    say(f"run {run['id']} is {run['status']} again: `precis runs watch {run['id']}` shows it.")
    return SUCCEEDED


async def delete_runs(place: AbstractAsyncContextManager[Shelf], run_ids: Sequence[str]) -> int:
    """Delete runs with all they own."""
    async with place as shelf:
        for run_id in run_ids:
            id = await _id(shelf, run_id)
            await shelf.delete(id)
            say(f"run {escape(id)} is deleted.")
    return SUCCEEDED


def address_of(server: str | None) -> str:
    """Return the address of the service that is wanted; empty: none is named, neither by a flag nor by the settings."""
    return find_address().server if server is None else server


def service(address: str | None) -> Remote:
    """Return the service at an address, else the one that the settings name, else the one on this machine."""
    return Remote(address_of(address) or find_address().here)


@asynccontextmanager
async def this_process(**settings: Any) -> AsyncIterator[Desk]:
    """Open the desk of this process; its parts are loaded when the arguments are known to be right."""
    from app.terminal.local import Local

    repeat_log()
    async with Local.open(**settings) as local:
        yield local


@asynccontextmanager
async def data_directory(**settings: Any) -> AsyncIterator[Shelf]:
    """Open the runs that the data directory keeps."""
    from app.terminal.kept import Kept

    async with Kept.open(**settings) as kept:
        yield kept


@asynccontextmanager
async def service_or_data_directory() -> AsyncIterator[Shelf]:
    """Open the service on this machine; when none answers, the runs that the data directory keeps."""
    remote = Remote(find_address().here)
    async with remote:
        try:
            await remote.page(1, None)
        except CommandFailed as error:
            if error.code != UNREACHABLE:
                raise
            away = error
        else:
            yield remote
            return
    try:
        async with data_directory() as kept:
            yield kept
    except CommandFailed as error:
        if str(error).startswith("there are no runs"):
            raise CommandFailed(f"{away} Without one, {error}", UNREACHABLE) from None
        raise


def present(run: Json, markdown: str, form: Form, folder: Any) -> None:
    """Print the result of a run, and beside it what happened. Raises `CommandFailed`."""
    if run["error"]:
        say(f"[yellow]precis:[/] {problem_line(run['error'])}")
    if folder is not None:
        with _kept(run["id"]):
            written = folder.write(run, form.citations)
        say(f"{len(written)} file{'s' if len(written) != 1 else ''} in {escape(printable(folder.path))}")
    with _kept(run["id"]):
        if form.as_json:
            _print(_as_json(run))
        elif markdown and folder is None:
            _print_summary(markdown)
    if not form.is_quiet:
        say(f"[dim]{escape(run_line(run))}[/]")


def _print_summary(markdown: str) -> None:
    if sys.stdout.isatty():
        console = Console(highlight=False)
        with _written():
            console.print(summary_view(markdown), width=min(console.width, TEXT_COLUMNS))
    else:
        _print(clean(markdown).rstrip("\n"))


@contextmanager
def _kept(run_id: str) -> Iterator[None]:
    """Say where the result is when it cannot be written."""
    try:
        yield
    except CommandFailed as error:
        raise CommandFailed(f"{error} The run is kept: `precis runs show {run_id}`.") from None


async def _markdown(shelf: Desk | Shelf, run: Json, form: Form) -> str:
    has_summary = run["summary"] or any(document["summary"] for document in run["documents"])
    return await shelf.markdown(run["id"], form.citations) if run["finished_at"] and has_summary else ""


async def _id(shelf: Any, run_id: str) -> str:
    """Return the id of a run, also of the `latest`."""
    if run_id != LATEST:
        return run_id
    newest = await shelf.page(1, None)
    if not newest:
        raise CommandFailed("there are no runs yet.")
    return str(newest[0]["id"])


def _folder(form: Form, names: Sequence[str]) -> Any:
    """Return the folder that the result goes to, ready to be written; None when none is wanted."""
    if form.output is None:
        return None
    from app.terminal.folder import Folder

    folder = Folder(form.output, names, may_overwrite=form.may_overwrite)
    folder.prepare()
    return folder


def _as_json(body: Any) -> str:
    return json.dumps(body, ensure_ascii=False, indent=2)


def _print(text: str) -> None:
    with _written():
        sys.stdout.write(text + "\n")


@contextmanager
def _written() -> Iterator[None]:
    """Write to standard output: a reader who has seen enough is no fault, a full disk is one in a sentence."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to be flushed at the end
        if error.errno != errno.EPIPE:
            raise CommandFailed(f"cannot write the result: {error.strerror}.") from None
