"""Twenty minutes of work with faults: nothing grows that should not. The figures are printed."""

import random
import time
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.e2e import Service, batch, post
from tests.model_server import ModelServer
from tests.service import wait_until

SOAK_SECONDS = 1_200.0
SAMPLE_SECONDS = 10.0
FAULTS = ("500", "reset", "empty", "truncated", "429", "broken_json")
RUNS_AT_ONCE = 6
RUNS_KEPT = 30
CALM_SHARE = 0.5  # of the time, in which caches and pools fill: what leaks goes on behind it


class Sample(NamedTuple):
    """What the service takes at one moment."""

    seconds: float
    rss_mb: float
    files: int
    threads: int
    log_mb: float
    database_mb: float
    checkpoints_mb: float


@pytest.mark.soak
@pytest.mark.timeout(SOAK_SECONDS + 600)
def test_nothing_grows_in_twenty_minutes_of_work_with_faults(tmp_path: Path, model_server: ModelServer) -> None:
    soak(tmp_path, model_server, SOAK_SECONDS)


def soak(tmp_path: Path, server: ModelServer, seconds: float) -> None:
    settings = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": server.base_url, "call_seconds": 5}
    server.latency(0.02)
    server.faults(*[{"kind": kind, "times": -1, "share": 0.01, "retry_after": 0.1} for kind in FAULTS])
    samples: list[Sample] = []
    done: list[str] = []
    statuses: dict[str, int] = {}
    chance = random.Random(0)
    with Service(tmp_path / "data", chunk_tokens=200, concurrency=8, **settings) as service, service.client() as client:
        began, number, open_runs = time.monotonic(), 0, set[str]()
        while (now := time.monotonic() - began) < seconds:
            if now >= len(samples) * SAMPLE_SECONDS:
                samples.append(sample(service, now))
            while len(open_runs) < RUNS_AT_ONCE:
                number += 1
                open_runs.add(post(client, batch(f"Town{number}", sentences=chance.randint(10, 150))))
            for id in list(open_runs):
                watch_a_little(client, id)
                if chance.random() < 0.01:
                    client.post(f"/v1/runs/{id}/cancel")
                run = client.get(f"/v1/runs/{id}").json()
                if run["status"] not in ("queued", "running"):
                    statuses[run["status"]] = statuses.get(run["status"], 0) + 1
                    open_runs.remove(id)
                    done.append(id)
            while len(done) > RUNS_KEPT:
                assert client.delete(f"/v1/runs/{done.pop(0)}").status_code == 204
        for id in open_runs:
            client.post(f"/v1/runs/{id}/cancel")
        wait_until(lambda: not client.get("/v1/runs", params={"status": "running"}).json()["runs"])
        samples.append(sample(service, seconds))
    later = samples[int(len(samples) * CALM_SHARE) :]
    print(f"\n{number} runs: {statuses}; {server.stats(keys=False)['by_fault']}")
    for shown in later[:: max(1, len(later) // 12)]:
        print(" ".join(f"{name}={value:.1f}" for name, value in shown._asdict().items()))
    print(f"RSS grows by {slope(later) * 3_600:.1f} MB an hour")
    first, last = later[0], later[-1]
    assert set(statuses) <= {"succeeded", "cancelled"}
    assert last.threads <= first.threads + 2
    assert last.files <= first.files + 10
    assert max(shown.log_mb for shown in later) < 32
    assert last.checkpoints_mb < 16
    assert slope(later) * 3_600 < 60  # MB


def watch_a_little(client: httpx.Client, id: str) -> None:
    """Open the stream of a run and leave it."""
    with client.stream("GET", f"/v1/runs/{id}/stream") as response:
        next(response.iter_lines())


def sample(service: Service, seconds: float) -> Sample:
    process = Path(f"/proc/{service.process.pid}")
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())

    def megabytes(name: str) -> float:
        path = service.data_dir / name
        return path.stat().st_size / 1e6 if path.exists() else 0.0

    return Sample(
        seconds,
        int(status["VmRSS"].split()[0]) / 1e3,
        len(list((process / "fd").iterdir())),
        int(status["Threads"]),
        megabytes("precis.db-wal") + megabytes("checkpoints.db-wal"),
        megabytes("precis.db"),
        megabytes("checkpoints.db"),
    )


def slope(samples: list[Sample]) -> float:
    """The RSS by the line of least squares, in megabytes a second."""
    mean_seconds = sum(shown.seconds for shown in samples) / len(samples)
    mean_mb = sum(shown.rss_mb for shown in samples) / len(samples)
    spread = sum((shown.seconds - mean_seconds) ** 2 for shown in samples)
    return sum((shown.seconds - mean_seconds) * (shown.rss_mb - mean_mb) for shown in samples) / max(spread, 1e-9)
