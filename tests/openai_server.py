"""A local server that speaks OpenAI's chat completions, counts every call and misbehaves on demand.

    python -m tests.openai_server --port 0 [--latency-ms 0] [--host 127.0.0.1] [--record] [--exit-with-parent]

It prints `openai_server: ready on http://127.0.0.1:PORT/v1` when it accepts connections. Besides `/v1` it answers
`/_stats`, `/_calls`, `/_faults`, `/_latency`, `/_hold`, `/_release` and `/_reset`, which `tests.model_server` drives.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any
from weakref import WeakSet

from aiohttp import web

from tests import openai_answers as answers
from tests import openai_faults as faults
from tests.openai_answers import Call, Json

KEPT_CALLS = 20_000
BODY_BYTES = 256 << 20
SEED = 429  # of the draws that decide which calls a fault by share hits: the same ones after every reset
MODELS = ("gpt-4o-mini", "gpt-4o")


@dataclass
class Counts:
    """What happened since the start or the last reset. Times are `time.monotonic()`, one clock for all processes."""

    calls: int = 0  # chat calls received
    finished: int = 0  # answered completely, normally
    malformed: int = 0  # refused for their form
    cancelled: int = 0  # the client left first
    repeats: int = 0  # calls whose equal had finished before they came
    peak: int = 0  # most in flight
    connections: int = 0  # TCP connections that brought a chat call
    first_at: float | None = None  # the first call came
    last_at: float | None = None  # the last call came
    last_end_at: float | None = None  # the last call ended, in any way
    by_fault: Counter[str] = field(default_factory=Counter)
    by_key: Counter[str] = field(default_factory=Counter)
    finished_keys: set[str] = field(default_factory=set)
    transports: WeakSet[asyncio.BaseTransport] = field(default_factory=WeakSet)
    records: deque[Json] = field(default_factory=lambda: deque(maxlen=KEPT_CALLS))

    def begin(self, transport: asyncio.BaseTransport | None) -> float:
        self.calls += 1
        self.last_at = time.monotonic()
        if self.first_at is None:
            self.first_at = self.last_at
        if transport is not None and transport not in self.transports:
            self.transports.add(transport)
            self.connections += 1
        return self.last_at

    def read(self, call: Call) -> None:
        self.by_key[call.key] += 1
        self.repeats += call.key in self.finished_keys

    def finish(self, call: Call) -> None:
        self.finished += 1
        self.finished_keys.add(call.key)


class Hold:
    """Lets a number of calls finish, then keeps the rest waiting."""

    def __init__(self) -> None:
        self.left: int | None = None  # None: no hold
        self.waiting = 0
        self._open = asyncio.Event()
        self._open.set()

    def set(self, after: int | None) -> None:
        self.left = after
        if after == 0:
            self._open.clear()
        else:
            self._open.set()

    async def enter(self) -> None:
        self.waiting += 1
        try:
            while not self._open.is_set():
                await self._open.wait()
        finally:
            self.waiting -= 1
        if self.left is not None:
            self.set(self.left - 1)


class Server:
    def __init__(self, latency_seconds: float = 0.0, record: bool = False) -> None:
        self.start_latency = self.latency = latency_seconds
        self.record = record
        self.counts = Counts()
        self.hold = Hold()
        self.faults: list[faults.Fault] = []
        self.luck = random.Random(SEED)
        self.in_flight = 0
        self.numbers = count(1)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=BODY_BYTES)
        app.add_routes(
            [
                web.post("/v1/chat/completions", self.chat),
                web.get("/v1/models", self.models),
                web.get("/_stats", self.stats),
                web.get("/_calls", self.calls),
                web.post("/_faults", self.add_faults),
                web.delete("/_faults", self.clear_faults),
                web.post("/_latency", self.set_latency),
                web.post("/_hold", self.set_hold),
                web.post("/_release", self.release),
                web.post("/_reset", self.reset),
            ]
        )
        return app

    # OpenAI's part

    async def models(self, request: web.Request) -> web.Response:
        rows = [{"id": name, "object": "model", "created": 1721172741, "owned_by": "system"} for name in MODELS]
        return web.json_response({"object": "list", "data": rows})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        counts = self.counts  # a call that outlives a reset is counted where it began
        entry: Json = {"at": counts.begin(request.transport), "outcome": "open"}
        counts.records.append(entry)
        self.in_flight += 1
        counts.peak = max(counts.peak, self.in_flight)
        try:
            return await self._answer(request, counts, entry)
        except asyncio.CancelledError:
            self._left(counts, entry)
            raise
        except ConnectionError:
            self._left(counts, entry)
            return web.Response()
        finally:
            self.in_flight -= 1
            entry["ended_at"] = counts.last_end_at = time.monotonic()

    def _left(self, counts: Counts, entry: Json) -> None:
        counts.cancelled += 1
        entry["outcome"] = "cancelled"

    async def _answer(self, request: web.Request, counts: Counts, entry: Json) -> web.StreamResponse:
        number = next(self.numbers)
        headers = {"x-request-id": f"req_{number:016x}", "openai-processing-ms": str(int(self.latency * 1000))}
        try:
            call = answers.parse(await request.read())
        except answers.Malformed as problem:
            counts.malformed += 1
            entry["outcome"] = "malformed"
            return web.json_response(problem.body, status=400, headers=headers)
        counts.read(call)
        fault = faults.take(self.faults, call, self.luck.random())
        kind = fault.kind if fault else None
        self._describe(entry, call, kind)
        params = fault.params if fault else {}
        exchange = faults.Exchange(request, call, answers.reply(call), params, number, headers, self.hold.enter)
        if kind is not None:
            counts.by_fault[kind] += 1
        await self._wait(exchange, kind)
        if kind is not None and kind not in faults.NORMAL:
            entry["answered_at"] = time.monotonic()
            response = await faults.send(exchange, kind)
            entry |= {"outcome": "fault", "retry_after": exchange.headers.get("Retry-After")}
            return response
        if kind != "pause":
            await self.hold.enter()
        entry["answered_at"] = time.monotonic()
        response = await faults.send(exchange, kind or "delay")
        counts.finish(call)
        entry["outcome"] = "finished"
        return response

    async def _wait(self, exchange: faults.Exchange, kind: str | None) -> None:
        seconds = float(exchange.params.get("seconds", 1)) if kind == "delay" else 0.0
        if self.latency + seconds > 0:
            await asyncio.sleep(self.latency + seconds)

    def _describe(self, entry: Json, call: Call, kind: str | None) -> None:
        entry |= {"model": call.model, "key": call.key, "fault": kind, "parameters": call.parameters}
        entry["messages"] = call.messages if self.record else None

    # The tests' part

    async def stats(self, request: web.Request) -> web.Response:
        """`?keys=0` leaves out `by_key`, which is long after a long benchmark."""
        counts = self.counts
        names = ("calls", "finished", "malformed", "cancelled", "repeats", "peak", "connections")
        times = ("first_at", "last_at", "last_end_at")
        data: Json = {name: getattr(counts, name) for name in names + times}
        data |= {"in_flight": self.in_flight, "held": self.hold.waiting, "by_fault": counts.by_fault}
        if request.query.get("keys") != "0":
            data["by_key"] = counts.by_key
        return web.json_response(data)

    async def calls(self, request: web.Request) -> web.Response:
        limit = int(request.query.get("limit", "100"))
        latest = list(islice(reversed(self.counts.records), max(0, limit)))
        return web.json_response(latest[::-1])

    async def add_faults(self, request: web.Request) -> web.Response:
        now = time.monotonic()
        try:
            self.faults += [faults.from_json(item, now) for item in (await request.json())["faults"]]
        except (ValueError, KeyError, TypeError) as problem:
            return web.json_response({"error": str(problem)}, status=400)
        return web.json_response({"queued": len(self.faults), "at": now})

    async def clear_faults(self, request: web.Request) -> web.Response:
        self.faults.clear()
        return web.json_response({})

    async def set_latency(self, request: web.Request) -> web.Response:
        self.latency = float(await _number(request, "seconds"))
        return web.json_response({})

    async def set_hold(self, request: web.Request) -> web.Response:
        self.hold.set(int(await _number(request, "after")))
        return web.json_response({})

    async def release(self, request: web.Request) -> web.Response:
        self.hold.set(None)
        return web.json_response({})

    async def reset(self, request: web.Request) -> web.Response:
        """Counts, faults, hold and latency as at the start; calls in flight go on."""
        self.counts = Counts(peak=self.in_flight)
        self.faults.clear()
        self.luck.seed(SEED)
        self.hold.set(None)
        self.latency = self.start_latency
        return web.json_response({})


async def _number(request: web.Request, name: str) -> float:
    try:
        value: Any = json.loads(await request.read())[name]
        if not isinstance(value, int | float) or value < 0:
            raise ValueError(value)
    except (ValueError, KeyError, TypeError):
        body = json.dumps({"error": f"expected {name}, a number from 0"})
        raise web.HTTPBadRequest(text=body, content_type="application/json") from None
    return value


async def serve(options: argparse.Namespace) -> None:
    parent = os.getppid() if options.exit_with_parent else None  # before it may be gone
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    server = Server(options.latency_ms / 1000, options.record)
    # Without handler_cancellation a client that leaves goes unnoticed until the answer is written.
    runner = web.AppRunner(
        server.app(), access_log=None, handler_cancellation=True, keepalive_timeout=3600, shutdown_timeout=0.1
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, options.host, options.port, backlog=4096).start()
        port = runner.addresses[0][1]
        print(f"openai_server: ready on http://{options.host}:{port}/v1", flush=True)
        await _until_stopped(stopped, parent)
    finally:
        await runner.cleanup()


async def _until_stopped(stopped: asyncio.Event, parent: int | None) -> None:
    while not stopped.is_set() and (parent is None or os.getppid() == parent):
        try:
            await asyncio.wait_for(stopped.wait(), timeout=None if parent is None else 1.0)
        except TimeoutError:
            continue


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="openai_server")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="before every answer")
    parser.add_argument("--record", action="store_true", help="keep the messages of calls for /_calls")
    parser.add_argument("--exit-with-parent", action="store_true", help="end when the starting process is gone")
    asyncio.run(serve(parser.parse_args(arguments)))


if __name__ == "__main__":
    main()
