"""A small run is killed at each of its commits, and each write and each answer fails once: it always ends the same."""

import json
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from typing import Any

import pytest

from tests.e2e import Json, batch, result_of
from tests.model_server import ROOT, ModelServer

IN_FLIGHT = 2  # calls
OPEN_CALLS = 2 * IN_FLIGHT  # that the gate lets in, those included whose answers wait for their commit
BODY = batch("Ansan", "Busan", sentences=15)
COUNTERS = {
    "kill after commit": "commits",
    "kill before commit": "commits",
    "commit fails": "commits",
    "write fails": "writes",
    "file write fails": "file_writes",
}
STARTS = 6  # that a process may need at most, when each goes wrong once

Ask = Callable[..., Json]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory, shared_model_server: ModelServer) -> Iterator[Ask]:
    """Drive the batch in a process of its own, over a data folder of this name, and return what it reports."""
    base = tmp_path_factory.mktemp("moments")
    with (base / "log").open("w") as log:
        driver = subprocess.Popen(
            [sys.executable, "-m", "tests.crashes", str(base)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    settings: Json = {"openai_api_key": "test", "openai_base_url": shared_model_server.base_url}
    settings |= {"chunk_tokens": 200, "concurrency": IN_FLIGHT}
    assert driver.stdin is not None
    assert driver.stdout is not None

    def ask(data: str, **fault: Any) -> Json:
        asked = {"data": data, "body": BODY, "settings": settings} | fault
        print(json.dumps(asked), file=driver.stdin, flush=True)
        answer = driver.stdout.readline() if driver.stdout else ""
        assert answer, (base / "log").read_text()[-3_000:]
        report: Json = json.loads(answer)
        return report | {"path": base / data}

    yield ask
    driver.stdin.close()
    driver.wait(30)
    driver.stdout.close()


@pytest.fixture(scope="module")
def undisturbed(ask: Ask) -> Json:
    report = ask("undisturbed")
    assert report["run"]["status"] == "succeeded"
    assert report["commits"] > 10
    assert_whole(report)
    return report


def assert_whole(report: Json) -> None:
    """Assert that the files are sound, the events told once and in order, and nothing is left that was for resuming."""
    with closing(sqlite3.connect(report["path"] / "precis.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        events = connection.execute("SELECT seq, type, step FROM events ORDER BY seq").fetchall()
        calls = connection.execute("SELECT count(*) FROM calls").fetchone()[0]
    assert [seq for seq, _, _ in events] == list(range(1, len(events) + 1))
    told = Counter(event[1:] for event in events)
    assert set(told.values()) == {1}
    assert events[-1][1] == "finished"
    assert sum(type == "finished" for _, type, _ in events) == 1
    assert calls == report["run"]["progress"]["total"]
    with closing(sqlite3.connect(report["path"] / "checkpoints.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def assert_ends_the_same(ask: Ask, data: str, undisturbed: Json, server: ModelServer, report: Json, most: int) -> None:
    """Start over the same data until the run has ended; it is as if nothing had been, and repeats a few calls at most."""
    for _ in range(STARTS):
        if "run" in report:
            break
        report = ask(data)
    assert result_of(report["run"]) == result_of(undisturbed["run"])
    assert_whole(report)
    assert server.stats()["repeats"] <= most


@pytest.mark.parametrize(
    ("fault", "step"),
    [
        pytest.param("kill after commit", 3, id="kill after commit, each third"),
        pytest.param("kill after commit", 1, marks=pytest.mark.soak),
        pytest.param("kill before commit", 1, marks=pytest.mark.soak),
        pytest.param("commit fails", 6, id="commit fails, each sixth"),
        pytest.param("commit fails", 1, marks=pytest.mark.soak),
        pytest.param("write fails", 14, id="write fails, each fourteenth"),
        pytest.param("write fails", 1, marks=pytest.mark.soak),
        pytest.param("file write fails", 97, id="file write fails, each ninety-seventh"),
        pytest.param("file write fails", 1, marks=[pytest.mark.soak, pytest.mark.timeout(3_600)]),
    ],
)
@pytest.mark.timeout(900)
def test_whatever_fails_at_whatever_moment_the_run_ends_the_same(
    fault: str, step: int, ask: Ask, undisturbed: Json, model_server: ModelServer
) -> None:
    counter = COUNTERS[fault]
    if not undisturbed[counter]:
        pytest.skip("the SQLite of this Python shows nobody what it does to files")
    moments = 0
    for at in count(1, step):
        model_server.reset()
        data = f"{fault} {step} {at}"
        report = ask(data, fault=fault, at=at)
        reached = report[counter] if not report["killed"] else at
        if reached < at:
            break
        moments += 1
        assert report["killed"] == fault.startswith("kill")
        assert_ends_the_same(ask, data, undisturbed, model_server, report, OPEN_CALLS)
    assert moments * step >= undisturbed[counter] * 0.8  # how many writes share a commit depends on the moment
    print(f"\n{fault}: {moments} moments, each ended the same")


@pytest.mark.parametrize(
    "fault",
    [
        "500",
        pytest.param("reset", marks=pytest.mark.soak),
        pytest.param("empty", marks=pytest.mark.soak),
        pytest.param("broken_json", marks=pytest.mark.soak),
        pytest.param("429", marks=pytest.mark.soak),
    ],
)
@pytest.mark.timeout(900)
def test_each_answer_may_fail_once(fault: str, ask: Ask, undisturbed: Json, model_server: ModelServer) -> None:
    model_server.reset()
    ask(f"answers, to see what is asked for {fault}")
    prompts = [call["messages"][-1]["content"] for call in model_server.calls()]
    assert len(prompts) == undisturbed["run"]["progress"]["total"]
    for number, prompt in enumerate(prompts):
        model_server.reset()
        model_server.fault(fault, match=prompt)
        data = f"{fault} at answer {number}"
        assert_ends_the_same(ask, data, undisturbed, model_server, ask(data), 0)
        stats = model_server.stats()
        assert (stats["by_fault"], stats["finished"]) == ({fault: 1}, len(prompts))
