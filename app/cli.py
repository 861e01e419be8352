"""The command line. Heavy parts are imported inside the commands, so that `precis --help` answers at once."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Literal

import typer

app = typer.Typer(
    name="precis",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(is_wanted: bool) -> None:
    if is_wanted:
        from importlib.metadata import version

        typer.echo(f"precis {version('precis')}")
        raise typer.Exit


SERVER = typer.Option(metavar="URL", help="A running service. [PRECIS_SERVER]")
DATA_DIR = typer.Option(help="Where the databases are kept. [PRECIS_DATA_DIR, ./data]")
ID = typer.Argument(metavar="ID", help="The run's id, or `latest`.")
Citations = Literal["none", "footnotes"]
CITATIONS = typer.Option(help="In Markdown: footnotes puts numbers behind the sentences and lists their sources.")
STATUSES = ("queued", "running", "succeeded", "partial", "failed", "cancelled")
EXIT_CODES = """\b
Exit codes:
  0    all was summarised
  1    failed: there is nothing that can be trusted, or it cannot be written
  2    wrong usage: arguments, options, settings
  3    partial: there is a summary, and it says what it lacks
  4    cancelled
  5    no service answers at the address
  130  interrupted by Ctrl-C
"""


@app.callback()
def precis(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Summaries of document batches that can be trusted."""


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. [PRECIS_HOST, 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0: a free one. [PRECIS_PORT, 8000]")] = None,
    data_dir: Annotated[Path | None, DATA_DIR] = None,
    database_url: Annotated[
        str | None, typer.Option(help="Database; empty: SQLite in the data directory. [PRECIS_DATABASE_URL]")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Model of runs that name none. [PRECIS_MODEL]")] = None,
    models: Annotated[
        str | None, typer.Option(help="Models that callers may name, separated by commas. [PRECIS_MODELS]")
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(help="Model calls in flight to one provider. [PRECIS_CONCURRENCY, 16]")
    ] = None,
    call_seconds: Annotated[
        float | None, typer.Option(help="Deadline of one attempt of a model call. [PRECIS_CALL_SECONDS, 120]")
    ] = None,
    chunk_tokens: Annotated[
        int | None, typer.Option(help="Most tokens of a chunk. [PRECIS_CHUNK_TOKENS, 3000]")
    ] = None,
    max_body_bytes: Annotated[
        int | None, typer.Option(help="Largest request body. [PRECIS_MAX_BODY_BYTES, 64 MiB]")
    ] = None,
    log_level: Annotated[
        str | None, typer.Option(help="debug, info, warning or error. [PRECIS_LOG_LEVEL, info]")
    ] = None,
) -> None:
    """Run the service: REST, docs page at /docs."""
    settings = _settings(
        host=host,
        port=port,
        data_dir=data_dir,
        database_url=database_url,
        model=model,
        models=models,
        concurrency=concurrency,
        call_seconds=call_seconds,
        chunk_tokens=chunk_tokens,
        max_body_bytes=max_body_bytes,
        log_level=log_level,
    )
    from app import server

    raise typer.Exit(server.serve(settings))


@app.command(epilog=EXIT_CODES)
def summarize(
    files: Annotated[
        list[str],
        typer.Argument(
            help="Text, Markdown, HTML or PDF files; folders, with all that is beneath them; patterns such as "
            "'docs/**/*.pdf'; - for standard input.",
        ),
    ],
    model: Annotated[
        str | None, typer.Option(help="embedded:extractive, or openai:NAME with OPENAI_API_KEY set.")
    ] = None,
    strategy: Annotated[str | None, typer.Option(help="auto, single, map_reduce or refine.")] = None,
    scope: Annotated[str | None, typer.Option(help="Which summaries: document, batch or both.")] = None,
    length: Annotated[str | None, typer.Option(help="short, medium or long; or a number of words. [medium]")] = None,
    language: Annotated[
        str | None, typer.Option(help="Language to write in, such as en or ko. [auto: each document's own]")
    ] = None,
    focus: Annotated[str | None, typer.Option(help="A question or topic to concentrate on.")] = None,
    style: Annotated[str | None, typer.Option(help="paragraph, bullets, executive, dense or report.")] = None,
    audience: Annotated[str | None, typer.Option(help="Who will read it, in a few words.")] = None,
    instructions: Annotated[str | None, typer.Option(help="What else is wished, in your own words.")] = None,
    facet: Annotated[
        list[str] | None,
        typer.Option(
            help="What else is wanted: key_terms, questions, entities, sentiment, categories, action_items, "
            "translation:LANG, synthesis. Repeatable."
        ),
    ] = None,
    category: Annotated[
        list[str] | None, typer.Option(help="A label that the facet categories chooses from. Repeatable.")
    ] = None,
    group_by: Annotated[str | None, typer.Option(help="Documents merged first: auto, order or topic.")] = None,
    verify: Annotated[str | None, typer.Option(help="How sentences are checked: off, support or llm.")] = None,
    unsupported: Annotated[str | None, typer.Option(help="Sentences that do not hold: mark or remove.")] = None,
    variants: Annotated[int | None, typer.Option(help="Summaries of the batch to choose the best from. [1]")] = None,
    min_coverage: Annotated[
        float | None, typer.Option(help="Share of the text that must be summarised for the run not to fail. [0.9]")
    ] = None,
    max_calls: Annotated[int | None, typer.Option(help="Model calls that the run may make.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Tokens that it may use, prompts and answers.")] = None,
    max_usd: Annotated[float | None, typer.Option(help="US dollars that it may cost.")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="Any option of the API by its name; the value may be JSON. Repeatable."
        ),
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Show calls, tokens and cost at most, and stop.")] = False,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a Markdown file for each document and one for all.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Files in DIR may be replaced.")] = False,
    citations: Annotated[Citations, CITATIONS] = "none",
    as_json: Annotated[bool, typer.Option("--json", help="Print the run, or the plan, as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but what is wrong.")] = False,
    server: Annotated[str | None, SERVER] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Print the run's id and leave; the service goes on with it.")
    ] = False,
    data_dir: Annotated[Path | None, DATA_DIR] = None,
) -> None:
    """Summarise files, here or by a service.

    Markdown goes to standard output, everything else to standard error. Ctrl-C stops the run. Finished model calls are
    kept, so the same command again goes on where it stopped.
    """
    from app.terminal import commands
    from app.terminal.options import options_of

    flags = {
        "model": model,
        "strategy": strategy,
        "scope": scope,
        "length": length,
        "language": language,
        "focus": focus,
        "style": style,
        "audience": audience,
        "instructions": instructions,
        "facets": facet or None,
        "categories": category or None,
        "group_by": group_by,
        "verify": verify,
        "unsupported": unsupported,
        "variants": variants,
        "min_coverage": min_coverage,
        "max_calls": max_calls,
        "max_tokens": max_tokens,
        "max_usd": max_usd,
    }
    form = commands.Form(as_json, output, overwrite, quiet, citations)

    def work() -> Any:
        options = options_of(flags, option or [])
        found = commands.read(files, form)
        address = commands.address_of(server)
        place = commands.service(address) if address else commands.this_process(data_dir=data_dir)
        if plan:
            return commands.plan(place, found, options, form)
        return commands.summarize(place, found, options, form, is_detached=detach)

    again = "stopped. What was finished is kept: run the same command again to go on."
    raise typer.Exit(commands.finish(work, when_stopped=again))


