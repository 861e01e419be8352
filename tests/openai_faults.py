"""How the test model server misbehaves: one entry per kind of fault, in the words and ways of real servers.

`ERRORS` (of `tests.openai_errors`) answer with another status, `ALTERED` with 200 and another reply, `BODIES` with other bytes, and `WIRES` break
the connection itself. A kind's parameters are the keys it reads from `params`.
"""

import asyncio
import json
import math
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web

from tests.openai_answers import Call, Json, Reply, body, content_type, event, with_text
from tests.openai_errors import ERRORS, WORDINGS, server_error

PREFIX = "fault-"  # a model called fault-KIND or fault-KIND:name=value,name=value always has that fault
PIECE = 1 << 20  # bytes written at once
HTML = "<!DOCTYPE html><html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>"


@dataclass(slots=True)
class Fault:
    kind: str
    times: int = 1  # -1: for ever
    match: str = ""  # in any text of the messages
    params: Json = field(default_factory=dict)
    share: float = 1.0  # of the calls that it fits
    begins_at: float = 0.0  # monotonic seconds
    ends_at: float = math.inf

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; there are: {', '.join(sorted(KINDS))}")
        if self.params.get("wording", "openai") not in WORDINGS:
            raise ValueError(f"unknown wording; there are: {', '.join(WORDINGS)}")
        if not 0 < self.share <= 1:
            raise ValueError("share: more than 0, at most 1")
        if not self.begins_at < self.ends_at:
            raise ValueError("a fault begins before it ends")

    def fits(self, call: Call) -> bool:
        if self.kind == "no_stream" and not call.stream:
            return False
        return not self.match or any(self.match in text for text in call.texts)


@dataclass(slots=True)
class Exchange:
    """What a fault needs to answer a call."""

    request: web.Request
    call: Call
    said: Reply  # the normal answer
    params: Json
    number: int
    headers: dict[str, str]
    hold: Callable[[], Awaitable[None]]  # until the server lets answers pass

    def body(self, said: Reply) -> bytes:
        return body(self.call, said, self.number)

    async def send(self, payload: bytes, kind: str | None = None, status: int = 200) -> web.StreamResponse:
        headers = self.headers | {"Content-Type": kind or content_type(self.call)}
        response = web.Response(status=status, body=payload, headers=headers)
        await response.prepare(self.request)
        await response.write_eof()
        return response

    async def start(self, length: int) -> web.StreamResponse:
        """Send only the head of an answer of so many bytes."""
        headers = self.headers | {"Content-Type": content_type(self.call), "Content-Length": str(length)}
        response = web.StreamResponse(headers=headers)
        await response.prepare(self.request)
        return response


def from_json(data: Json, now: float) -> Fault:
    """`begin_seconds` and `end_seconds` count from `now`."""
    params = dict(data)
    kind, times, match = str(params.pop("kind", "")), int(params.pop("times", 1)), str(params.pop("match", ""))
    share, begin_seconds = float(params.pop("share", 1)), float(params.pop("begin_seconds", 0))
    end_seconds = float(params.pop("end_seconds", math.inf))
    return Fault(kind, times, match, params, share, now + begin_seconds, now + end_seconds)


def of_model(model: str) -> Fault | None:
    kind, _, settings = model.removeprefix(PREFIX).partition(":")
    if not model.startswith(PREFIX):
        return None
    if kind not in KINDS:
        return Fault("404_model")
    pairs = [pair.partition("=") for pair in settings.split(",") if pair]
    return Fault(kind, params={name: _value(text) for name, _, text in pairs})


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def take(faults: list[Fault], call: Call, luck: float) -> Fault | None:
    """The fault of this call, if any: its model's, or the oldest queued one that fits, which is then used up by one.

    `luck`, from 0 to below 1, is the call's one draw: shares of faults that are queued together add up.
    """
    if (fault := of_model(call.model)) is not None:
        return fault
    now = time.monotonic()
    faults[:] = [fault for fault in faults if fault.times != 0 and now < fault.ends_at]
    for fault in faults:
        if now < fault.begins_at or not fault.fits(call):
            continue
        if luck < fault.share:
            fault.times -= fault.times > 0
            return fault
        luck -= fault.share
    return None


# Other statuses


