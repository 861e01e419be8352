"""Flags that several commands have, and the settings that flags and environment make together."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

Server = Annotated[str | None, typer.Option(metavar="URL", help="A running service. [PRECIS_SERVER]")]
DataDir = Annotated[Path | None, typer.Option(help="Where the databases are kept. [PRECIS_DATA_DIR, ./data]")]
DatabaseUrl = Annotated[
    str | None, typer.Option(help="Database; empty: SQLite in the data directory. [PRECIS_DATABASE_URL]")
]
RunId = Annotated[str, typer.Argument(metavar="ID", help="The run's id, or `latest`.")]
Output = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Write a Markdown file for each document and one for all.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Files in DIR may be replaced.")]
Citations = Annotated[
    Literal["none", "footnotes"],
    typer.Option(help="In Markdown: footnotes puts numbers behind the sentences and lists their sources."),
]
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


def settings_of(**given: Any) -> Any:
    """Return the settings: what was given as a flag goes before the environment."""
    from app.settings import WrongSetting, read_settings

    try:
        return read_settings(**given)
    except WrongSetting as error:
        typer.echo(f"precis: {error}", err=True)
        raise typer.Exit(2) from None
