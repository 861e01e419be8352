"""Clients that ask for a stream and do not read it cost little, for as long as they stay, and lose nothing."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from tests.e2e import Service, batch, ended, post
from tests.service import wait_until

MODEL = "embedded:extractive"
FIRST_READERS = 100  # after them the service holds what it needs once for all: threads, buffers, connections
READERS = 350
MOST_BYTES = 64 * 1024  # of the service's memory for each, its connection included; likewise in the kernel
CALM_TICKS = 4  # of the processor's hundredths in half a second: what a service takes that has nothing to do


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path / "data", chunk_tokens=100) as service:
        yield service


def calm(service: Service) -> None:
    """Return when the service has done all that it can."""
    path = Path(f"/proc/{service.process.pid}/stat")

    def ticks() -> int:
        fields = path.read_text().rpartition(") ")[2].split()
        return int(fields[11]) + int(fields[12])

    def is_calm() -> bool:
        before = ticks()
        time.sleep(0.5)
        return ticks() - before <= CALM_TICKS

    wait_until(is_calm, 240)


def memory_bytes(service: Service) -> int:
    """What the process holds of its own, without files that it has mapped."""
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("RssAnon:"))
    return int(line.split()[1]) * 1024


def unread_bytes(port: int) -> list[int]:
    """What the kernel keeps for each client of a port that has not read it."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    established = "01"
    return [
        int(row[4].partition(":")[0], 16)
        for row in rows
        if row[3] == established and int(row[1].rpartition(":")[2], 16) == port
    ]


def ask(port: int, path: str) -> HTTPConnection:
    """Ask for a stream over a connection that takes in next to nothing by itself; read nothing of it."""
    connection = HTTPConnection("127.0.0.1", port)
    connection.sock = socket.socket()
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.sock.settimeout(60)
    connection.sock.connect(("127.0.0.1", port))
    connection.request("GET", path)
    return connection


def stall(readers: int, port: int, path: str, connections: ExitStack) -> list[HTTPConnection]:
    """Return connections that have asked for a stream, until the stack closes them."""
    stalled = [ask(port, path) for _ in range(readers)]
    for connection in stalled:
        connections.callback(connection.close)
    return stalled


def count_unread(port: int) -> int:
    """How many clients of a port have left much unread."""
    return sum(size > MOST_BYTES // 4 for size in unread_bytes(port))


def read(connection: HTTPConnection) -> bytes:
    with HTTPResponse(connection.sock) as response:
        response.begin()
        return response.read()


@pytest.mark.timeout(600)
def test_a_reader_who_stalls_costs_little_memory_and_misses_nothing(service: Service) -> None:
    port = int(service.base_url.rpartition(":")[2])
    with service.client() as client, ExitStack() as connections:
        id = post(client, batch("Ansan", sentences=3_000, model=MODEL))
        assert ended(client, id)["progress"]["total"] > 1_000
        path = f"/v1/runs/{id}/stream"
        calm(service)
        whole = client.get(path).content
        stall(FIRST_READERS, port, path, connections)
        wait_until(lambda: count_unread(port) == FIRST_READERS, 240)
        calm(service)
        before = memory_bytes(service)
        stalled = stall(READERS, port, path, connections)
        wait_until(lambda: count_unread(port) == FIRST_READERS + READERS, 240)
        calm(service)
        each = (memory_bytes(service) - before) / READERS
        print(
            f"\n{READERS} stalled readers: {each / 1024:.0f} KB of memory each, {max(unread_bytes(port)) / 1024:.0f} KB in the kernel"
        )
        assert max(unread_bytes(port)) <= MOST_BYTES
        assert each <= MOST_BYTES
        # The service is well, and a run's events go on to those who read.
        assert ended(client, post(client, batch("Busan", sentences=10, model=MODEL)))["status"] == "succeeded"
        for connection in stalled[::50]:
            assert read(connection) == whole
        assert service.terminate() == 0  # the others still read nothing
    assert "Traceback" not in service.log_path.read_text()
