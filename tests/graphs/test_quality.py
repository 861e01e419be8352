"""The embedded model beside taking the first sentences, on documents that have reference summaries."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.extracts import choosing
from bench.extracts.measures import measure
from bench.extracts.sets import Item, read_sets
from bench.judgements import scores, spearman
from tests.model_server import ROOT

FIXTURES = ROOT / "tests" / "fixtures" / "summaries"


@pytest.fixture(scope="module")
def sets() -> dict[str, list[Item]]:
    return dict(read_sets(FIXTURES, []))


def mean_of(item: Item, choose: choosing.Choose) -> float:
    found = measure(item, choose(item))
    assert found is not None
    return found.mean


def test_the_embedded_model_is_nowhere_under_the_first_sentences(sets: dict[str, list[Item]]) -> None:
    assert {name: len(items) for name, items in sets.items()} == {
        "aclsum": 2, "gov_report": 2, "qmsum_meetings": 1, "squality_stories": 1,
    }  # fmt: skip
    for items in sets.values():
        for item in items:
            assert mean_of(item, choosing.embedded) >= mean_of(item, choosing.lead), item.id


@pytest.mark.parametrize("name", ["gov_report", "qmsum_meetings", "squality_stories"])
def test_in_long_documents_it_is_clearly_better(sets: dict[str, list[Item]], name: str) -> None:
    for item in sets[name]:
        for choose in (choosing.lead, choosing.at_random):
            assert mean_of(item, choosing.embedded) > 1.05 * mean_of(item, choose), item.id


def test_every_contender_keeps_to_the_budget(sets: dict[str, list[Item]]) -> None:
    for items in sets.values():
        for item in items:
            for name in ("embedded", "lead", "random", "oracle"):
                for selection in choosing.CONTENDERS[name](item):
                    words = sum(item.sentences[place].words for place in selection)
                    assert words <= 1.15 * item.budget, (item.id, name)
                    assert words >= 0.85 * item.budget or name == "oracle", (item.id, name)


def test_nothing_is_better_than_the_oracle(sets: dict[str, list[Item]]) -> None:
    for items in sets.values():
        for item in items:
            assert mean_of(item, choosing.oracle) > mean_of(item, choosing.embedded), item.id


def test_the_bench_prints_every_contender_and_both_halves() -> None:
    command = [sys.executable, "-m", "bench.quality", "--data", str(FIXTURES), "--only", "aclsum", "--sentences", "10"]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    for part in (*choosing.CONTENDERS, "aclsum: 2 items, 2 held out, 65 words", "held out:", "tuned on:", "\npapers\n"):
        assert part in done.stdout


def test_a_selection_is_measured_by_the_mean_over_as_many_references_as_are_asked_for(tmp_path: Path) -> None:
    documents = [{"text": "The bridge was repaired in the spring. A ferry carried people over the river meanwhile."}]
    row = {"id": "a", "documents": documents, "references": ["The bridge was repaired.", "Nothing of it."]}
    (tmp_path / "bridges.jsonl").write_text(json.dumps(row), encoding="utf-8")
    found = []
    for most in (1, 2, 9):
        [(_, [item])] = read_sets(tmp_path, [], most)
        figures = measure(item, [[0]])
        assert figures is not None
        found.append(figures.one)
    assert found == pytest.approx([8 / 11, 4 / 11, 4 / 11])


def test_the_correlation_is_that_of_ranks() -> None:
    assert spearman([1.0, 2.0, 3.0], [10.0, 100.0, 1_000.0]) == pytest.approx(1.0)
    assert spearman([1.0, 2.0, 3.0], [3.0, 2.0, 1.0]) == pytest.approx(-1.0)
    assert spearman([1.0, 2.0, 2.0, 3.0], [1.0, 2.0, 2.0, 3.0]) == pytest.approx(1.0)
    assert spearman([1.0, 2.0], [5.0, 5.0]) == 0.0


def test_the_judgements_are_correlated_with_every_score(tmp_path: Path) -> None:
    document = "The bridge of Ansan was repaired in the spring. A ferry carried people over the river meanwhile."
    summaries = {
        "The bridge of Ansan was repaired in the spring.": 5,
        "The bridge was sold.": 2,
        "Rain fell in May.": 1,
    }
    (tmp_path / "judgements").mkdir()
    for name, where in (("inside", {"document": document}), ("apart", {"document_in": "set"})):
        rows = [
            {"id": f"{name}:1", "summary": summary, "scores": {"fact": score}, **where}
            for summary, score in summaries.items()
        ]
        (tmp_path / "judgements" / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "set.jsonl").write_text(json.dumps({"id": "set:1", "documents": [{"text": document}]}))
    command = [sys.executable, "-m", "bench.judgements", "--data", str(tmp_path)]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    header, apart, inside = done.stdout.splitlines()
    assert apart.split()[1:] == inside.split()[1:]
    cells = dict(zip(header.split()[1:], inside.split()[3:], strict=True))
    assert cells["support"] == "1.00"
    assert cells["length"] == "0.87"  # two of the three have four words and share a rank
    assert set(cells) == set(scores("A bridge.", document))
