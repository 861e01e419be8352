"""Cancels at whatever moment, many at once: each is answered when its run has stopped, and nothing stands still behind it."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

from tests.app import chapters
from tests.e2e import assert_works
from tests.model_server import ModelServer
from tests.service import Service, accepted

RUNS = 150
AT_ONCE = 6
SECONDS = (0.01, 0.05, 0.3)  # from the acceptance to the cancellation at most: a run hardly begins, is planned, ends


def test_runs_that_are_cancelled_at_any_moment_end_and_leave_the_way_free(
    tmp_path: Path, model_server: ModelServer
) -> None:
    model_server.latency(0.005)
    settings = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": model_server.base_url, "chunk_tokens": 200}
    with Service(tmp_path / "data", **settings) as service, service.client() as client:

        def run_and_cancel(number: int) -> str:
            chance = Random(number)
            model = chance.choice(["openai:fake", "embedded:extractive"])
            body = {
                "documents": [{"text": chapters(chance.randint(1, 8), f"harbour {number}")}],
                "options": {"model": model, "strategy": "map_reduce"},
            }
            id = accepted(client.post("/v1/runs", json=body))
            time.sleep(chance.uniform(0, chance.choice(SECONDS)))
            answer = client.post(f"/v1/runs/{id}/cancel")
            assert answer.status_code == 200, answer.text
            return str(answer.json()["status"])

        with ThreadPoolExecutor(AT_ONCE) as pool:
            ends = Counter(pool.map(run_and_cancel, range(RUNS)))
        assert set(ends) <= {"cancelled", "succeeded"}
        assert ends["cancelled"] > RUNS / 10, ends
        model_server.wait_for(lambda counts: counts["in_flight"] == 0)
        assert_works(client)
        log = service.log_path.read_text()
    assert "Traceback" not in log
    assert " ERROR " not in log
