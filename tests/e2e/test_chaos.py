"""All at once, at random: clients that post, cancel, retry, delete, watch and leave; a provider in trouble; a process that is
told to end or killed, and started again. What must hold when it is quiet again is the same whatever has happened.
"""

import json
import os
import re
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Lock
from typing import Any

import httpx
import pytest

from tests.app import chapters
from tests.e2e import Json, Service, assert_works
from tests.model_server import ModelServer
from tests.service import wait_until

CLIENTS = 4
QUIET_SECONDS = 120.0  # after which what has not come to its end hangs
MOST_FILES = 150  # open in the service; it holds a few connections a client, and some to the model and the database
MOST_THREADS = 60
HURRIED = "not all came to its end in time"  # what a process says that is told to end while the machine is busy
STREAMED = ("no_stream", "break_off", "garbage")
TROUBLES: list[list[Json]] = [
    [],
    [{"kind": kind, "share": 0.05} for kind in ("500", "429", "reset", "truncated", "empty", "503_html", *STREAMED)],
    [{"kind": "429", "share": 0.5, "retry_after": 0}],
    [{"kind": "hang", "share": 0.1}],
    [{"kind": "reset", "share": 0.3}, {"kind": "400_context", "share": 0.1}],
]


@dataclass
class World:
    """What the clients share."""

    service: Service
    ids: list[str] = field(default_factory=list)  # of runs that were accepted
    deleting: set[str] = field(default_factory=set)  # of those that a client wanted deleted
    deleted: set[str] = field(default_factory=set)  # and was told that they are
    acts: int = 0  # of all clients
    turns: int = 0  # of the process: odd while it ends, is away, and starts
    lock: Lock = field(default_factory=Lock)

    def was_away_since(self, turn: int) -> bool:
        return bool(turn % 2) or self.turns != turn


class Visitor:
    """A client that does one thing after another, at random."""

    def __init__(self, world: World, seed: str) -> None:
        self.world = world
        self.chance = Random(seed)

    def visit(self, number: int) -> None:
        """Do so many things."""
        acts: list[Callable[[httpx.Client], object]] = [
            *[self.post, self.post, self.upload, self.post_and_cancel, self.post_and_cancel],
            *[self.cancel, self.retry, self.delete, self.wait, self.watch, self.look, self.plan],
        ]
        for _ in range(number):
            turn = self.world.turns
            try:
                with self.world.service.client() as client:
                    self.chance.choice(acts)(client)
            except httpx.TransportError:  # among them a timeout: nobody waits for ever
                assert self.world.was_away_since(turn)
                time.sleep(0.05)
            with self.world.lock:
                self.world.acts += 1

    def ask(self, client: httpx.Client, method: str, path: str, **more: Any) -> httpx.Response:
        turn = self.world.turns
        answer = client.request(method, path, **more)
        assert answer.status_code < 500 or (answer.status_code == 503 and self.world.was_away_since(turn)), answer.text
        assert answer.status_code < 400 or answer.headers["Content-Type"] == "application/problem+json"
        return answer

    def accepted(self, answer: httpx.Response) -> str | None:
        if answer.status_code not in (200, 202):
            return None
        id = str(answer.json()["id"])
        with self.world.lock:
            if id not in self.world.ids:
                self.world.ids.append(id)
        return id

    def one(self) -> str:
        """A run of late, if there is one."""
        with self.world.lock:
            return self.chance.choice(self.world.ids[-30:] or ["none"])

    def options(self) -> Json:
        options: Json = {"model": self.chance.choice(["openai:fake", "openai:fake", "embedded:extractive"])}
        wishes: list[Json] = [
            {"strategy": "map_reduce"},
            {"strategy": "refine"},
            {"facets": ["key_terms", "synthesis"]},
            {"verify": "llm"},
            {"variants": 2},
            {"budget": {"calls": self.chance.randint(1, 12)}},
        ]
        for wish in self.chance.sample(wishes, 2):
            options |= wish
        return options

    def text(self) -> str:
        """One that other runs ask for at the same time, too, or one of its own."""
        about = self.chance.choice([f"pier {self.chance.randint(0, 9)}", f"pier {self.chance.random()}"])
        return chapters(self.chance.randint(1, 8), about)

    def post(self, client: httpx.Client) -> str | None:
        headers = self.chance.choice(
            [{}, {}, {"Prefer": "wait=1"}, {"Idempotency-Key": f"k{self.chance.random():.1f}"}]
        )
        body = {"documents": [{"text": self.text()} for _ in range(self.chance.choice([1, 1, 3]))]}
        return self.accepted(
            self.ask(client, "POST", "/v1/runs", json=body | {"options": self.options()}, headers=headers)
        )

    def upload(self, client: httpx.Client) -> None:
        page = f"<html><body><article><h1>A page</h1><p>{self.text()}</p></article></body></html>"
        files = [("files", ("a.txt", self.text().encode())), ("files", ("b.html", page.encode()))]
        form = {"options": json.dumps(self.options())}
        self.accepted(self.ask(client, "POST", "/v1/runs", files=files, data=form))

    def post_and_cancel(self, client: httpx.Client) -> None:
        id = self.post(client)
        if id is None:
            return
        time.sleep(self.chance.uniform(0, self.chance.choice([0.002, 0.02, 0.3])))
        self.ask(client, "POST", f"/v1/runs/{id}/cancel")

    def cancel(self, client: httpx.Client) -> None:
        self.ask(client, "POST", f"/v1/runs/{self.one()}/cancel")

    def retry(self, client: httpx.Client) -> None:
        self.ask(client, "POST", f"/v1/runs/{self.one()}/retry")

    def delete(self, client: httpx.Client) -> None:
        id = self.one()
        with self.world.lock:
            self.world.deleting.add(id)  # it may be done though no answer comes
        if self.ask(client, "DELETE", f"/v1/runs/{id}").status_code == 204:
            with self.world.lock:
                self.world.deleted.add(id)

    def wait(self, client: httpx.Client) -> None:
        with suppress(httpx.ReadTimeout):
            self.ask(client, "GET", f"/v1/runs/{self.one()}/wait?seconds=30", timeout=self.chance.choice([0.1, 1.0]))

    def watch(self, client: httpx.Client) -> None:
        lines = self.chance.randint(0, 12)
        with suppress(httpx.ReadTimeout), client.stream("GET", f"/v1/runs/{self.one()}/stream", timeout=1) as answer:
            for number, _ in enumerate(answer.iter_lines()):
                if number == lines:
                    break

    def look(self, client: httpx.Client) -> None:
        for path in ("", "/chunks", "/summary"):
            self.ask(client, "GET", f"/v1/runs/{self.one()}{path}")
        for path in ("/v1/runs?limit=5", "/metrics", "/v1/models"):
            self.ask(client, "GET", path)

    def plan(self, client: httpx.Client) -> None:
        self.ask(client, "POST", "/v1/plans", json={"documents": [{"text": self.text()}], "options": self.options()})


