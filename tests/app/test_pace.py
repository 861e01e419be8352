"""An estimate that is not silly: from how fast calls end of late, and from what must wait for what."""

import pytest

from app.work.pace import SEEN, Pace
from app.work.tree import tree_of
from graphs.models import EMBEDDED, model_facts
from graphs.summarize import Document, Documents, Options, make_plan
from tests.app import chapters


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("app.work.pace.time.monotonic", lambda: now[0])
    return now


def test_nothing_is_estimated_before_the_first_call_has_ended(clock: list[float]) -> None:
    pace = Pace()
    clock[0] += 60
    assert pace.eta_seconds(10, 2) is None


def test_calls_side_by_side_are_estimated_by_how_many_end_in_a_second(clock: list[float]) -> None:
    pace = Pace()
    for _ in range(50):
        clock[0] += 0.1
        pace.ended(2.0, remembered=False)
    assert pace.eta_seconds(100, 1) == 10.0


def test_calls_that_wait_for_each_other_take_their_time_one_by_one(clock: list[float]) -> None:
    pace = Pace()
    for _ in range(50):
        clock[0] += 0.1
        pace.ended(2.0, remembered=False)
    assert pace.eta_seconds(3, 3) == 6.0


def test_remembered_calls_promise_nothing(clock: list[float]) -> None:
    pace = Pace()
    for _ in range(500):
        pace.ended(2.0, remembered=True)
    assert pace.eta_seconds(10, 1) is None
    clock[0] += 4
    pace.ended(4.0, remembered=False)
    assert pace.eta_seconds(10, 1) == 40.0


def test_a_provider_that_becomes_slow_is_noticed(clock: list[float]) -> None:
    pace = Pace()
    for _ in range(SEEN * 5):
        clock[0] += 0.01
        pace.ended(0.1, remembered=False)
    fast = pace.eta_seconds(1_000, 1)
    clock[0] += 30  # nothing ends
    slow = pace.eta_seconds(1_000, 1)
    assert fast is not None
    assert slow is not None
    assert fast < 11
    assert slow > 100


def test_the_tree_of_a_plan_names_each_chunk_and_each_merge_once() -> None:
    texts = [chapters(40, "Ansan"), "A short text of a few words.", chapters(3, "Busan")]
    documents = Documents(Document(f"d{number}", "", text) for number, text in enumerate(texts))
    plan = make_plan(documents, Options(strategy="map_reduce"), model_facts(EMBEDDED), 200)
    tree = tree_of(plan)
    assert [document["id"] for document in tree.documents] == ["d0", "d1", "d2"]
    assert tree.documents[1] == {"id": "d1", "chunks": 1, "merges": 0}
    assert [document["chunks"] for document in tree.documents] == [document["chunks"] for document in plan["documents"]]
    assert sum(tree.levels) == len(tree.level_of) == sum(bool(step["inputs"]) for step in plan["steps"].values())
    assert tree.levels[-1] == 1
    assert tree.level_of[plan["final"]] == len(tree.levels)
    within = sum(document["merges"] for document in tree.documents)
    assert within == sum(bool(step["inputs"] and step["document"]) for step in plan["steps"].values()) > 1
