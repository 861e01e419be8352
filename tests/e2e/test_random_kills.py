"""kill -9 at random moments under load: nothing that was accepted is lost, and every run ends as if nothing had been."""

import random
import time
from pathlib import Path

import pytest

from tests.e2e import Json, Service, assert_told_once, batch, ended, post, result_of
from tests.model_server import ModelServer

IN_FLIGHT = 4  # calls
SEED = 20_261_122
BODIES = {
    town: batch(town, sentences=sentences)
    for town, sentences in {"Ansan": 20, "Busan": 60, "Chuncheon": 100, "Daegu": 40, "Eumseong": 140}.items()
}


def service_of(data_dir: Path, server: ModelServer) -> Service:
    settings = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": server.base_url}
    return Service(data_dir, chunk_tokens=200, concurrency=IN_FLIGHT, **settings)


def undisturbed(data_dir: Path, server: ModelServer) -> dict[str, Json]:
    """Each batch, run to its end by a process that nobody kills."""
    with service_of(data_dir, server) as service, service.client() as client:
        ids = {town: post(client, body) for town, body in BODIES.items()}
        runs = {town: ended(client, id) for town, id in ids.items()}
    server.reset()
    return runs


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(20, marks=pytest.mark.timeout(600)),
        pytest.param(200, marks=[pytest.mark.soak, pytest.mark.timeout(3_600)]),
    ],
)
def test_random_kills_lose_nothing_and_repeat_little(kills: int, tmp_path: Path, model_server: ModelServer) -> None:
    expected = undisturbed(tmp_path / "undisturbed", model_server)
    chance = random.Random(SEED)
    towns = chance.choices(list(BODIES), k=kills)
    model_server.latency(0.1)
    service = service_of(tmp_path / "data", model_server)
    posted: list[tuple[str, str]] = []
    for number in range(kills):
        service.start()
        with service.client() as client:
            if number % 4 == 0:
                posted.append((towns[number], post(client, BODIES[towns[number]])))
        time.sleep(chance.uniform(0, 1.5))
        service.kill()
        model_server.wait_for(lambda counts: counts["in_flight"] == 0)
    model_server.latency(0)
    with service, service.client() as client:
        for town, id in posted:
            run = ended(client, id)
            assert result_of(run) == result_of(expected[town])
            assert_told_once(client, run)
    stats = model_server.stats()
    assert stats["repeats"] <= kills * IN_FLIGHT
    print(f"\n{kills} kills (seed {SEED}), {len(posted)} runs: {stats['finished']} calls, {stats['repeats']} repeated")
