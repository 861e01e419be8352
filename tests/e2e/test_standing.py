"""No run stands still: whatever the model server lets through is told, however often the process is frozen meanwhile."""

import random
import signal
import time
from pathlib import Path

import httpx
import pytest

from tests.e2e import Service, batch, ended, post
from tests.model_server import ModelServer
from tests.service import wait_until

SEED = 37


def steps_ended(client: httpx.Client, ids: list[str]) -> int:
    return sum(client.get(f"/v1/runs/{id}").json()["progress"]["done"] for id in ids)


@pytest.mark.parametrize(("rounds", "runs"), [(2, 2), pytest.param(40, 6, marks=pytest.mark.soak)])
def test_every_call_that_is_let_through_is_told_while_the_others_are_held(
    rounds: int, runs: int, tmp_path: Path, model_server: ModelServer
) -> None:
    luck = random.Random(SEED)
    settings = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": model_server.base_url, "lease_seconds": 2}
    with Service(tmp_path / "data", chunk_tokens=200, **settings) as service, service.client() as client:
        for number in range(rounds):
            passing = luck.randint(1, 12)
            model_server.reset()
            model_server.hold(after=passing)
            bodies = [batch(f"Town{number}x{run}", sentences=40) for run in range(runs)]
            ids = [post(client, body) for body in bodies]
            time.sleep(luck.uniform(0, 0.3))
            service.process.send_signal(signal.SIGSTOP)
            time.sleep(luck.choice([0.05, 0.5, 2.5]))  # the last: longer than the lease
            service.process.send_signal(signal.SIGCONT)
            wait_until(lambda ids=ids, passing=passing: steps_ended(client, ids) == passing, 40)
            model_server.release()
            assert {ended(client, id)["status"] for id in ids} == {"succeeded"}, f"round {number}"
            assert model_server.stats()["repeats"] == 0
