"""Precis as a contender: the whole service in its own process, driven through REST, everything stored."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from bench.peers.measure import (
    NotFinished,
    Result,
    Terms,
    bytes_in,
    children_megabytes,
    cpu_seconds,
    peak_megabytes,
)
from bench.peers.texts import make_chunks
from graphs.models import model_facts
from graphs.summarize import Document, Documents, Options, make_plan
from graphs.summarize.state import Step
from tests.forks import run_precis as run_command
from tests.model_server import ModelServer
from tests.service import Service

CHUNKS_OF_A_DOCUMENT = 100
CHUNK_TOKENS = 1_000  # cuts the texts about where they were joined, every 4,000 characters
BODY_BYTES = 1 << 30
OPTIONS = {"model": "openai:gpt-4o-mini", "strategy": "map_reduce", "scope": "both"}  # the rest as everybody has it
WARM_UP_CHUNKS, WARM_UP_SEED = 3, 2
STALLS_FORGOTTEN_SECONDS = 21.0  # after which /healthz tells nothing of the warm-up any more
PROBE_SECONDS = 5.0
POLL_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 3_600.0  # that the service allows
ACTIVE = {"queued", "running"}

Json = dict[str, Any]


@dataclass(frozen=True)
class Running:
    """A warm service and the model server that it calls. Everything here raises `NotFinished` when that fails."""

    server: ModelServer
    service: Service
    client: httpx.Client
    terms: Terms

    def post(self, body: bytes) -> str:
        """Start a run and return its id."""
        return str(self._ask("POST", "/v1/runs", body)["id"])

    def run(self, body: bytes) -> float:
        """Return the seconds from sending a batch to seeing its end."""
        started = time.monotonic()
        run_id = self.post(body)
        left = max(0.0, self.terms.limit_seconds - (time.monotonic() - started))
        run = self._ask("GET", f"/v1/runs/{run_id}/wait?seconds={min(left, LONGEST_WAIT_SECONDS)}")
        seconds = time.monotonic() - started
        if run["status"] in ACTIVE:
            raise self.terms.too_slow()
        if run["status"] != "succeeded":
            raise NotFinished(f"{run['status']}: {run['error']}")
        return seconds

    def is_running(self, run_id: str) -> bool:
        """Return whether a run has not ended."""
        return self._ask("GET", f"/v1/runs/{run_id}")["status"] in ACTIVE

    def wait_for_half(self, run_id: str) -> None:
        """Return when half of a run is done, or it has ended."""
        until = time.monotonic() + self.terms.limit_seconds
        while (run := self._ask("GET", f"/v1/runs/{run_id}"))["status"] in ACTIVE:
            progress = run["progress"]
            if 0 < progress["total"] <= 2 * progress["done"]:
                return
            if time.monotonic() > until:
                raise self.terms.too_slow()
            time.sleep(POLL_SECONDS)

    def cancel(self, run_id: str) -> None:
        """Stop a run, and return when it has stopped."""
        self._ask("POST", f"/v1/runs/{run_id}/cancel")

    def ideal_seconds(self, body: bytes) -> float:
        """Return how long a batch takes when nothing but the model takes time."""
        return self.terms.ideal_seconds(beneath(planned_steps(body)))

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Json:
        headers = {"Content-Type": "application/json"} if body else {}
        try:
            answer = self.client.request(method, path, content=body, headers=headers).raise_for_status()
        except httpx.TimeoutException:
            raise self.terms.too_slow() from None
        except httpx.HTTPError as problem:
            raise NotFinished(f"failed: {problem}") from None
        data: Json = answer.json()
        return data


class Probe:
    """Asks `GET /healthz` now and then, in a thread, and keeps the longest stall that it tells."""

    def __init__(self, client: httpx.Client) -> None:
        self.seconds = 0.0
        self._client = client
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join()

    def _ask(self) -> None:
        is_over = False
        while not is_over:
            is_over = self._is_over.wait(PROBE_SECONDS)
            try:
                stall_ms = self._client.get("/healthz").raise_for_status().json()["stall_ms"]
            except httpx.HTTPError:  # it is gone: the run will say why
                break
            self.seconds = max(self.seconds, stall_ms / 1000)


def batch(chunks: Sequence[str]) -> bytes:
    """Return the body of a POST with these texts, joined to documents of `CHUNKS_OF_A_DOCUMENT`."""
    documents = [
        {"id": str(start), "text": "\n\n".join(chunks[start : start + CHUNKS_OF_A_DOCUMENT])}
        for start in range(0, len(chunks), CHUNKS_OF_A_DOCUMENT)
    ]
    return json.dumps({"documents": documents, "options": OPTIONS}).encode()


def planned_steps(body: bytes) -> dict[str, Step]:
    """Return the steps that the service plans for a batch, by id."""
    batch = json.loads(body)
    documents = Documents(Document(given["id"], given["id"], given["text"]) for given in batch["documents"])
    options = Options(**batch["options"])
    return make_plan(documents, options, model_facts(options.model or ""), CHUNK_TOKENS)["steps"]


def beneath(steps: Mapping[str, Step]) -> list[int]:
    """Return how many of a plan's calls have at least 0, 1, 2, … others above them that wait for each other."""
    above = dict.fromkeys(steps, 0)
    for id in reversed(list(steps)):  # each stands behind those that it merges
        above |= dict.fromkeys(steps[id]["inputs"], above[id] + 1)
    return [sum(others >= least for others in above.values()) for least in range(max(above.values()) + 1)]


