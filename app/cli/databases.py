"""`precis migrate`, `precis backup` and `precis restore`."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from app.cli.flags import DatabaseUrl, DataDir, settings_of


def migrate(
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Bring the database's schema up to date.

    `serve` and `summarize` do so by themselves.
    """
    settings = settings_of(data_dir=data_dir, database_url=database_url)
    from app.store import migrate as migrations

    try:
        migrations.migrate(settings.sqlalchemy_url)
    except migrations.UNUSABLE as error:
        typer.echo(f"precis: {migrations.why_unusable(error, settings.database_place)}", err=True)
        raise typer.Exit(1) from None
    typer.echo("precis: the database is up to date.", err=True)


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not be there yet.")],
    data_dir: DataDir = None,
) -> None:
    """Copy the database to a file, also while the service runs."""
    from app.store.backup import back_up

    _copy(back_up, _database(data_dir), file, f"precis: {file} holds the database as it was when this began")


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `precis backup` has written.")],
    data_dir: DataDir = None,
) -> None:
    """Make the database from a backup, where none is.

    The next start goes on from there: runs that had not ended do.
    """
    from app.store import backup

    database = _database(data_dir)
    _copy(backup.restore, file, database, f"precis: {database} was made from {file}")


def _database(data_dir: Path | None) -> Path:
    """Return the path of the SQLite database; another one has tools of its own for this."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    from app.store.migrate import why_unusable

    settings = settings_of(data_dir=data_dir)
    try:
        address = make_url(settings.sqlalchemy_url)
    except ArgumentError as error:
        typer.echo(f"precis: {why_unusable(error, settings.database_place)}", err=True)
        raise typer.Exit(1) from None
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