async def _send_error(exchange: Exchange, kind: str) -> web.StreamResponse:
    status, build = ERRORS[kind]
    _add_retry_after(exchange, 1 if kind == "429" else None)
    payload = json.dumps(build(exchange.call, exchange.params)).encode()
    return await exchange.send(payload, "application/json", status)


def _add_retry_after(exchange: Exchange, default: int | None) -> None:
    value = exchange.params.get("retry_after", default)
    if value is not None:
        exchange.headers["Retry-After"] = str(value)


# Other replies


def _length(call: Call, said: Reply, params: Json) -> Reply:
    text = "" if params.get("empty") else (said.content or "")[: len(said.content or "") // 2]
    return replace(with_text(call, said, text), finish_reason="length")


def _content_filter(call: Call, said: Reply, params: Json) -> Reply:
    text = (said.content or "")[: len(said.content or "") // 3]
    return replace(with_text(call, said, text), finish_reason="content_filter")


def _refusal(call: Call, said: Reply, params: Json) -> Reply:
    return replace(with_text(call, said, None), refusal="I'm sorry, I can't assist with that request.")


def _think(call: Call, said: Reply, params: Json) -> Reply:
    thought = "<think>\nThe user wants a summary. I read the text first, then I write it.\n</think>\n\n"
    return with_text(call, said, thought + (said.content or ""))


def _echo_long(call: Call, said: Reply, params: Json) -> Reply:
    return with_text(call, said, f"{call.source}\n\n{call.source}\n\nThat was the text.")


ALTERED: dict[str, Callable[[Call, Reply, Json], Reply]] = {
    "empty": lambda call, said, params: with_text(call, said, ""),
    "null": lambda call, said, params: with_text(call, said, None),
    "choices_empty": lambda call, said, params: replace(said, choices=False),
    "choices_null": lambda call, said, params: replace(said, choices=None),
    "no_usage": lambda call, said, params: replace(said, usage=None),
    "length": _length,  # empty: no text at all, as when a model spent its room on reasoning
    "content_filter": _content_filter,
    "refusal": _refusal,
    "think": _think,
    "echo_long": _echo_long,
    "delay": lambda call, said, params: said,  # seconds: default 1
    "say": lambda call, said, params: with_text(
        call, said, str(params.get("content", ""))
    ),  # content: the answer itself
}


# Other bytes


async def _html_503(exchange: Exchange) -> web.StreamResponse:
    _add_retry_after(exchange, None)
    return await exchange.send(HTML.format("503 Service Temporarily Unavailable").encode(), "text/html", 503)


async def _html_200(exchange: Exchange) -> web.StreamResponse:
    return await exchange.send(HTML.format("Please sign in").encode(), "text/html")


async def _error_200(exchange: Exchange) -> web.StreamResponse:
    data = server_error(exchange.call, exchange.params)
    return await exchange.send(event(data) if exchange.call.stream else json.dumps(data).encode())


async def _broken_json(exchange: Exchange) -> web.StreamResponse:
    payload = exchange.body(exchange.said)
    cut = payload.find(b"\n\n") if exchange.call.stream else len(payload)
    return await exchange.send(payload[: cut // 2] + (b"\n\n" if exchange.call.stream else b""))


async def _huge(exchange: Exchange) -> web.StreamResponse:
    """`megabytes` of text; with `chunked`, no Content-Length announces them."""
    megabytes = int(exchange.params.get("megabytes", 50))
    head, _, tail = exchange.body(with_text(exchange.call, exchange.said, "@@")).partition(b"@@")
    if exchange.params.get("chunked"):
        response = web.StreamResponse(headers=exchange.headers | {"Content-Type": content_type(exchange.call)})
        await response.prepare(exchange.request)
    else:
        response = await exchange.start(len(head) + megabytes * PIECE + len(tail))
    await response.write(head)
    for _ in range(megabytes):
        await response.write(b"words of" * (PIECE // 8))
    await response.write(tail)
    await response.write_eof()
    return response


async def _plain(exchange: Exchange) -> web.StreamResponse:
    """Answer as a whole, whether a stream was asked for or not."""
    exchange.call.stream = False
    return await exchange.send(exchange.body(exchange.said))


async def _misnamed(exchange: Exchange) -> web.StreamResponse:
    """The right bytes under another type."""
    return await exchange.send(exchange.body(exchange.said), "text/plain")


async def _break_off(exchange: Exchange) -> web.StreamResponse:
    """A stream that ends in order, but in the middle of its text."""
    payload = exchange.body(exchange.said)
    return await exchange.send(payload[: payload.rfind(b"\n\n", 0, len(payload) // 2) + 2])


async def _garbage(exchange: Exchange) -> web.StreamResponse:
    """A good beginning, then what is no JSON: `line`, by default."""
    payload = exchange.body(exchange.said)
    middle = payload.rfind(b"\n\n", 0, len(payload) // 2) + 2
    line = str(exchange.params.get("line", "data: {words"))
    return await exchange.send(payload[:middle] + line.encode() + b"\n\n" + payload[middle:])


async def _endless(exchange: Exchange) -> web.StreamResponse:
    """A stream of `megabytes` of words in small pieces, without an end."""
    response = web.StreamResponse(headers=exchange.headers | {"Content-Type": content_type(exchange.call)})
    await response.prepare(exchange.request)
    piece = event({"choices": [{"index": 0, "delta": {"content": "words of " * 100}}]}) * 1_000
    for _ in range(int(exchange.params.get("megabytes", 50)) * PIECE // len(piece)):
        await response.write(piece)
    await response.write_eof()
    return response


async def _pause(exchange: Exchange) -> web.StreamResponse:
    """Half of the answer, the rest when the hold lets it pass; `then`: the kind of the answer's other fault."""
    then = ALTERED[str(exchange.params.get("then", "delay"))]
    payload = exchange.body(then(exchange.call, exchange.said, exchange.params))
    middle = len(payload) // 2
    response = await exchange.start(len(payload))
    await response.write(payload[:middle])
    await exchange.hold()
    await response.write(payload[middle:])
    await response.write_eof()
    return response


BODIES: dict[str, Callable[[Exchange], Awaitable[web.StreamResponse]]] = {
    "503_html": _html_503,
    "html_200": _html_200,
    "error_200": _error_200,
    "broken_json": _broken_json,
    "huge": _huge,
}

# Of streams alone
STREAMS: dict[str, Callable[[Exchange], Awaitable[web.StreamResponse]]] = {
    "plain": _plain,
    "misnamed": _misnamed,
    "pause": _pause,
    "break_off": _break_off,
    "garbage": _garbage,
    "endless": _endless,
}


# A broken connection


async def _hang(exchange: Exchange) -> web.StreamResponse:
    """Never answer; with `headers`, the head of the answer arrives first."""
    if exchange.params.get("headers"):
        await exchange.start(1000)
    await asyncio.Event().wait()
    raise AssertionError("the client's leaving cancels the wait")


async def _drip(exchange: Exchange) -> web.StreamResponse:
    """`size` bytes, one by default, every `seconds`, 0.05 by default."""
    payload, seconds = exchange.body(exchange.said), float(exchange.params.get("seconds", 0.05))
    size = int(exchange.params.get("size", 1))
    response = await exchange.start(len(payload))
    for place in range(0, len(payload), size):
        await response.write(payload[place : place + size])
        await asyncio.sleep(seconds)
    await response.write_eof()
    return response


async def _reset(exchange: Exchange) -> web.StreamResponse:
    transport = exchange.request.transport
    if transport is not None:
        linger = struct.pack("ii", 1, 0)  # closing then sends RST instead of FIN
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    return web.Response()


async def _truncated(exchange: Exchange) -> web.StreamResponse:
    payload = exchange.body(exchange.said)
    response = await exchange.start(len(payload) + 1000)
    await response.write(payload[: len(payload) // 2])
    if exchange.request.transport is not None:
        exchange.request.transport.close()
    return response


WIRES: dict[str, Callable[[Exchange], Awaitable[web.StreamResponse]]] = {
    "hang": _hang,
    "drip": _drip,
    "reset": _reset,
    "truncated": _truncated,
}

KINDS = {*ERRORS, *ALTERED, *BODIES, *STREAMS, *WIRES}
NORMAL = {"delay", "say", "pause", "plain", "misnamed"}  # answers that are as good as any other


async def send(exchange: Exchange, kind: str) -> web.StreamResponse:
    if kind in ERRORS:
        return await _send_error(exchange, kind)
    if kind in ALTERED:
        said = ALTERED[kind](exchange.call, exchange.said, exchange.params)
        return await exchange.send(exchange.body(said))
    return await ({**BODIES, **STREAMS, **WIRES}[kind])(exchange)
