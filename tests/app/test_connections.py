"""The sockets over which answers go, as `precis serve` opens them, seen from the server's side; and what a watcher takes
of the database's connections.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import cast

import httpx
import pytest
import uvicorn
from sqlalchemy import select

from app.api import stream
from app.bootstrap import Services
from app.main import create_app
from app.server import UNREAD_BYTES, Connection, configure, listen
from app.settings import Settings
from app.store.database import READERS
from tests.app import ENGLISH


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[uvicorn.Server]:
    """The service's server in this process, on a free port; its one listener is all that it was given."""
    settings = Settings(_env_file=None, data_dir=tmp_path, port=0, log_level="warning")
    config = configure(settings)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    with closing(listen(settings)) as listener:
        await server.startup([listener])
        yield server
        await server.shutdown([listener])


def sockets(server: uvicorn.Server) -> list[socket.socket]:
    """The sockets of the clients that are connected."""
    connections = cast("set[Connection]", server.server_state.connections)
    return [connection.transport.get_extra_info("socket") for connection in connections]


async def test_answers_over_a_connection_that_is_kept_open_wait_for_no_acknowledgement(server: uvicorn.Server) -> None:
    (listener,) = (found for opened in server.servers for found in opened.sockets)
    host, port = listener.getsockname()
    async with httpx.AsyncClient(base_url=f"http://{host}:{port}", trust_env=False) as client:
        clients = set()
        for path in ("/healthz", "/v1/runs", "/v1/runs/nobody"):
            answer = await client.get(path)
            clients.add(answer.extensions["network_stream"].get_extra_info("client_addr"))
            (accepted,) = sockets(server)
            assert accepted.getpeername() in clients
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert len(clients) == 1  # all over one connection


async def test_the_kernel_keeps_little_for_a_client_that_does_not_read(server: uvicorn.Server) -> None:
    (listener,) = (found for opened in server.servers for found in opened.sockets)
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    (accepted,) = sockets(server)
    assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2 * UNREAD_BYTES
    writer.close()
    await writer.wait_closed()


async def test_a_run_that_has_ended_waits_at_no_gate_though_its_driver_has_not_left_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(Settings(_env_file=None, data_dir=tmp_path))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test", timeout=60) as client,
    ):
        accepted = await client.post("/v1/runs", json={"documents": [{"text": ENGLISH}]})
        run = (await client.get(f"/v1/runs/{accepted.json()['id']}/wait")).json()
        services: Services = app.state.services
        monkeypatch.setattr(services.worker, "drives", lambda _: True)
        monkeypatch.setattr(stream, "ROWS_AT_ONCE", 1)  # what is read first does not tell of the end
        told = await client.get(f"/v1/runs/{run['id']}/stream")
    assert '"gate":null' in told.text
    assert '"gate":{' not in told.text


async def test_a_watcher_waits_for_none_of_the_database_s_sessions(tmp_path: Path) -> None:
    """Hundreds come at once after a restart; they would keep everybody else from the few that there are."""
    app = create_app(Settings(_env_file=None, data_dir=tmp_path))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test", timeout=60) as client,
        AsyncExitStack() as held,
    ):
        accepted = await client.post("/v1/runs", json={"documents": [{"text": ENGLISH}]})
        run = (await client.get(f"/v1/runs/{accepted.json()['id']}/wait")).json()
        services: Services = app.state.services
        for _ in range(READERS):
            session = await held.enter_async_context(services.database.read())
            await session.scalar(select(1))  # from now on it has a connection
        async with asyncio.timeout(10):
            told = await client.get(f"/v1/runs/{run['id']}/stream")
            missing = await client.get("/v1/runs/nobody/stream")
    assert run["status"] == "succeeded"
    assert "event: finished" in told.text
    assert missing.status_code == 404
