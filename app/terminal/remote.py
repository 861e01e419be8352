"""A service that runs elsewhere, through its REST API."""

import asyncio
import json
import os
import time
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx2 as httpx
from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.terminal.desk import WAITING, Citations, Json, Sent
from app.terminal.ending import UNREACHABLE, USAGE, CommandFailed, refused
from app.terminal.sources import Source

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 300.0  # a large batch is read and stored before it is answered
SILENCE_SECONDS = 60.0  # of a stream, which tells every fifteen seconds that it is alive
RETURN_SECONDS = 1.0  # after which a broken stream is opened again
PATIENCE_SECONDS = 120.0  # for a service that has gone away during a run
LONGEST_PAUSE_SECONDS = 30.0  # that a service that refuses for now may ask for
TRIES = 5  # to hand a batch in
LARGEST_EVENT_BYTES = 16 * 1024 * 1024
LATER = (429, 503)  # statuses of a service that may take the same batch soon


class Address(BaseSettings):
    """Where the service is. Apart from `app.settings`, which takes seconds to load."""

    model_config = SettingsConfigDict(
        env_prefix="PRECIS_", env_file=".env", env_ignore_empty=True, extra="ignore", use_attribute_docstrings=True
    )

    server: str = ""
    """The service that the command line talks to; empty: the one on this machine."""
    host: str = "127.0.0.1"
    """The address that a service on this machine listens on."""
    port: int = 8000
    """Its port."""

    @property
    def here(self) -> str:
        """The service on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104  # no address to call
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def find_address() -> Address:
    """Return where the service is, from the environment and `.env`. Raises `CommandFailed`."""
    try:
        return Address()
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise CommandFailed(f"the setting {place} is wrong: {first['msg']}.", USAGE) from None


class Remote:
    """A desk and a shelf: a service at an address. Use it as an async context."""

    def __init__(self, address: str) -> None:
        url = _url(address.rstrip("/"))
        self.address = str(url.copy_with(username=None, password=None)).rstrip("/")  # to be shown
        self._client = httpx.AsyncClient(
            base_url=url,
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            trust_env=not _is_here(url.host),  # a proxy must not get calls to this machine
            follow_redirects=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def plan(self, sources: Sequence[Source], options: Json, sent: Sent) -> Json:
        """Return what a batch would take; nothing is run."""
        return self._body(await self._hand_in("/v1/plans", sources, options, sent), {"documents", "calls", "most_usd"})

    async def start(self, sources: Sequence[Source], options: Json, sent: Sent) -> Json:
        """Hand a batch in; return the run. A batch that is sent twice because an answer was lost makes one run."""
        return self._run(await self._hand_in("/v1/runs", sources, options, sent))

    async def events(self, run_id: str) -> AsyncIterator[tuple[str, Json]]:
        """Yield type and data of each event; when the service goes away, wait for it and go on behind the last."""
        seen, heard, has_finished = "0", time.monotonic(), False
        while True:
            with suppress(httpx.TransportError, httpx.StreamError):
                async with self._client.sse(
                    self._path(run_id, "/stream"),
                    headers={"Last-Event-ID": seen},
                    timeout=httpx.Timeout(CONNECT_SECONDS, read=SILENCE_SECONDS),
                    max_event_size=LARGEST_EVENT_BYTES,
                ) as source:
                    if source.response.status_code not in LATER:
                        await source.response.aread() if source.response.is_error else None
                        self._check(source.response)
                    async for event in source:
                        heard, seen = time.monotonic(), event.id or seen
                        if event.data and event.event != "goodbye":
                            has_finished = event.event == "finished"  # a run that was retried goes on behind its end
                            yield event.event, self._json(event.data)
                if has_finished:
                    return
                with suppress(CommandFailed):
                    if (await self.run(run_id))["finished_at"]:
                        return
            if time.monotonic() - heard > PATIENCE_SECONDS:
                raise CommandFailed(
                    f"{self.address} has been silent for {PATIENCE_SECONDS:.0f} s. "
                    f"The run goes on there when it is back: `precis runs watch {run_id}`.",
                    UNREACHABLE,
                )
            yield WAITING, {}
            await asyncio.sleep(RETURN_SECONDS)

    async def run(self, run_id: str) -> Json:
        """Return a run as it is now."""
        return self._run(await self._ask("GET", self._path(run_id)))

    async def markdown(self, run_id: str, citations: Citations) -> str:
        """Return the summaries of a run that has some, with citations as wanted."""
        path, accept = self._path(run_id, "/summary"), {"Accept": "text/markdown"}
        return (await self._ask("GET", path, headers=accept, params={"citations": citations})).text

    async def cancel(self, run_id: str) -> Json:
        """Stop a run; return it when it has stopped."""
        return self._run(await self._ask("POST", self._path(run_id, "/cancel")))

    async def retry(self, run_id: str) -> Json:
        """Queue a run that failed, is partial or was cancelled once more; return it."""
        response = await self._send("POST", self._path(run_id, "/retry"))
        if response.status_code == 405 or (response.status_code == 404 and "page-not-found" in response.text):
            raise CommandFailed(
                f"the service at {self.address} cannot retry runs: send the documents again, "
                "finished calls cost nothing a second time."
            )
        self._check(response)
        return self._run(response)

    async def delete(self, run_id: str) -> None:
        """Delete a run that has ended."""
        await self._ask("DELETE", self._path(run_id))

    async def page(self, limit: int, status: str | None) -> list[Json]:
        """Return the newest runs, without their documents."""
        wanted = {"limit": limit} | ({"status": status} if status else {})
        found: list[Json] = self._body(await self._ask("GET", "/v1/runs", params=wanted), {"runs"})["runs"]
        return found

    async def _hand_in(self, path: str, sources: Sequence[Source], options: Json, sent: Sent) -> httpx.Response:
        """Send a batch, again when the service is busy or the connection broke: the key makes all of them one."""
        key = str(uuid.uuid4())
        for attempt in range(1, TRIES + 1):
            upload = _Upload(sources, sent)
            try:
                response = await self._send(
                    "POST",
                    path,
                    data={"options": json.dumps(options, ensure_ascii=False)},
                    files=list(upload.files()),
                    headers={"Idempotency-Key": key},
                )
            except CommandFailed:
                if attempt == TRIES or not upload.has_begun:
                    raise
                await asyncio.sleep(RETURN_SECONDS)
                continue
            if response.status_code not in LATER or attempt == TRIES:
                break
            await asyncio.sleep(_pause_seconds(response))
        self._check(response)
        return response

    async def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        response = await self._send(method, path, **request)
        self._check(response)
        return response

    async def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            return await self._client.request(method, path, **request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            raise CommandFailed(
                f"no service answers at {self.address} ({_reason(error)}). "
                "Start one with `precis serve`, or name another with --server.",
                UNREACHABLE,
            ) from None
        except httpx.TimeoutException:
            raise CommandFailed(f"{self.address} does not answer in time.", UNREACHABLE) from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise CommandFailed(f"the connection to {self.address} broke ({_reason(error)}).", UNREACHABLE) from None
        except _Vanished as error:
            raise CommandFailed(str(error)) from None

    def _check(self, response: httpx.Response) -> None:
        """Raise `CommandFailed` unless the service has done what it was asked."""
        if response.is_success:
            return
        if "problem+json" in response.headers.get("content-type", ""):
            with suppress(ValueError):
                raise refused(response.json())
        if response.status_code in (401, 403, 407):
            raise CommandFailed(
                f"{self.address} lets nobody in without a name and a password: say http://NAME:PASSWORD@HOST.",
                UNREACHABLE,
            )
        raise CommandFailed(
            f"{self.address} answers with status {response.status_code} and is not a Precis service: "
            "look at the address that --server or PRECIS_SERVER gives.",
            UNREACHABLE,
        )

    def _run(self, response: httpx.Response) -> Json:
        return self._body(response, {"id", "status", "finished_at", "documents", "progress", "usage", "warnings"})

    def _body(self, response: httpx.Response, fields: Iterable[str]) -> Json:
        return self._json(response.text, fields)

    def _json(self, text: str, fields: Iterable[str] = ()) -> Json:
        with suppress(ValueError):
            body = json.loads(text)
            if isinstance(body, dict) and set(fields) <= body.keys():
                return body
        raise CommandFailed(f"{self.address} answers with something else than Precis does.", UNREACHABLE)

    def _path(self, run_id: str, rest: str = "") -> str:
        return f"/v1/runs/{quote(run_id, safe='')}{rest}"


class _Vanished(Exception):
    """A file cannot be read any more."""


class _Upload:
    """Files of a batch, each opened when its turn comes: a process may not hold ten thousand open."""

    def __init__(self, sources: Sequence[Source], sent: Sent) -> None:
        self._sources = sources
        self._sent = sent
        self._bytes = 0
        self.has_begun = False

    def files(self) -> Iterable[tuple[str, tuple[str, Any]]]:
        """Yield the parts of the body."""
        for source in self._sources:
            # A source's own type of a file name says nothing here: the service looks at names and first bytes.
            name = source.path.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            yield "files", (f"{source.group}/{name}" if source.group else name, _Part(source, self))

    @cached_property
    def total(self) -> int:
        """Bytes of all files."""
        return sum(source.size for source in self._sources)

    def read(self, chunk: bytes) -> None:
        """Note that so much more has gone out."""
        self.has_begun = True
        self._bytes += len(chunk)
        self._sent(self._bytes, self.total)


class _Part:
    """A file as httpx reads one."""

    def __init__(self, source: Source, upload: _Upload) -> None:
        self._source = source
        self._upload = upload
        self._size = source.size
        self._chunks: Iterator[bytes] | None = None

    def tell(self) -> int:
        """Return 0: nothing but the length is asked before the first byte is read."""
        return 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """Begin anew; return the size for the end."""
        self._chunks = None
        return self._size if whence else offset

    def read(self, size: int) -> bytes:
        """Return the next bytes. Raises `_Vanished` when the file has another length than was announced."""
        if self._chunks is None:
            self._chunks = self._read(size)
        chunk = next(self._chunks, b"")
        self._upload.read(chunk)
        return chunk

    def _read(self, size: int) -> Iterator[bytes]:
        left = self._size
        try:
            if self._source.data is not None:
                yield self._source.data
                return
            with self._source.path.open("rb") as file:
                while left and (chunk := file.read(min(size, left))):
                    left -= len(chunk)
                    yield chunk
        except OSError as error:
            raise _Vanished(f"{self._source.name}: {error.strerror}.") from None
        if left:
            raise _Vanished(f"{self._source.name} became shorter while it was sent.")


def _url(address: str) -> httpx.URL:
    """Return a service's address. Raises `CommandFailed` for what is none."""
    with suppress(httpx.InvalidURL, ValueError):
        url = httpx.URL(address)
        if url.scheme in ("http", "https") and url.host:
            return url
    raise CommandFailed(f"{address!r} is no address of a service: say http://HOST:PORT.", USAGE)


def _is_here(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def _pause_seconds(response: httpx.Response) -> float:
    stated = response.headers.get("retry-after", "")
    return min(float(stated), LONGEST_PAUSE_SECONDS) if stated.isdecimal() else RETURN_SECONDS


def _reason(error: Exception) -> str:
    """Return what the system says, such as `Connection refused`, without its numbers."""
    deepest: BaseException = error
    while deepest.__cause__ or deepest.__context__:
        deepest = deepest.__cause__ or deepest.__context__ or deepest
    number = getattr(deepest, "errno", None) or 0
    said = os.strerror(number) if number > 0 else getattr(deepest, "strerror", None) or str(deepest) or str(error)
    if "ssl" in type(deepest).__name__.lower() or "certificate" in said.lower():
        return f"TLS: {said}"
    return said or type(error).__name__