@app.command()
def evaluate(
    folder: Annotated[
        Path, typer.Argument(help="Documents with references: a.txt and a.reference.txt.", exists=True, file_okay=False)
    ],
    model: Annotated[list[str] | None, typer.Option(help="A model to compare; may be given several times.")] = None,
    words: Annotated[
        list[int] | None, typer.Option(help="A length to compare; by default as long as the references.", min=10)
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Where to write a plot, as SVG.", dir_okay=False)] = None,
    data_dir: Annotated[Path | None, DATA_DIR] = None,
) -> None:
    """Compare models and lengths on your own documents that have reference summaries.

    Exit code: 0 all was summarised, 3 part of it, 1 nothing to compare, 2 wrong usage.
    """
    settings = _settings(data_dir=data_dir)
    from app import evaluation

    contenders = evaluation.contenders_of(model or (), words or ())
    raise typer.Exit(evaluation.evaluate(folder, contenders, settings, plot))


runs = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
app.add_typer(runs, name="runs", epilog=EXIT_CODES)


@runs.callback(invoke_without_command=True)
def list_runs(
    context: typer.Context,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=500)] = 20,
    status: Annotated[
        str | None, typer.Option(help="Only these: queued, running, succeeded, partial, failed or cancelled.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
    server: Annotated[str | None, SERVER] = None,
    data_dir: Annotated[Path | None, DATA_DIR] = None,
) -> None:
    """List runs; show, watch, cancel, retry, delete one.

    Asks the service at --server, else the one on this machine; when none answers there, the runs in the data directory
    are listed, shown and deleted. The id `latest` is the newest run.
    """
    if context.invoked_subcommand is not None:  # it asks where these say, unless it is told otherwise
        given = {"server": server, "data_dir": data_dir}
        context.default_map = {
            context.invoked_subcommand: {name: value for name, value in given.items() if value is not None}
        }
        return
    from app.terminal import commands

    if status is not None and status not in STATUSES:
        raise typer.BadParameter(f"{status!r} is none of {', '.join(STATUSES)}.", param_hint="--status")
    form = commands.Form(as_json)

    def work() -> Any:
        return commands.list_runs(_shelf(server, data_dir), limit, status, form)

    raise typer.Exit(commands.finish(work))


@runs.command()
def show(
    run_id: Annotated[str, ID],
    as_json: Annotated[bool, typer.Option("--json", help="Print the run as JSON.")] = False,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a Markdown file for each document and one for all.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Files in DIR may be replaced.")] = False,
    citations: Annotated[Citations, CITATIONS] = "none",
    server: Annotated[str | None, SERVER] = None,
    data_dir: Annotated[Path | None, DATA_DIR] = None,
) -> None:
    """Show a run and its summaries.

    The summaries go to standard output, how it stands goes to standard error.
    """
    from app.terminal import commands

    def work() -> Any:
        form = commands.Form(as_json, output, overwrite, citations=citations)
        return commands.show_run(_shelf(server, data_dir), run_id, form)

    raise typer.Exit(commands.finish(work))


@runs.command(epilog=EXIT_CODES)
def watch(
    run_id: Annotated[str, ID],
    as_json: Annotated[bool, typer.Option("--json", help="Print the run as JSON when it has ended.")] = False,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a Markdown file for each document and one for all.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Files in DIR may be replaced.")] = False,
    citations: Annotated[Citations, CITATIONS] = "none",
    server: Annotated[str | None, SERVER] = None,
) -> None:
    """Follow a run to its end and show it.

    It must be a service's. Ctrl-C leaves the run alone.
    """
    from app.terminal import commands

    def work() -> Any:
        form = commands.Form(as_json, output, overwrite, citations=citations)
        return commands.watch_run(commands.service(server), run_id, form)

    goes_on = f"the run goes on; `precis runs cancel {run_id}` stops it."
    raise typer.Exit(commands.finish(work, when_stopped=goes_on))


@runs.command()
def cancel(run_id: Annotated[str, ID], server: Annotated[str | None, SERVER] = None) -> None:
    """Stop a run.

    It must be a service's. What it has finished is kept.
    """
    from app.terminal import commands

    def work() -> Any:
        return commands.cancel_run(commands.service(server), run_id)

    raise typer.Exit(commands.finish(work))


@runs.command()
def retry(run_id: Annotated[str, ID], server: Annotated[str | None, SERVER] = None) -> None:
    """Try again what a run lacks.

    It must be a service's, and have failed, be partial or cancelled. Only what is missing is paid.
    """
    from app.terminal import commands

    def work() -> Any:
        return commands.retry_run(commands.service(server), run_id)

    raise typer.Exit(commands.finish(work))


@runs.command()
def delete(
    run_ids: Annotated[list[str], typer.Argument(metavar="ID", help="Their ids.")],
    server: Annotated[str | None, SERVER] = None,
    data_dir: Annotated[Path | None, DATA_DIR] = None,
) -> None:
    """Delete runs that have ended.

    Their documents, their summaries and the model calls that no other run uses go with them.
    """
    from app.terminal import commands

    def work() -> Any:
        return commands.delete_runs(_shelf(server, data_dir), run_ids)

    raise typer.Exit(commands.finish(work))


def _shelf(server: str | None, data_dir: Path | None) -> Any:
    """Return where runs are looked at: the service that is named, the folder that is named, or what is there."""
    from app.terminal import commands

    if data_dir is not None:
        return commands.data_directory(data_dir=data_dir)
    address = commands.address_of(server)
    return commands.service(address) if address else commands.service_or_data_directory()


@app.command()
def migrate(
    data_dir: Annotated[Path | None, DATA_DIR] = None,
    database_url: Annotated[
        str | None, typer.Option(help="Database; empty: SQLite in the data directory. [PRECIS_DATABASE_URL]")
    ] = None,
) -> None:
    """Bring the database's schema up to date.

    `serve` and `summarize` do so by themselves.
    """
    settings = _settings(data_dir=data_dir, database_url=database_url)
    from app.store.migrate import migrate as run_migrations

    run_migrations(settings.sqlalchemy_url)
    typer.echo("precis: the database is up to date.", err=True)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not be there yet.")],
    data_dir: Annotated[Path | None, DATA_DIR] = None,
) -> None:
    """Copy the database to a file, also while the service runs."""
    from app.store.backup import back_up

    _copy(back_up, _database(data_dir), file, f"precis: {file} holds the database as it was when this began")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `precis backup` has written.")],
    data_dir: Annotated[Path | None, DATA_DIR] = None,
) -> None:
    """Make the database from a backup, where none is; the next start goes on from there."""
    from app.store import backup

    database = _database(data_dir)
    _copy(backup.restore, file, database, f"precis: {database} is as {file}")