@pytest.mark.parametrize(
    ("seeds", "rounds", "acts"),
    [
        pytest.param((1, 2), 1, 6, id="short"),
        pytest.param(range(10, 15), 4, 40, id="full", marks=[pytest.mark.soak, pytest.mark.timeout(2_400)]),
    ],
)
def test_whatever_happens_at_once_what_was_accepted_ends_and_nothing_is_left_behind(
    seeds: Sequence[int], rounds: int, acts: int, tmp_path: Path, model_server: ModelServer
) -> None:
    settings = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": model_server.base_url, "chunk_tokens": 200}
    settings |= {"concurrency": 8, "call_seconds": 2, "hedge": True, "lease_seconds": 600}  # nobody is taken for gone
    for seed in seeds:
        chance = Random(seed)
        with Service(tmp_path / f"data{seed}", **settings) as service:
            world = World(service)
            for round in range(rounds):
                model_server.latency(chance.choice([0.002, 0.05]))
                model_server.faults(*[{"times": -1} | fault for fault in TROUBLES[(seed + round) % len(TROUBLES)]])
                visitors = [Visitor(world, f"{seed} {round} {number}") for number in range(CLIENTS)]
                go_on(world, visitors, acts, is_killed=chance.random() < 0.5)
                model_server.reset()
                assert_at_rest(world)
        assert_whole(world)


def go_on(world: World, visitors: Sequence[Visitor], acts: int, *, is_killed: bool) -> None:
    """Let clients do what they like; half-way the process is ended, one way or the other, and started again."""
    half = world.acts + len(visitors) * acts // 2
    with ThreadPoolExecutor(len(visitors)) as pool:
        visits = [pool.submit(visitor.visit, acts) for visitor in visitors]
        wait_until(lambda: world.acts >= half or any(visit.done() for visit in visits), QUIET_SECONDS)
        world.turns += 1
        if is_killed:
            world.service.kill()
        else:
            assert world.service.terminate() == 0
        world.service.start()
        world.turns += 1
        for visit in visits:
            visit.result(QUIET_SECONDS)


def assert_at_rest(world: World) -> None:
    """Assert that all comes to its end by itself, and that what comes next is served as if nothing had been."""
    with world.service.client() as client:

        def is_idle() -> bool:
            figures = client.get("/metrics").text
            open_runs = re.findall(r'^precis_runs\{status="(?:queued|running)"\} (.+)$', figures, re.MULTILINE)
            calls = re.findall(r"^precis_gate_(?:in_flight|waiting)\{.*\} (.+)$", figures, re.MULTILINE)
            return len(open_runs) == 2 and not any(map(float, [*open_runs, *calls]))

        wait_until(is_idle, QUIET_SECONDS)
        assert_works(client)
        wait_until(is_idle, QUIET_SECONDS)
        assert client.get("/readyz").status_code == 200
    process = Path(f"/proc/{world.service.process.pid}")
    assert len(os.listdir(process / "fd")) < MOST_FILES
    assert len(os.listdir(process / "task")) < MOST_THREADS


def assert_whole(world: World) -> None:
    """Assert of what is kept that nothing is lost, told twice, or left over."""
    log = world.service.log_path.read_text()
    assert "Traceback" not in log
    assert [line for line in log.splitlines() if " ERROR " in line and HURRIED not in line] == []
    with closing(sqlite3.connect(world.service.data_dir / "precis.db")) as database:

        def rows(query: str) -> list[Any]:
            return database.execute(query).fetchall()

        assert rows("PRAGMA integrity_check") == [("ok",)]
        kept = {id for (id,) in rows("SELECT id FROM runs")}
        assert set(world.ids) - kept <= world.deleting
        assert not world.deleted & kept
        assert rows("SELECT id FROM runs WHERE status IN ('queued', 'running') OR finished_at IS NULL") == []
        assert rows("SELECT run_id FROM documents WHERE status IN ('queued', 'running')") == []
        for table in ("documents", "events"):
            assert rows(f"SELECT run_id FROM {table} WHERE run_id NOT IN (SELECT id FROM runs)") == []
        ends = "(SELECT max(seq) FROM events AS every WHERE every.run_id = events.run_id)"
        broken = f"count(*) != max(seq) OR min(seq) != 1 OR sum(type = 'finished' AND seq = {ends}) != 1"
        assert rows(f"SELECT run_id FROM events GROUP BY run_id HAVING {broken} OR sum(type = 'finished') != 1") == []
    with closing(sqlite3.connect(world.service.data_dir / "checkpoints.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
