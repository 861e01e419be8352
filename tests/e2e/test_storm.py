"""A provider in trouble refuses everything, then much of it, and fails, hangs and hangs up in between.

What was called when is read from the model server's own log: one clock, and no word of the service that is under test.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import httpx
import pytest

from tests.e2e import Json, Service, batch, post
from tests.model_server import ModelServer
from tests.service import wait_until

CONCURRENCY = 32
LATENCY_SECONDS = 0.2  # 160 calls a second at most, half of what two cores can do: the gate sets the pace, not the CPU
CALL_SECONDS = 2  # after which the service gives up an attempt that hangs
TOWNS = ("Andong", "Boseong", "Cheorwon", "Damyang", "Eumseong", "Gangneung")  # a run each

CALLS_RATIO = 1.2  # of the calls that a provider without faults would have seen, at most
BACK_SHARE = 0.9  # of the throughput before the storm
BACK_SECONDS = 15.0  # after its end, at the latest
WINDOW_SECONDS = 2.0  # over which throughput is measured
WIRE_SECONDS = 0.5  # from writing a 429 to its being read: what the service sends meanwhile cannot know of it


@dataclass(frozen=True)
class Storm:
    refusing_seconds: float  # nothing but 429 with Retry-After
    failing_seconds: float  # then 429 for 30 % of the calls, 500 for 5 %, hangs and resets
    hangs: int  # spread over the failing seconds; as many resets in between
    calm_calls: int  # that finish before it
    sentences: int  # of each run: enough work for those 15 seconds and what goes before

    @property
    def seconds(self) -> float:
        return self.refusing_seconds + self.failing_seconds

    @property
    def faults(self) -> list[Json]:
        pace = self.failing_seconds / (self.hangs + 1)
        single = [
            {"kind": kind, "begin_seconds": self.refusing_seconds + pace * (number + part)}
            for number in range(self.hangs)
            for kind, part in (("hang", 0.5), ("reset", 1.0))
        ]
        failing = {"times": -1, "begin_seconds": self.refusing_seconds, "end_seconds": self.seconds}
        return [
            {"kind": "429", "retry_after": 1, "times": -1, "end_seconds": self.refusing_seconds},
            *single,
            {"kind": "429", "retry_after": 1, "share": 0.25} | failing,
            {"kind": "429", "retry_after": 2, "share": 0.05} | failing,  # pauses that overlap end at unlike times
            {"kind": "500", "share": 0.05} | failing,
        ]


SHORT = Storm(refusing_seconds=8, failing_seconds=16, hangs=3, calm_calls=500, sentences=1_500)
FULL = Storm(refusing_seconds=60, failing_seconds=120, hangs=10, calm_calls=800, sentences=3_000)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(latency_seconds=LATENCY_SECONDS, record=False) as server:
        yield server


@pytest.fixture
def client(tmp_path: Path, server: ModelServer) -> Iterator[httpx.Client]:
    settings = {"chunk_tokens": 200, "concurrency": CONCURRENCY, "call_seconds": CALL_SECONDS}
    address = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": server.base_url}
    with Service(tmp_path / "data", **settings, **address) as service, service.client() as client:
        yield client


@pytest.mark.parametrize(
    ("storm", "is_timed"),  # throughputs can be compared on a calm machine alone
    [
        pytest.param(SHORT, False, id="short", marks=pytest.mark.timeout(240)),
        pytest.param(FULL, True, id="full", marks=[pytest.mark.soak, pytest.mark.timeout(600)]),
    ],
)
def test_a_storm_of_refusals_fails_no_run_and_is_soon_made_up_for(
    storm: Storm, is_timed: bool, client: httpx.Client, server: ModelServer
) -> None:
    ids = [post(client, batch(town, sentences=storm.sentences)) for town in TOWNS]
    server.wait_for(lambda counts: counts["finished"] >= storm.calm_calls)
    began_at = server.faults(*storm.faults)
    runs = [ended(client, id, storm.seconds + 120) for id in ids]
    calls, stats = server.calls(100_000), server.stats()
    assert len(calls) == stats["calls"]  # the log is whole
    assert stats["by_fault"]["hang"] == stats["by_fault"]["reset"] == storm.hangs  # the storm was one

    assert [run["status"] for run in runs] == ["succeeded"] * len(TOWNS)
    for run, town in zip(runs, TOWNS, strict=True):
        assert town in run["summary"]["text"]
        assert all(document["summary"]["text"] for document in run["documents"])
        assert run["coverage"]["summarised"] == run["coverage"]["characters"]

    finished = [call for call in calls if call["outcome"] == "finished"]
    needed = len({call["key"] for call in finished})
    assert sum(run["usage"]["calls"] for run in runs) == needed
    assert stats["calls"] <= CALLS_RATIO * needed
    assert stats["peak"] <= CONCURRENCY + storm.hangs  # of a call that was given up the server may hear late
    assert too_early(calls) == []

    models = [model for model in client.get("/v1/models").json() if model["name"].startswith("openai:")]
    assert {model["gate"]["limit"] for model in models} == {CONCURRENCY}  # as many calls at once as before
    if not is_timed:
        return
    ends = sorted(call["ended_at"] for call in finished)
    before = throughput_before(ends[: bisect_right(ends, began_at)])
    after = best_throughput(ends, began_at + storm.seconds, began_at + storm.seconds + BACK_SECONDS)
    assert after >= BACK_SHARE * before


def ended(client: httpx.Client, id: str, seconds: float) -> Json:
    """Return the run when it has ended."""

    def run_if_ended() -> Json | None:
        run: Json = client.get(f"/v1/runs/{id}/wait", params={"seconds": 20}).json()
        return None if run["status"] in ("queued", "running") else run

    run: Json = wait_until(run_if_ended, seconds)
    return run


def too_early(calls: list[Json]) -> list[Json]:
    """Return the calls that came before the end of a pause that a refusal had asked for.

    Where pauses overlap, the latest end among those that could be known counts. No tolerance is due at the end: the
    service counts from when it read the refusal, later than the server wrote it.
    """
    pauses = sorted(
        (call["answered_at"] + WIRE_SECONDS, call["answered_at"] + float(call["retry_after"]))
        for call in calls
        if call.get("retry_after")
    )
    known_at = [known for known, _ in pauses]
    open_at = [0.0, *accumulate((end for _, end in pauses), max)]
    return [call for call in calls if call["at"] < open_at[bisect_right(known_at, call["at"])]]


def throughput_before(ends: list[float]) -> float:
    """Return the calls a second of the later part: the first third may still be warming up."""
    rest = ends[len(ends) // 3 :]
    return (len(rest) - 1) / (rest[-1] - rest[0])


def best_throughput(ends: list[float], since: float, until: float) -> float:
    """Return the calls a second of the best window between two times."""
    starts = [since, *(end for end in ends if since < end <= until - WINDOW_SECONDS)]
    counts = [bisect_right(ends, start + WINDOW_SECONDS) - bisect_right(ends, start) for start in starts]
    return max(counts) / WINDOW_SECONDS
