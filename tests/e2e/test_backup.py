"""A backup is whole whenever it is made, and a service goes on from it as if nothing had been."""

import os
import sqlite3
import subprocess
import threading
from contextlib import closing
from pathlib import Path

from app.store.migrate import migrate
from tests.e2e import Service, assert_told_once, batch, ended, post, result_of
from tests.forks import run_precis
from tests.model_server import ModelServer
from tests.service import wait_until

TOWNS = ("Ansan", "Busan", "Chuncheon", "Daegu", "Eumseong", "Gimpo")
PAID = 6  # calls before the first backup: fewer than any run takes, so that none has ended, whoever's turn it was


def precis(data_dir: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PRECIS_", "OPENAI_"))}
    return run_precis(*arguments, env=own | {"PRECIS_DATA_DIR": str(data_dir)})


def kept_calls(data_dir: Path) -> int:
    with closing(sqlite3.connect(data_dir / "precis.db")) as connection:
        return int(connection.execute("SELECT count(*) FROM calls").fetchone()[0])


def service_of(data_dir: Path, server: ModelServer) -> Service:
    settings = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": server.base_url}
    return Service(data_dir, chunk_tokens=200, concurrency=4, **settings)


def test_backups_made_while_runs_go_on_lead_to_the_same_end(tmp_path: Path, model_server: ModelServer) -> None:
    model_server.latency(0.01)
    with service_of(tmp_path / "data", model_server) as service:
        model_server.hold(after=PAID)
        with service.client() as client:
            ids = [post(client, batch(town, sentences=40)) for town in TOWNS]
            wait_until(lambda: kept_calls(service.data_dir) == PAID)
            backups = []
            for number in range(2):
                backups.append(tmp_path / f"backup{number}.db")
                done = precis(service.data_dir, "backup", backups[-1])
                assert done.returncode == 0, done.stderr
                assert "holds the database" in done.stderr
                model_server.release()
            runs = [ended(client, id) for id in ids]
        service.kill()
    assert [run["status"] for run in runs] == ["succeeded"] * len(TOWNS)
    for backup in backups:
        with closing(sqlite3.connect(backup)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert {row[0] for row in connection.execute("SELECT id FROM runs")} == set(ids)
    with closing(sqlite3.connect(backups[0])) as connection:
        assert {row[0] for row in connection.execute("SELECT status FROM runs")} <= {"queued", "running"}

    elsewhere = tmp_path / "elsewhere"
    done = precis(elsewhere, "restore", backups[0])
    assert done.returncode == 0, done.stderr
    before = model_server.stats()["finished"]
    with service_of(elsewhere, model_server) as service, service.client() as client:
        for run in runs:
            again = ended(client, run["id"])
            assert result_of(again) == result_of(run)
            assert_told_once(client, again)
    assert model_server.stats()["finished"] == before + before - PAID  # what the backup had was not paid again


def test_a_backup_goes_on_while_another_process_writes_without_pause(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with Service(data_dir) as service:
        stop = threading.Event()
        posted: list[str] = []

        def write() -> None:
            with service.client() as client:
                while not stop.is_set():
                    posted.append(post(client, batch("Ansan", sentences=4, model="embedded:extractive")))

        writing = threading.Thread(target=write)
        writing.start()
        try:
            wait_until(lambda: posted)
            done = precis(data_dir, "backup", tmp_path / "copy.db")
        finally:
            stop.set()
            writing.join()
        assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(tmp_path / "copy.db")) as connection:
        kept = [row[0] for row in connection.execute("SELECT id FROM runs ORDER BY id")]
        without = "SELECT count(*) FROM runs WHERE id NOT IN (SELECT run_id FROM documents)"
        assert connection.execute(without).fetchone() == (0,)
    assert kept
    assert kept == posted[: len(kept)]  # those accepted by then, and no other


def test_the_command_line_overwrites_nothing_and_says_why(tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    done = precis(tmp_path / "data", "backup", copy)
    assert (done.returncode, done.stdout) == (1, "")
    assert "There is no database at" in done.stderr
    migrate(f"sqlite:///{tmp_path / 'data' / 'precis.db'}")
    copy.write_text("precious")
    for arguments in (["backup", copy], ["restore", copy]):
        done = precis(tmp_path / "data", *arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert "is there already" in done.stderr
        assert "Traceback" not in done.stderr
    assert copy.read_text() == "precious"
