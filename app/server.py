"""`precis serve`: the HTTP server around the application."""

import asyncio
import logging
import os
import socket
import sys
import threading
from types import FrameType

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.bootstrap import Services
from app.main import create_app
from app.settings import Settings, WrongSetting, unknown_settings
from app.store.migrate import UNUSABLE, migrate, why_unusable

END_SECONDS = 4.5  # from the first signal to the end at the latest
GRACE_SECONDS = 3  # for requests under way after SIGTERM; container engines kill after ten
STALLED_SECONDS = 2  # of these, for clients that do not read
HEADER_SECONDS = 5  # that an idle connection is kept open
UNSENT_BYTES = 1024  # that wait in this process for a slow client: above, what makes more of them waits, too
UNREAD_BYTES = 32 * 1024  # likewise in the kernel, which doubles it; by itself it would take megabytes

logger = logging.getLogger(__name__)


class Connection(H11Protocol):
    """A client's connection, which holds little for a client that does not read."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Begin, with small buffers."""
        transport.set_write_buffer_limits(UNSENT_BYTES)
        super().connection_made(transport)

    def shutdown(self) -> None:
        """End when the answer under way is sent, or soon if nobody takes it: that would outlast the time to end."""
        super().shutdown()
        self.loop.call_later(STALLED_SECONDS, self._give_up)

    def _give_up(self) -> None:
        if self.flow.write_paused:
            self.transport.abort()


class Server(uvicorn.Server):
    """uvicorn's server, which says when it is ready and tells the open streams when it ends."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self._address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the one line on standard output that says so."""
        await super().startup(sockets)
        if self.started:
            print(f"precis: ready on {self._address}", flush=True)

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until told to end, then end the process.

        A plan or an index that a thread still computes cannot be told to stop, and Python would wait for it longer than
        container engines do. All that matters has been written by now: the run is resumed at the next start.
        """
        await super().serve(sockets)
        if self.started:
            _end(0)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end at the first signal, end at once at the second.

        uvicorn's own handler would raise the signal again at the end, so that a stop that went well would look like a
        crash.
        """
        if self.should_exit:
            os._exit(128 + sig)
        self.should_exit = True
        # Not on the event loop, which may be what does not come to its end: a database that another process has locked
        # makes it wait for half a minute. The next start finds all as `kill -9` would have left it.
        timer = threading.Timer(END_SECONDS, _end_anyway)
        timer.daemon = True
        timer.start()
        services: Services | None = getattr(self.config.app.state, "services", None)  # type: ignore[union-attr]  # the app is a FastAPI
        if services is not None:
            services.stopping.set()
            services.notifier.notify_all()  # open streams would keep the server from ever ending


def _end_anyway() -> None:
    logger.error("not all came to its end in time; the next start goes on from what is written")
    _end(0)


def _end(code: int) -> None:
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)


def serve(settings: Settings) -> int:
    """Run the service until it is told to end; return the exit code."""
    _log(settings.log_level)
    try:
        settings.check_models()
    except WrongSetting as error:
        _say(str(error))
        return 2
    for name, meant in unknown_settings(os.environ):
        logger.warning("%s is no setting and changes nothing%s", name, f"; {meant} is one" if meant else "")
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        if not os.access(settings.data_dir, os.W_OK):
            _say(f"cannot write in {settings.data_dir} as user {os.getuid()}.")
            return 1
        migrate(settings.sqlalchemy_url)  # here it can say in one line why it cannot
    except UNUSABLE as error:
        _say(why_unusable(error, settings.database_place))
        return 1
    try:
        listener = listen(settings)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else error.strerror
        _say(f"cannot listen on {settings.host}:{settings.port}: {why}. Choose another with --port.")
        return 1
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    server = Server(configure(settings), f"http://{host}:{listener.getsockname()[1]}")
    with listener:
        server.run(sockets=[listener])
    return 0 if server.started else 1


def _say(text: str) -> None:
    print(f"precis: {text}", file=sys.stderr)


def _log(level: str) -> None:
    """Let the log be written to standard error, without what libraries say of every start and end."""
    logging.basicConfig(
        level=level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    if level != "debug":
        logging.getLogger("uvicorn").setLevel(max(logging.WARNING, logging.getLogger().level))
        logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)
        logging.getLogger("alembic.runtime.migration").addFilter(lambda record: "upgrade" in record.getMessage())


def listen(settings: Settings) -> socket.socket:
    """Return a socket that clients can connect to; their connections inherit its options. Raises `OSError`."""
    listener = socket.create_server((settings.host, settings.port), backlog=2048)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNREAD_BYTES)
    # asyncio sets it where the socket names its protocol, which this one does not. Else each answer's second part waits
    # for the client's delayed acknowledgement of the first, 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def configure(settings: Settings) -> uvicorn.Config:
    """Return what uvicorn is told: the application, and how its connections are served."""
    return uvicorn.Config(
        create_app(settings),
        http=Connection,
        log_config=None,
        access_log=settings.log_level == "debug",
        timeout_keep_alive=HEADER_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        server_header=False,
    )
