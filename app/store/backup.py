"""A copy of the database as it is at one moment, also while a service writes, and the way back.

The copy holds everything that cannot be had again: runs, documents, events, the ledger. Checkpoints are not in it: a
run that was under way begins anew from the ledger, which costs nothing.
"""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from app.store.migrate import known_revisions

BUSY_SECONDS = 30.0  # how long to wait for whoever holds the lock for a moment


class BackupRefused(Exception):
    """Nothing was copied; the message says why."""


def back_up(database: Path, target: Path) -> int:
    """Copy a SQLite database that others may be writing to a new file; return its size in bytes.

    The file appears when it is whole and on the disk. Raises `BackupRefused`, `OSError`, `sqlite3.Error`.
    """
    if not database.exists():
        raise BackupRefused(f"There is no database at {database}.")
    if target.exists():
        raise BackupRefused(f"{target} is there already.")
    part = _part(target)
    try:
        # Not the backup API: it begins again whenever another process writes, and would never end under load.
        with closing(sqlite3.connect(database, timeout=BUSY_SECONDS, isolation_level=None)) as source:
            source.execute("VACUUM INTO ?", [str(part)])
        _check(part)
        return _put_in_place(part, target)
    finally:
        part.unlink(missing_ok=True)


def restore(backup: Path, database: Path) -> int:
    """Make a database from a backup, where none is; return its size in bytes.

    Raises `BackupRefused`, `OSError`, `sqlite3.Error`.
    """
    # The log of another database beside it would spoil the one that is put there.
    for present in (database, *_logs(database)):
        if present.exists():
            raise BackupRefused(f"{present} is there already: stop the service and move it away first.")
    if any(log.exists() for log in _logs(backup)):
        raise BackupRefused(f"{backup} is a database in use, no backup: `precis backup FILE` makes one of it.")
    _check(backup)
    _check_revision(backup)
    database.parent.mkdir(parents=True, exist_ok=True)
    part = _part(database)
    try:
        shutil.copyfile(backup, part)
        with closing(sqlite3.connect(part, isolation_level=None)) as connection:
            # Those who drove these runs do so elsewhere, if at all: here they need not be waited for.
            connection.execute("UPDATE runs SET status = 'queued', worker = NULL WHERE status = 'running'")
        checkpoints = database.with_name("checkpoints.db")
        for stale in (checkpoints, *_logs(checkpoints)):  # they are those of the database that was there
            stale.unlink(missing_ok=True)
        return _put_in_place(part, database)
    finally:
        part.unlink(missing_ok=True)


def _check(path: Path) -> None:
    """Check that a file is a whole database of this service. Raises `BackupRefused`, `OSError`."""
    with path.open("rb"):  # SQLite says of a missing file no more than that it cannot be opened
        pass
    address = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.DatabaseError as error:
        raise BackupRefused(f"{path} is not a whole database: {error}.") from error
    if verdict != "ok":
        raise BackupRefused(f"{path} is not a whole database: {verdict}.")
    if not {"alembic_version", "runs", "calls"} <= tables:
        raise BackupRefused(f"{path} is not a database of this service.")


def _check_revision(path: Path) -> None:
    """Check that a database is one that this version can go on with. Raises `BackupRefused`."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        revisions = {row[0] for row in connection.execute("SELECT version_num FROM alembic_version")}
    if not revisions:
        raise BackupRefused(f"{path} is not a database of this service.")
    if not revisions.issubset(known_revisions()):
        raise BackupRefused(f"{path} is of a later version of Precis than this one.")


def _put_in_place(part: Path, target: Path) -> int:
    """Give a finished file its name, durably, unless the name was taken meanwhile."""
    with part.open("rb+") as file:
        os.fsync(file.fileno())
        size = os.fstat(file.fileno()).st_size
    try:
        os.link(part, target)  # unlike a rename, this replaces nothing
    except FileExistsError:
        raise BackupRefused(f"{target} is there already.") from None
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return size


def _part(target: Path) -> Path:
    """Return the name of a file that is not whole yet, of this process alone."""
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    return part


def _logs(database: Path) -> list[Path]:
    return [database.with_name(f"{database.name}-{kind}") for kind in ("wal", "shm", "journal")]
