"""Starts, drives and stops the test model server from a test or a benchmark."""

import json
import select
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60.0
STOP_SECONDS = 5.0
REACH_SECONDS = 60.0  # after which a count is not slow any more: it is not reached
READY = "openai_server: ready on "

Json = dict[str, Any]


class ModelServer:
    """A model server in a process of its own, from `with` to its end.

    `base_url` is what ChatOpenAI takes. See `tests.openai_faults` for the kinds of fault and their parameters.
    """

    def __init__(self, *, latency_seconds: float = 0.0, record: bool = True, port: int = 0) -> None:
        command = [sys.executable, "-m", "tests.openai_server", "--exit-with-parent"]
        command += ["--port", str(port), "--latency-ms", str(latency_seconds * 1000)]
        self._opener = build_opener(ProxyHandler({}))  # a proxy of the environment must not get local calls
        self._process = subprocess.Popen(
            command + ["--record"] * record, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        try:
            self.base_url = self._ready_url()
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def url(self) -> str:
        """Without `/v1`."""
        return self.base_url.removesuffix("/v1")

    def stats(self, *, keys: bool = True) -> Json:
        """The counts; without `keys`, cheap at any number of calls."""
        data: Json = self._ask("GET", "/_stats" if keys else "/_stats?keys=0")
        return data

    def calls(self, limit: int = 100) -> list[Json]:
        """The last calls, oldest first: at, ended_at, outcome, model, key, fault, parameters, messages; answered_at when
        the answer began to be sent, and for faults the retry_after that it stated.
        """
        rows: list[Json] = self._ask("GET", f"/_calls?limit={limit}")
        return rows

    def fault(self, kind: str, times: int = 1, match: str = "", **params: Any) -> None:
        """The next `times` calls whose messages contain `match` get this fault; -1 is for ever."""
        self.faults({"kind": kind, "times": times, "match": match, **params})

    def faults(self, *faults: Json) -> float:
        """Queue faults all at once; return when, in monotonic seconds.

        Beside `kind`, `times` and `match`, a fault may hit a `share` of the calls only, and from `begin_seconds` to
        `end_seconds` from now. The shares of faults of the same time add up; which calls they hit is the same after
        every reset.
        """
        return float(self._ask("POST", "/_faults", {"faults": faults})["at"])

    def clear_faults(self) -> None:
        self._ask("DELETE", "/_faults")

    def latency(self, seconds: float) -> None:
        self._ask("POST", "/_latency", {"seconds": seconds})

    def hold(self, after: int = 0) -> None:
        """Let so many more calls finish; further ones wait for `release`."""
        self._ask("POST", "/_hold", {"after": after})

    def release(self) -> None:
        self._ask("POST", "/_release")

    def reset(self) -> None:
        self._ask("POST", "/_reset")

    def wait_for(self, is_reached: Callable[[Json], bool], seconds: float = REACH_SECONDS) -> Json:
        """The first counts that satisfy the condition. It blocks: beside tasks of the test, use `asyncio.to_thread`."""
        deadline = time.monotonic() + seconds
        while not is_reached(counts := self.stats(keys=False)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not reached within {seconds} s: {counts}")
            time.sleep(0.01)
        return counts

    def stop(self) -> None:
        """End the process; again is harmless."""
        if self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _ready_url(self) -> str:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], START_SECONDS)[0]:
            raise TimeoutError(f"the model server was not ready within {START_SECONDS} s")
        line = self._process.stdout.readline().decode().strip()
        if not line.startswith(READY):
            raise RuntimeError(f"the model server did not start: {line!r}")
        return line.removeprefix(READY)

    def _ask(self, method: str, path: str, body: Json | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, data=data, method=method, headers={"Content-Type": "application/json"})
        try:
            with self._opener.open(request, timeout=30) as response:
                return json.load(response)
        except HTTPError as problem:
            with problem:
                raise ValueError(problem.read().decode()) from None
