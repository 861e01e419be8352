"""The clock is put forward and back by an hour: no lease is lost, and nothing is done twice."""

import importlib.util
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.e2e import Service, assert_told_once, attempts_of, batch, ended, post
from tests.model_server import ModelServer

HOUR = 3_600


def age_hours(moment: str) -> float:
    """How long ago a moment is, by the true clock."""
    return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds() / HOUR


def wait_for_more(server: ModelServer, calls: int) -> None:
    """Wait until so many more calls have finished."""
    before = server.stats(keys=False)["finished"]
    server.wait_for(lambda counts: counts["finished"] >= before + calls)


@pytest.fixture
def set_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Put the clock of processes that are started from now on forward by so many seconds, whenever it is called."""
    package = importlib.util.find_spec("libfaketime")
    if package is None or package.origin is None:
        pytest.skip("libfaketime is not installed")
    library = next(Path(package.origin).parent.rglob("libfaketime.so*"))
    offset = tmp_path / "offset"

    def set_clock(seconds: int) -> None:
        later = tmp_path / "later"
        later.write_text(f"{seconds:+}")
        later.rename(offset)  # it is read again and again

    set_clock(0)
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(offset))
    monkeypatch.setenv("FAKETIME_NO_CACHE", "1")
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    return set_clock


@pytest.mark.parametrize("hours", [(1, -1), (-1, 1)], ids=["forward first", "back first"])
def test_a_clock_that_is_moved_costs_nothing(
    hours: tuple[int, int],
    set_clock: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    model_server: ModelServer,
) -> None:
    settings = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": model_server.base_url}
    model_server.latency(0.05)
    moved = Service(tmp_path / "data", chunk_tokens=200, concurrency=2, **settings)
    with moved:
        monkeypatch.delenv("LD_PRELOAD")
        with Service(tmp_path / "data", chunk_tokens=200, concurrency=2, **settings) as other:  # by the true clock
            model_server.hold()
            with moved.client() as client:
                ids = [post(client, batch(town, sentences=150)) for town in ("Ansan", "Busan", "Chuncheon", "Daegu")]
                model_server.release()
                for offset in hours:
                    wait_for_more(model_server, 6)
                    set_clock(offset * HOUR)
                    wait_for_more(model_server, 6)
                stamped = client.post("/v1/runs", json=batch("Eumseong", sentences=4, model="embedded:extractive"))
                difference = age_hours(stamped.json()["created_at"])
                assert round(difference) == -hours[-1]  # the clock was moved indeed
            with other.client() as client:
                for id in ids:
                    run = ended(client, id)
                    assert run["status"] == "succeeded"
                    assert_told_once(client, run)
        assert set(attempts_of(tmp_path / "data").values()) == {1}
    assert model_server.stats()["repeats"] == 0
