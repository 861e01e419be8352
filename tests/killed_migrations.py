"""Migrates copies of a database in processes that are killed before their first, second, ... statement.

    python -m tests.killed_migrations DATABASE COPY

Prints how many were killed. What each left must be the old state or the new one, whole, and the next process finishes it.
"""

import os
import shutil
import signal
import sqlite3
import sys
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from app.store.migrate import migrate


class Cursor(sqlite3.Cursor):
    left = 0  # statements of the process until the kill; 0: none comes

    def execute(self, *arguments: Any) -> "Cursor":
        if Cursor.left == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        Cursor.left = max(0, Cursor.left - 1)
        super().execute(*arguments)
        return self


class Connection(sqlite3.Connection):
    def cursor(self, factory: Any = Cursor) -> Any:
        return super().cursor(factory)


def run(path: Path, kill_before: int) -> bool:
    """Migrate in a child, killed before this statement; return whether it came to its end."""
    pid = os.fork()
    if not pid:
        Cursor.left = kill_before
        migrate(f"sqlite:///{path}")
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or not os.WEXITSTATUS(status)
    return not os.WIFSIGNALED(status)


def state(path: Path) -> tuple[list[Any], dict[str, list[Any]]]:
    """The schema with the revision, and the rows as dictionaries, by table."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        schema = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").fetchall()
        schema += connection.execute("SELECT version_num FROM alembic_version").fetchall()
        connection.row_factory = sqlite3.Row
        tables = [row["name"] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return schema, {name: [dict(row) for row in connection.execute(f"SELECT * FROM {name}")] for name in tables}


def copy(source: Path, path: Path) -> None:
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()
    shutil.copyfile(source, path)


def main() -> None:
    source, path = Path(sys.argv[1]), Path(sys.argv[2])
    copy(source, path)
    before = state(path)
    run(path, 0)
    after = state(path)
    assert before[0] != after[0]
    sqlite3.connect = sqlite3.dbapi2.connect = partial(sqlite3.connect, factory=Connection)  # type: ignore[assignment]
    for kill_before in count(1):
        copy(source, path)
        has_ended = run(path, kill_before)
        assert state(path) in (before, after), kill_before
        assert run(path, 0)
        assert state(path) == after, kill_before
        if has_ended:
            print(kill_before - 1)
            return


if __name__ == "__main__":
    main()
