"""The command line. Heavy parts are imported inside the commands, so that `precis --help` answers at once."""

import os
import signal
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    name="precis",
    help="Summaries of document batches that can be trusted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. [PRECIS_HOST, 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0: a free one. [PRECIS_PORT, 8000]")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where the databases are kept. [PRECIS_DATA_DIR, ./data]")
    ] = None,
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


@app.command()
def summarize(
    files: Annotated[
        list[Path],
        typer.Argument(help="Text, Markdown, HTML or PDF files.", exists=True, dir_okay=False, readable=True),
    ],
    model: Annotated[
        str | None, typer.Option(help="embedded:extractive, or openai:NAME with OPENAI_API_KEY set.")
    ] = None,
    length: Annotated[str, typer.Option(help="short, medium or long; or a number of words.")] = "medium",
    language: Annotated[
        str, typer.Option(help="Language to write in, such as en or ko; auto: each document's own.")
    ] = "auto",
    focus: Annotated[str | None, typer.Option(help="A question or topic to concentrate on.")] = None,
    max_calls: Annotated[int | None, typer.Option(help="Model calls that the run may make.", min=1)] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Tokens that it may use, prompts and answers.", min=1)] = None,
    max_usd: Annotated[float | None, typer.Option(help="US dollars that it may cost.")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where the databases are kept. [PRECIS_DATA_DIR, ./data]")
    ] = None,
) -> None:
    """Summarise files here, without a server; Markdown on standard output.

    Exit code: 0 all was summarised, 3 part of it, 1 nothing that can be trusted, 2 wrong usage, 130 interrupted.
    """
    settings = _settings(data_dir=data_dir, model=model)
    from pydantic import ValidationError

    from app import terminal
    from graphs.summarize import Budget, Options

    wanted: dict[str, Any] = {"words": int(length)} if length.isdecimal() else {"length": length}
    try:
        budget = Budget(calls=max_calls, tokens=max_tokens, usd=max_usd)
        options = Options(model=model, language=language, focus=focus, budget=budget, **wanted)
    except ValidationError as error:
        first = error.errors()[0]
        name = first["loc"][0]
        hint = f"--max-{name}" if name in Budget.model_fields else f"--{name}"
        raise typer.BadParameter(str(first["msg"]), param_hint=hint) from None
    raise typer.Exit(terminal.summarize(files, options, settings))


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
    data_dir: Annotated[
        Path | None, typer.Option(help="Where the databases are kept. [PRECIS_DATA_DIR, ./data]")
    ] = None,
) -> None:
    """Compare models and lengths on your own documents that have reference summaries.

    Exit code: 0 all was summarised, 3 part of it, 1 nothing to compare, 2 wrong usage.
    """
    settings = _settings(data_dir=data_dir)
    from app import evaluation

    contenders = evaluation.contenders_of(model or (), words or ())
    raise typer.Exit(evaluation.evaluate(folder, contenders, settings, plot))


@app.command()
def runs(
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=500)] = 20,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where the databases are kept. [PRECIS_DATA_DIR, ./data]")
    ] = None,
) -> None:
    """List the latest runs."""
    settings = _settings(data_dir=data_dir)
    from app import terminal

    raise typer.Exit(terminal.list_runs(settings, limit))


@app.command()
def migrate(
    data_dir: Annotated[
        Path | None, typer.Option(help="Where the databases are kept. [PRECIS_DATA_DIR, ./data]")
    ] = None,
    database_url: Annotated[
        str | None, typer.Option(help="Database; empty: SQLite in the data directory. [PRECIS_DATABASE_URL]")
    ] = None,
) -> None:
    """Bring the database's schema up to date; `serve` and `summarize` do so by themselves."""
    settings = _settings(data_dir=data_dir, database_url=database_url)
    from app.store.migrate import migrate as run_migrations

    run_migrations(settings.sqlalchemy_url)
    typer.echo("precis: the database is up to date.", err=True)


def main() -> None:
    """Run the command line."""
    # The first process of a container ignores signals that it does not handle, and the server handles them only after
    # long imports: until then, end as any other process would.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    app()


def _settings(**given: Any) -> Any:
    """Return the settings: what was given as a flag goes before the environment."""
    from pydantic import ValidationError

    from app.settings import Settings

    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        typer.echo(f"precis: the setting {place} is wrong: {first['msg']}", err=True)
        raise typer.Exit(2) from None
