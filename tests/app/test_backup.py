"""Backups: nothing is overwritten, and nothing but a whole backup is taken for one."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from app.store.backup import BackupRefused, back_up, restore
from app.store.migrate import migrate


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "precis.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def copy(database: Path, tmp_path: Path) -> Path:
    path = tmp_path / "copy.db"
    assert back_up(database, path) == path.stat().st_size
    return path


def test_nothing_is_overwritten(database: Path, copy: Path, tmp_path: Path) -> None:
    before = copy.read_bytes(), database.read_bytes()
    with pytest.raises(BackupRefused, match="is there already"):
        back_up(database, copy)
    with pytest.raises(BackupRefused, match="is there already"):
        restore(copy, database)
    assert (copy.read_bytes(), database.read_bytes()) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.db", "data"]


def test_what_was_written_a_moment_ago_is_in_the_copy(database: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(database)) as writer:
        writer.execute("UPDATE alembic_version SET version_num = 'mine'")
        writer.commit()
        writer.execute("UPDATE alembic_version SET version_num = 'not yet'")  # not committed
        back_up(database, tmp_path / "copy.db")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("mine",)]
        assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)


@pytest.mark.parametrize("kind", ["wal", "shm", "journal"])
def test_the_log_of_a_database_that_was_moved_away_is_not_taken_for_the_backups(
    kind: str, database: Path, copy: Path, tmp_path: Path
) -> None:
    shutil.move(database, tmp_path / "old.db")
    log = database.with_name(f"precis.db-{kind}")
    log.write_bytes(b"of the old one")
    with pytest.raises(BackupRefused, match=log.name):
        restore(copy, database)
    assert not database.exists()


def test_checkpoints_of_the_database_that_was_there_go(database: Path, copy: Path, tmp_path: Path) -> None:
    shutil.move(database, tmp_path / "old.db")
    for name in ("checkpoints.db", "checkpoints.db-wal"):
        database.with_name(name).write_bytes(b"of the old one")
    restore(copy, database)
    assert [path.name for path in database.parent.iterdir()] == ["precis.db"]
    assert database.read_bytes() == copy.read_bytes()


@pytest.mark.parametrize("fault", ["text", "nothing", "other database", "cut off", "scribbled over"])
def test_what_is_no_whole_backup_is_refused(fault: str, copy: Path, tmp_path: Path) -> None:
    whole = copy.read_bytes()
    match fault:
        case "text":
            copy.write_text("This is no database.")
        case "nothing":
            copy.write_bytes(b"")
        case "other database":
            copy.unlink()
            with closing(sqlite3.connect(copy)) as connection:
                connection.execute("CREATE TABLE runs (id)")
        case "cut off":
            copy.write_bytes(whole[: len(whole) // 2])
        case "scribbled over":
            copy.write_bytes(whole[:4096] + b"\xa5" * 4096 + whole[8192:])
    with pytest.raises(BackupRefused, match=str(copy)):
        restore(copy, tmp_path / "new" / "precis.db")
    assert not (tmp_path / "new").exists()


def test_files_that_cannot_be_read_or_written_are_an_error_of_the_system(database: Path, tmp_path: Path) -> None:
    for source in (tmp_path / "missing.db", tmp_path):
        with pytest.raises(OSError, match=str(source)):
            restore(source, tmp_path / "new" / "precis.db")
    with pytest.raises((OSError, sqlite3.Error)):
        back_up(database, tmp_path / "no folder" / "copy.db")
    with pytest.raises(BackupRefused, match="no database"):
        back_up(tmp_path / "missing.db", tmp_path / "copy.db")
