"""What cannot be used is told in one line, and left as it is."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e import Service, batch, ended, post
from tests.forks import run_precis
from tests.model_server import ROOT

MODEL = "embedded:extractive"


def precis(data_dir: Path, *arguments: object, **settings: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PRECIS_", "OPENAI_"))}
    given = {"PRECIS_DATA_DIR": str(data_dir), "PRECIS_PORT": "0"} | settings
    return run_precis(*arguments, env=own | given, timeout=60)


def garbage(path: Path) -> None:
    path.write_text("This is no database. " * 100)


def of_later_version(path: Path) -> None:
    assert precis(path.parent, "migrate").returncode == 0
    age(path)


def age(path: Path) -> None:
    """Make a database one of a later version."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()


def not_to_be_written(path: Path) -> None:
    path.mkdir()  # whoever runs the tests may be root, whom no permission stops


def content(path: Path) -> object:
    if path.is_dir() or path.read_bytes().startswith(b"This"):
        return path.is_dir() or path.read_bytes()
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


@pytest.mark.parametrize("command", ["serve", "migrate", "runs"])
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (garbage, "cannot be used"),
        (of_later_version, "cannot be brought up to date"),
        (not_to_be_written, "cannot be used"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_in_a_sentence_and_left_as_it_is(
    spoil: object, said: str, command: str, tmp_path: Path
) -> None:
    path = tmp_path / "data" / "precis.db"
    path.parent.mkdir()
    assert callable(spoil)
    spoil(path)
    before = content(path)
    done = precis(path.parent, command)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert content(path) == before


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_data_directory_that_is_a_file_is_told_in_one_line(command: str, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("precious")
    done = precis(tmp_path / "data", command)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"precis: {tmp_path / 'data'} cannot be used: it is a file, not a folder.\n"
    assert (tmp_path / "data").read_text() == "precious"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"PRECIS_PORT": "99999"}, "the setting port is wrong"),
        ({"PRECIS_PRICES": "{no JSON"}, "a setting is not the JSON that it should be"),
        ({"PRECIS_CONCURRENCY": "4", "PRECIS_CONCURRENCY_START": "8"}, "the settings are wrong: concurrency_least <="),
        ({"PRECIS_MODEL": "nothing"}, "the setting model is wrong: 'nothing' is not a model"),
        ({"PRECIS_MODEL": "openai:gpt-4o"}, "the setting model is wrong: 'openai:gpt-4o' is not among the models"),
        ({"PRECIS_MODELS": "gpt-4o,openai:*"}, "the setting models is wrong: 'gpt-4o' is not a model"),
    ],
)
def test_a_wrong_setting_is_told_in_one_line_before_anything_is_made(
    settings: dict[str, str], said: str, tmp_path: Path
) -> None:
    done = precis(tmp_path / "data", "serve", **settings)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "data").exists()


def test_a_name_that_is_no_setting_and_a_taken_port_are_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = precis(tmp_path / "data", "serve", PRECIS_PORT=str(port), PRECIS_CONCURENCY="3", PRECIS_SERVER="")
    assert (done.returncode, done.stdout) == (1, "")
    assert "PRECIS_CONCURENCY is no setting and changes nothing; PRECIS_CONCURRENCY is one" in done.stderr
    assert "PRECIS_SERVER" not in done.stderr
    assert done.stderr.splitlines()[-1] == (
        f"precis: cannot listen on 127.0.0.1:{port}: Address already in use. Choose another with --port."
    )


def test_a_fault_that_nobody_expected_is_told_in_one_line_and_its_trace_when_asked() -> None:
    faulty = "import app.cli; app.cli.app.command('boom')(lambda: {}['key']); app.cli.main()"
    told, traced = (
        subprocess.run(
            [sys.executable, "-c", faulty, "boom"],
            cwd=ROOT,
            env=os.environ | {"PRECIS_LOG_LEVEL": level},
            capture_output=True,
            text=True,
            check=False,
        )
        for level in ("info", "debug")
    )
    assert told.returncode == traced.returncode == 1
    assert told.stderr == "precis: a fault of Precis itself: KeyError: 'key' (PRECIS_LOG_LEVEL=debug shows more)\n"
    assert traced.stderr.startswith("Traceback")


@pytest.mark.parametrize("command", ["migrate", "backup", "restore"])
def test_an_address_that_is_none_of_a_database_is_told_in_one_line(command: str, tmp_path: Path) -> None:
    files = [tmp_path / "copy.db"] * (command != "migrate")
    done = precis(tmp_path, command, *files, PRECIS_DATABASE_URL="nonsense")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("precis: the database in nonsense cannot be used: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_damaged_checkpoint_file_is_made_anew_as_the_ledger_has_all_that_was_paid(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    garbage(tmp_path / "data" / "checkpoints.db")
    with Service(tmp_path / "data") as service, service.client() as client:
        assert ended(client, post(client, batch("Ansan", sentences=20, model=MODEL)))["status"] == "succeeded"
    assert "is damaged and made anew" in service.log_path.read_text()


def test_only_a_backup_is_restored(tmp_path: Path) -> None:
    with Service(tmp_path / "data") as service, service.client() as client:
        assert ended(client, post(client, batch("Ansan", sentences=20, model=MODEL)))["status"] == "succeeded"
        # What was written last is in the log beside the file: without it the copy would lack it silently.
        used = precis(tmp_path / "other", "restore", tmp_path / "data" / "precis.db")
        assert precis(tmp_path / "data", "backup", tmp_path / "copy.db").returncode == 0
    shutil.copy(tmp_path / "copy.db", tmp_path / "later.db")
    age(tmp_path / "later.db")
    later = precis(tmp_path / "other", "restore", tmp_path / "later.db")
    with closing(sqlite3.connect(tmp_path / "foreign.db")) as connection:
        for table in ("runs", "calls", "alembic_version"):
            connection.execute(f"CREATE TABLE {table} (version_num)")
        connection.commit()
    foreign = precis(tmp_path / "other", "restore", tmp_path / "foreign.db")
    for done, said in (
        (used, "is a database in use"),
        (later, "is of a later version"),
        (foreign, "is not a database of"),
    ):
        assert (done.returncode, done.stdout) == (1, "")
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "other" / "precis.db").exists()
    assert precis(tmp_path / "other", "restore", tmp_path / "copy.db").returncode == 0
