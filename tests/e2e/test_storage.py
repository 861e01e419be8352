"""A full disk and a locked database make runs wait: nothing fails, nothing is lost, and reading goes on."""

import ctypes
import os
import resource
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path

import httpx
import pytest

from app.store.database import LOG_BYTES
from tests.e2e import Service, assert_told_once, batch, ended, post
from tests.model_server import ModelServer
from tests.service import wait_until

IN_FLIGHT = 4  # calls
DISK_BYTES = 8 * 1024 * 1024
TOWNS = ("Ansan", "Busan", "Chuncheon")


@contextmanager
def mounted(path: Path) -> Iterator[Path]:
    """A small file system of its own; skips the test by name where none may be mounted."""
    path.mkdir()
    system = ctypes.CDLL(None, use_errno=True)
    options = f"size={DISK_BYTES}".encode()
    if system.mount(b"tmpfs", os.fsencode(path), b"tmpfs", 0, options):
        pytest.skip(f"no file system can be mounted here: {os.strerror(ctypes.get_errno())}")
    try:
        yield path
    finally:
        wait_until(lambda: system.umount2(os.fsencode(path), 0) == 0)


def service_of(data_dir: Path, server: ModelServer) -> Service:
    settings = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": server.base_url}
    service = Service(data_dir, chunk_tokens=200, concurrency=IN_FLIGHT, **settings)
    service.log_path = data_dir.parent.parent / "service.log"
    return service


def assert_whole(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@contextmanager
def full(disk: Path, service: Service) -> Iterator[None]:
    """Leave not one byte on the disk for a while."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 8, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                pass
    yield
    filler.unlink()


@contextmanager
def not_allowed(disk: Path, service: Service) -> Iterator[None]:
    """Let the system refuse each write of the service to a file for a while, as a quota does."""
    pid = service.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
    yield
    resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(("disk_of", "refusing"), [(mounted, full), (nullcontext, not_allowed)], ids=["disk", "quota"])
@pytest.mark.timeout(600)
def test_a_full_disk_makes_runs_wait_and_loses_nothing(
    disk_of: Callable[[Path], AbstractContextManager[Path]],
    refusing: Callable[[Path, Service], AbstractContextManager[None]],
    tmp_path: Path,
    model_server: ModelServer,
) -> None:
    with disk_of(tmp_path / "disk") as disk, service_of(disk / "data", model_server) as service:
        model_server.hold(after=6)
        with service.client() as client:
            ids = [post(client, batch(town, sentences=60)) for town in TOWNS]
            model_server.wait_for(lambda counts: counts["finished"] == 6 and counts["held"] == IN_FLIGHT)
            with refusing(disk, service):
                before = model_server.stats()["calls"]
                model_server.release()
                model_server.wait_for(lambda counts: counts["in_flight"] == 0)
                time.sleep(3)  # in which it would go on to call, if it did
                # Those in flight came to their end, and at most as many were begun before the first write failed.
                assert model_server.stats()["calls"] - before <= 2 * IN_FLIGHT
                for id in ids:
                    assert client.get(f"/v1/runs/{id}").json()["status"] in ("queued", "running")
                refused = client.post("/v1/runs", json=batch("Daegu", sentences=4))
                assert refused.status_code == 503
                assert refused.json()["type"] == "urn:precis:problem:storage-unavailable"
                assert int(refused.headers["Retry-After"]) > 0
                assert client.get("/readyz").status_code in (200, 503)
            for id in ids:
                run = ended(client, id)
                assert run["status"] == "succeeded", run["error"]
                assert_told_once(client, run)
        assert model_server.stats()["repeats"] <= 2 * IN_FLIGHT
        service.kill()
        for name in ("precis.db", "checkpoints.db"):
            assert_whole(disk / "data" / name)


@pytest.mark.parametrize(
    ("seconds", "most_seconds"),  # that the lock is held; that a read may take: on a calm machine alone
    [(5, None), pytest.param(30, 0.1, marks=pytest.mark.soak)],
)
@pytest.mark.timeout(300)
def test_an_outsider_who_holds_the_write_lock_costs_time_and_no_run(
    seconds: float, most_seconds: float | None, tmp_path: Path, model_server: ModelServer
) -> None:
    model_server.latency(0.05)
    (tmp_path / "here").mkdir()
    with service_of(tmp_path / "here" / "data", model_server) as service, service.client() as client:
        model_server.hold(after=10)
        ids = [post(client, batch(town, sentences=60)) for town in TOWNS]
        model_server.wait_for(lambda counts: counts["finished"] == 10 and counts["held"] > 0)
        before = read_for(seconds / 5, client, ids)
        outsider = sqlite3.connect(service.data_dir / "precis.db", timeout=30, isolation_level=None)
        with closing(outsider):
            outsider.execute("BEGIN IMMEDIATE")
            model_server.release()
            latencies = read_for(seconds, client, ids)  # every answer comes while the lock is held
            outsider.execute("ROLLBACK")
        for id in ids:
            run = ended(client, id)
            assert run["status"] == "succeeded", run["error"]
            assert_told_once(client, run)
    assert model_server.stats()["repeats"] == 0
    p99, p99_before = (sorted(found)[int(len(found) * 0.99)] for found in (latencies, before))
    print(f"\n{len(latencies)} reads while the database was locked: p99 {p99 * 1_000:.0f} ms")
    print(f"{len(before)} reads before, when nothing went on: p99 {p99_before * 1_000:.0f} ms")
    assert most_seconds is None or p99 <= most_seconds


def read_for(seconds: float, client: httpx.Client, ids: list[str]) -> list[float]:
    """Read runs for so long, and return how many seconds each answer took."""
    latencies = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for path in ("/v1/runs", *[f"/v1/runs/{id}" for id in ids], f"/v1/runs/{ids[0]}/chunks"):
            began = time.monotonic()
            assert client.get(path).status_code == 200
            latencies.append(time.monotonic() - began)
        time.sleep(0.02)
    assert len(latencies) > len(ids)
    return latencies


def test_what_deleted_runs_leave_is_used_again_and_goes_back_to_the_disk(
    tmp_path: Path, model_server: ModelServer
) -> None:
    (tmp_path / "here").mkdir()
    large = {
        "documents": [{"text": "A sentence of the large document. " * 100_000}],
        "options": {"model": "openai:fake"},
    }
    model_server.hold()
    with service_of(tmp_path / "here" / "data", model_server) as service, service.client() as client:
        database = service.data_dir / "precis.db"
        log = database.with_name("precis.db-wal")
        sizes = []
        for _ in range(4):
            id = post(client, large)
            client.post(f"/v1/runs/{id}/cancel")
            sizes.append(database.stat().st_size + log.stat().st_size)
            assert client.delete(f"/v1/runs/{id}").status_code == 204
        assert max(sizes[1:]) < 2 * sizes[0] + 2 * LOG_BYTES  # not four of them
        model_server.release()
        assert (
            ended(client, post(client, batch("Ansan", sentences=4)))["status"] == "succeeded"
        )  # at whose end it tidies
        wait_until(lambda: database.stat().st_size < sizes[0] / 4, 180)  # at the latest when the house is tidied
        wait_until(lambda: log.stat().st_size <= LOG_BYTES, 180)
        assert_whole(database)
