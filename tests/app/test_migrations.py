"""Migrations: what they make is what the models say, whoever runs them, however often."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, create_engine

import migrations
from app.store.migrate import known_revisions, migrate
from app.store.models import Base
from tests.model_server import ROOT

ROWS: dict[str, dict[str, Any]] = {
    "runs": {
        "id": "r1", "owner": "", "status": "succeeded", "options": '{"model": "embedded:extractive"}', "warnings": "[]",
        "created_at": "2026-01-02 03:04:05.000000", "started_at": "2026-01-02 03:04:06.000000",
        "finished_at": "2026-01-02 03:04:07.000000", "cancel_requested_at": None, "attempt": 1, "worker": None,
        "lease_until": 0.0, "error": None, "progress": "{}", "summary": '{"text": "요약"}', "coverage": None,
        "usage": '{"calls": 1}', "documents": 1,
    },
    "documents": {
        "run_id": "r1", "position": 0, "id": "a", "title": "제목", "details": "{}", "format": "text", "characters": 2,
        "status": "succeeded", "language": "ko", "chunks": 1, "failed_chunks": 0, "error": None, "summary": None,
        "pages": "[]", "text": "본문",
    },
    "calls": {
        "key": "k", "owner": "", "model": "openai:x", "created_at": "2026-01-02 03:04:06.000000", "prompt_tokens": 5,
        "completion_tokens": 2, "seconds": 0.5, "spans": "[]", "text": "paid for",
    },
    "events": {
        "run_id": "r1", "seq": 1, "type": "queued", "at": "2026-01-02 03:04:05.000000", "step": None, "call_key": "k",
        "data": '{"documents": 1}',
    },
}  # fmt: skip
"""A row of each table of the first revision."""

TABLES = [*ROWS, "texts"]

MIGRATE = "import sys; from app.store.migrate import migrate; sys.stdin.readline(); migrate(sys.argv[1])"


SCRIPTS = ScriptDirectory(str(Path(str(migrations.__file__)).parent))


def url_of(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.db"


@pytest.fixture
def migrated(path: Path) -> Iterator[Connection]:
    migrate(url_of(path))
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def stored(path: Path, table: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]


def insert_rows(path: Path) -> None:
    """Insert `ROWS`, each value into the table that has it by the file's revision."""
    known = columns(path)
    rows = {table: {name: row[name] for name in row if name in known[table]} for table, row in ROWS.items()}
    if known["texts"]:
        rows["texts"] = {name: ROWS["documents"][name] for name in known["texts"]}
    with closing(sqlite3.connect(path)) as connection:
        for table, row in rows.items():
            names, marks = ", ".join(row), ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(row.values()))
        connection.commit()


def assert_kept(path: Path) -> None:
    """Find the values of `ROWS` again, wherever they are kept."""
    for table, row in ROWS.items():
        (found,) = stored(path, table)
        if table == "documents" and "text" not in found:
            (text,) = stored(path, "texts")
            assert (text["run_id"], text["position"]) == (found["run_id"], found["position"])
            found |= text
        assert {name: found.get(name) for name in row} == row


def schema(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [
            row[0] for row in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
        ]


def test_the_migrated_schema_is_that_of_the_models(migrated: Connection) -> None:
    context = MigrationContext.configure(migrated, opts={"compare_type": True, "compare_server_default": True})
    assert compare_metadata(context, Base.metadata) == []


def test_the_comparison_of_this_test_sees_a_missing_column(migrated: Connection) -> None:
    migrated.exec_driver_sql("ALTER TABLE calls DROP COLUMN seconds")
    assert compare_metadata(MigrationContext.configure(migrated), Base.metadata) != []


def test_the_revisions_are_those_that_the_names_of_the_files_tell() -> None:
    revisions = [script.revision for script in SCRIPTS.walk_revisions()]
    assert known_revisions() == revisions[::-1]


def test_whoever_has_nothing_to_migrate_does_not_load_what_migrates(path: Path) -> None:
    migrate(url_of(path))
    code = MIGRATE.replace("sys.stdin.readline(); ", "") + "; print('alembic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, url_of(path)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_a_second_time_changes_nothing(path: Path) -> None:
    migrate(url_of(path))
    before = schema(path)
    migrate(url_of(path))
    assert schema(path) == before
    assert len(stored(path, "alembic_version")) == 1


def test_the_write_ahead_log_is_switched_on_before_anybody_else_opens_the_database(path: Path) -> None:
    # Two connections that switch it on at once lock each other out, and SQLite then fails without waiting.
    migrate(url_of(path))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_processes_that_migrate_at_once_leave_one_whole_schema(path: Path, tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE, url_of(path)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:  # all have started before the first may go
        assert process.stdin is not None
        process.stdin.write("\n")
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, errors
    alone = tmp_path / "alone.db"
    migrate(url_of(alone))
    assert schema(path) == schema(alone)
    assert stored(path, "alembic_version") == stored(alone, "alembic_version")


def test_a_database_of_the_first_revision_keeps_its_data(path: Path) -> None:
    migrate(url_of(path), "0001")
    insert_rows(path)
    migrate(url_of(path))
    assert_kept(path)


@pytest.mark.parametrize("revision", [script.revision for script in SCRIPTS.walk_revisions()][:0:-1])
def test_a_process_that_is_killed_at_any_statement_leaves_a_whole_database(
    revision: str, path: Path, tmp_path: Path
) -> None:
    migrate(url_of(path), revision)
    insert_rows(path)
    command = [sys.executable, "-m", "tests.killed_migrations", str(path), str(tmp_path / "copy.db")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    assert int(done.stdout) > 5


def columns(path: Path) -> dict[str, set[str]]:
    with closing(sqlite3.connect(path)) as connection:
        return {table: {row[1] for row in connection.execute(f"PRAGMA table_info({table})")} for table in TABLES}


@pytest.mark.parametrize("script", [script for script in SCRIPTS.walk_revisions() if script.down_revision])
def test_a_step_back_leaves_the_columns_of_the_step_before_and_the_data(
    script: Script, path: Path, tmp_path: Path
) -> None:
    migrate(url_of(path), script.revision)
    insert_rows(path)
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        script.module.downgrade()
    engine.dispose()
    before = tmp_path / "before.db"
    migrate(url_of(before), str(script.down_revision))
    assert columns(path) == columns(before)
    assert_kept(path)


def test_documents_that_were_there_are_in_no_group(path: Path) -> None:
    migrate(url_of(path), "0005")
    insert_rows(path)
    migrate(url_of(path))
    assert [document["group"] for document in stored(path, "documents")] == [""]
    assert [run["groups"] for run in stored(path, "runs")] == [None]


def test_the_size_of_runs_that_were_there_is_known(path: Path) -> None:
    migrate(url_of(path), "0002")
    insert_rows(path)
    migrate(url_of(path))
    (run,) = stored(path, "runs")
    assert run["text_bytes"] == len("본문".encode())


def test_a_new_database_can_give_room_back(path: Path) -> None:
    migrate(url_of(path))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)  # incremental


def test_the_migrations_are_one_line_with_one_head() -> None:
    assert len(SCRIPTS.get_heads()) == 1
    assert [script.revision for script in SCRIPTS.walk_revisions()][-1] == "0001"


@pytest.mark.parametrize("folder", ["with space", "50% of it", "데이터"])
def test_the_data_may_lie_in_any_folder(folder: str, tmp_path: Path) -> None:
    path = tmp_path / folder / "deeper" / "test.db"
    migrate(url_of(path))
    assert stored(path, "runs") == []