@contextmanager
def running(terms: Terms, folder: Path, **settings: Any) -> Iterator[Running]:
    """A service whose database is there, as after its first start, and that has summarised a small batch already, so
    that what is loaded once is loaded.
    """
    os.environ.setdefault("PYTHONHASHSEED", "random")  # a process of its own, not one forked for the tests
    settings = {"concurrency": terms.calls, "chunk_tokens": CHUNK_TOKENS, "max_body_bytes": BODY_BYTES} | settings
    run_command("migrate", env={**os.environ, "PRECIS_DATA_DIR": str(folder / "data")}).check_returncode()
    with (
        ModelServer(latency_seconds=terms.latency_seconds, record=False) as server,
        Service(folder / "data", OPENAI_API_KEY="benchmark", OPENAI_BASE_URL=server.base_url, **settings) as service,
        service.client() as client,
    ):
        client.timeout = httpx.Timeout(terms.limit_seconds + 1)
        precis = Running(server, service, client, terms)
        try:
            precis.run(batch(make_chunks(WARM_UP_CHUNKS, WARM_UP_SEED)))
            server.reset()
            yield precis
        except NotFinished:
            service.kill()  # it may still be busy
            raise
        except subprocess.TimeoutExpired:
            service.kill()
            raise NotFinished("failed: it did not end after SIGTERM") from None


def run_precis(chunks: list[str], terms: Terms, folder: Path) -> Result:
    """Let the service do the job. Raises `NotFinished`."""
    body = batch(chunks)
    with running(terms, folder) as precis:
        pid, server_pid = precis.service.process.pid, precis.server.pid
        if terms.latency_seconds:  # else it is a test of this program, which measures nothing
            time.sleep(STALLS_FORGOTTEN_SECONDS)
        cpu, server_cpu = cpu_seconds(pid), cpu_seconds(server_pid)
        with Probe(precis.client) as probe:
            seconds = precis.run(body)
        cpu, server_cpu = cpu_seconds(pid) - cpu, cpu_seconds(server_pid) - server_cpu
        peak, children = peak_megabytes(pid), children_megabytes(pid)
        counts = precis.server.stats(keys=False)
        precis.service.terminate()
    steps = planned_steps(body)
    return Result(
        calls=counts["calls"],
        peak_calls=counts["peak"],
        maps=sum(not step["inputs"] for step in steps.values()),
        beneath=beneath(steps),
        seconds=seconds,
        cpu_seconds=cpu,
        server_cpu_seconds=server_cpu,
        peak_megabytes=peak,
        children_megabytes=children,
        stall_seconds=probe.seconds,
        stored_bytes=bytes_in(folder / "data"),
        document_bytes=sum(len(chunk.encode()) for chunk in chunks),
    )
