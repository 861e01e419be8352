"""Two processes over one data directory: each run is done once, whoever does it, and a dead one's runs are taken over."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from tests.e2e import Service, assert_told_once, attempts_of, batch, ended, freeze, post, story
from tests.forks import PrecisProcess
from tests.model_server import ModelServer
from tests.service import wait_until

IN_FLIGHT = 4  # calls of each process
StartSummarize = Callable[[str], subprocess.Popen[str]]
LEASE_SECONDS = 3_600  # a dead process is noticed at once; only a silent one has its lease run out


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, shared_model_server: ModelServer) -> Iterator[Service]:
    with Service(
        tmp_path_factory.mktemp("shared") / "data",
        OPENAI_API_KEY="test",
        OPENAI_BASE_URL=shared_model_server.base_url,
        chunk_tokens=200,
        concurrency=IN_FLIGHT,
        lease_seconds=LEASE_SECONDS,
    ) as service:
        yield service


@pytest.fixture
def service(shared: Service, model_server: ModelServer) -> Iterator[Service]:
    """A service whose data another process uses, too."""
    yield shared
    model_server.release()


@contextmanager
def frozen(service: Service) -> Iterator[None]:
    """The service does nothing for a while, so that another process claims what comes."""
    wait_until(partial(freeze, service))
    try:
        yield
    finally:
        service.process.send_signal(signal.SIGCONT)


@pytest.fixture
def start_summarize(service: Service, model_server: ModelServer) -> Iterator[StartSummarize]:
    """Start `precis summarize` on the service's own data."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PRECIS_", "OPENAI_"))}
    settings = {
        "PRECIS_DATA_DIR": str(service.data_dir),
        "PRECIS_CHUNK_TOKENS": "200",
        "PRECIS_CONCURRENCY": str(IN_FLIGHT),
        "OPENAI_API_KEY": "test",
        "OPENAI_BASE_URL": model_server.base_url,
    }
    started: list[subprocess.Popen[str]] = []

    def start(town: str) -> subprocess.Popen[str]:
        path = service.data_dir.parent / f"{town}.txt"
        path.write_text(story(town, 60))
        asked = ("summarize", path, "--model", "openai:fake")
        process = PrecisProcess(*asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=own | settings)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()


def test_a_run_that_the_command_line_drives_is_left_alone_by_the_service(
    service: Service, start_summarize: StartSummarize, model_server: ModelServer
) -> None:
    model_server.hold(after=1)
    with frozen(service):
        process = start_summarize("Driven")
        model_server.wait_for(lambda counts: counts["held"] == IN_FLIGHT)
    with service.client() as client:
        head = client.get("/v1/runs").json()["runs"][0]
        assert head["status"] == "running"
        # The service has looked at the queue while the other run was under way: it has done one of its own.
        own = ended(client, post(client, batch("Busan", sentences=20, model="embedded:extractive")))
        assert own["status"] == "succeeded"
        model_server.release()
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        run = ended(client, head["id"])
        assert run["summary"]["text"] in output
        assert_told_once(client, run)
    assert attempts_of(service.data_dir)[run["id"]] == attempts_of(service.data_dir)[own["id"]] == 1
    stats = model_server.stats()
    assert (stats["repeats"], stats["cancelled"]) == (0, 0)
    assert stats["finished"] == run["usage"]["calls"]


def test_the_service_takes_over_at_once_when_the_command_line_is_killed(
    service: Service, start_summarize: StartSummarize, model_server: ModelServer
) -> None:
    model_server.hold(after=5)
    with frozen(service):
        process = start_summarize("Killed")
        model_server.wait_for(lambda counts: counts["finished"] == 5 and counts["held"] == IN_FLIGHT)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    model_server.wait_for(lambda counts: counts["cancelled"] == IN_FLIGHT and counts["held"] > 0)
    model_server.release()
    with service.client() as client:
        head = client.get("/v1/runs").json()["runs"][0]
        run = ended(client, head["id"])
        assert run["status"] == "succeeded"
        assert_told_once(client, run)
    assert attempts_of(service.data_dir)[run["id"]] == 2
    assert model_server.stats()["repeats"] <= IN_FLIGHT


def test_runs_of_both_are_each_done_once(
    service: Service, start_summarize: StartSummarize, model_server: ModelServer
) -> None:
    model_server.latency(0.02)
    with service.client() as client:
        known = {run["id"] for run in client.get("/v1/runs").json()["runs"]}
        process = start_summarize("Cli")
        ids = {post(client, batch(f"Http{letter}", sentences=60)) for letter in "abcdefghij"}  # more than run at once
        output, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        assert output.startswith("# Summary")
        new = {run["id"] for run in client.get("/v1/runs").json()["runs"]} - known
        assert len(new) == len(ids) + 1
        assert ids < new
        runs = [ended(client, id) for id in sorted(new)]
        for run in runs:
            assert run["status"] == "succeeded"
            assert_told_once(client, run)
    # A run that the command line gives back when its own is done goes on elsewhere, and no finished call is repeated.
    stats = model_server.stats()
    assert stats["finished"] - stats["repeats"] == len(stats["by_key"]) == sum(run["progress"]["total"] for run in runs)
    assert stats["repeats"] <= IN_FLIGHT
