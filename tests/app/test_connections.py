"""The sockets over which answers go: as `precis serve` opens them, seen from the server's side."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import cast

import httpx
import pytest
import uvicorn

from app.server import UNREAD_BYTES, Connection, configure, listen
from app.settings import Settings


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
