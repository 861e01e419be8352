"""Hundreds of clients that break off at random, over a restart: each sees every event once, in order."""

import asyncio
import random
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.e2e import Json, Service, batch, ended, events_of, post, told_by
from tests.model_server import ModelServer

SEED = 20_261_122
TOWNS = ("Ansan", "Busan", "Chuncheon", "Daegu")
FEW = httpx.Limits(max_connections=None, max_keepalive_connections=0)  # each comes back over a connection of its own


def has_finished(calls: int, counts: Json) -> bool:
    return bool(counts["finished"] >= calls)


class Watcher:
    """A client of one run's stream, which breaks off after some events and comes back with the number of the last."""

    def __init__(self, service: Service, run_id: str, chance: random.Random) -> None:
        self.seen: list[Json] = []  # every step by itself, however many one event told of
        self.connections = 0
        self.is_there = asyncio.Event()  # it has connected since this was cleared, or will not any more
        self._service = service
        self._run_id = run_id
        self._chance = chance
        self._has_ended = False

    async def watch(self, client: httpx.AsyncClient) -> None:
        try:
            while not self._has_ended:
                try:
                    await self._connect(client, self._chance.randint(1, 12))
                except httpx.TransportError:  # the service is being started again
                    await asyncio.sleep(self._chance.uniform(0.05, 0.3))
        finally:
            self.is_there.set()

    async def _connect(self, client: httpx.AsyncClient, events: int) -> None:
        """Read so many events, and break off."""
        url = f"{self._service.base_url}/v1/runs/{self._run_id}/stream"
        headers = {"Last-Event-ID": str(len(self.seen))} if self.seen else {}
        async with client.stream("GET", url, headers=headers) as response:
            if response.status_code == 503:  # too many at once, and told so: it comes back like any client
                assert int(response.headers["Retry-After"]) > 0
                await asyncio.sleep(self._chance.uniform(0.05, 0.3))
                return
            assert response.status_code == 200
            self.connections += 1
            self.is_there.set()
            fields: dict[str, str] = {}
            async for line in response.aiter_lines():
                if line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                    continue
                if "id" in fields:
                    self.seen += told_by(fields)
                    assert int(fields["id"]) == len(self.seen)
                    self._has_ended = fields["event"] == "finished"
                    events -= 1
                fields = {}
                if self._has_ended or not events:
                    return


@pytest.mark.parametrize("clients", [100, pytest.param(500, marks=pytest.mark.soak)])
@pytest.mark.timeout(600)
async def test_every_client_sees_every_event_once_and_in_order(
    clients: int, tmp_path: Path, model_server: ModelServer
) -> None:
    chance = random.Random(SEED)
    settings = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": model_server.base_url}
    model_server.hold()
    with Service(tmp_path / "data", chunk_tokens=200, concurrency=4, **settings) as service:
        with service.client() as one:
            ids = [post(one, batch(town, sentences=100)) for town in TOWNS]
        watchers = [Watcher(service, ids[number % len(ids)], chance) for number in range(clients)]
        async with httpx.AsyncClient(timeout=60, limits=FEW, trust_env=False, verify=False) as client:
            watching = [asyncio.create_task(watcher.watch(client)) for watcher in watchers]
            for finished, end in ((10, service.terminate), (25, service.kill)):
                model_server.hold(after=finished - model_server.stats()["finished"])
                await asyncio.to_thread(model_server.wait_for, partial(has_finished, finished))
                await asyncio.gather(*[watcher.is_there.wait() for watcher in watchers])
                await asyncio.to_thread(end)
                for watcher in watchers:
                    watcher.is_there.clear()
                await asyncio.to_thread(service.start)
            model_server.release()
            await asyncio.gather(*watching)
        with service.client() as one:
            told = {}
            for id in ids:
                assert ended(one, id)["status"] == "succeeded"
                told[id] = [(event["type"], event["data"]) for event in events_of(one, id)]
    for number, watcher in enumerate(watchers):
        assert [(event["type"], event["data"]) for event in watcher.seen] == told[ids[number % len(ids)]]
    connections = sum(watcher.connections for watcher in watchers)
    assert connections > 2 * clients
    print(
        f"\n{clients} clients over {connections} connections and two restarts saw {sum(map(len, told.values()))} events each once"
    )