def main() -> None:
    """Run the command line."""
    # The first process of a container ignores signals that it does not handle, and the server handles them only after
    # long imports: until then, end as any other process would.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    sys.excepthook = _last_words
    app()


def _last_words(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Say what nobody expected in one line; the trace is for those who ask for it."""
    if issubclass(kind, KeyboardInterrupt):
        print("precis: stopped.", file=sys.stderr)
    elif os.environ.get("PRECIS_LOG_LEVEL") == "debug":
        sys.__excepthook__(kind, error, trace)
    else:
        said = " ".join(str(error).split())[:300]
        print(
            f"precis: a fault of Precis itself: {kind.__name__}: {said} (PRECIS_LOG_LEVEL=debug shows more)",
            file=sys.stderr,
        )


def _database(data_dir: Path | None) -> Path:
    """Return the path of the SQLite database; another one has tools of its own for this."""
    from sqlalchemy import make_url

    address = make_url(_settings(data_dir=data_dir).sqlalchemy_url)
    if address.get_backend_name() != "sqlite" or not address.database:
        typer.echo("precis: the database is not a SQLite file: use the tools of its server.", err=True)
        raise typer.Exit(2)
    return Path(address.database)


def _copy(copy: Callable[[Path, Path], int], source: Path, target: Path, done: str) -> None:
    """Copy a database and say so, or why not; exit code 1."""
    import sqlite3

    from app.store.backup import BackupRefused

    try:
        size = copy(source, target)
    except (BackupRefused, OSError, sqlite3.Error) as error:
        typer.echo(f"precis: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{done} ({size:,} bytes).", err=True)


def _settings(**given: Any) -> Any:
    """Return the settings: what was given as a flag goes before the environment."""
    from app.settings import WrongSetting, read_settings

    try:
        return read_settings(**given)
    except WrongSetting as error:
        typer.echo(f"precis: {error}", err=True)
        raise typer.Exit(2) from None
