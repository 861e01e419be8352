"""The command line. Heavy parts are imported inside the commands, so that `precis --help` answers at once."""

import os
import signal
import sys
from types import TracebackType
from typing import Annotated

import typer
from typer.main import get_command

from app.cli import databases, serving, summaries
from app.cli.flags import EXIT_CODES
from app.cli.runs import runs

app = typer.Typer(
    name="precis",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(serving.serve)
app.command(epilog=EXIT_CODES)(summaries.summarize)
app.command()(summaries.evaluate)
app.add_typer(runs, name="runs", epilog=EXIT_CODES)
app.command()(databases.migrate)
app.command()(databases.backup)
app.command()(databases.restore)


def _version(is_wanted: bool) -> None:
    if is_wanted:
        from importlib.metadata import version

        typer.echo(f"precis {version('precis')}")
        raise typer.Exit


@app.callback()
def precis(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Summaries of document batches that can be trusted."""


def main() -> None:
    """Run the command line."""
    # The first process of a container ignores signals that it does not handle, and the server handles them only after
    # long imports: until then, end as any other process would.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    sys.excepthook = _last_words
    get_command(app)()  # not `app()`, which sets a hook of its own


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
