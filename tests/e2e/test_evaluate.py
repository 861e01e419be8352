"""`precis evaluate` as a process: models and lengths compared on documents that have references."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from app.evaluation import Contender, contenders_of, find_cases
from app.plot import Bar, draw_bars
from tests.e2e import story
from tests.forks import run_precis
from tests.model_server import ROOT, ModelServer

Evaluate = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def evaluate(tmp_path: Path, model_server: ModelServer) -> Evaluate:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PRECIS_", "OPENAI_"))}
    environment = own | {
        "PRECIS_DATA_DIR": str(tmp_path / "data"),
        "PRECIS_MODEL": "embedded:extractive",
        "OPENAI_API_KEY": "test",
        "OPENAI_BASE_URL": model_server.base_url,
    }

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return run_precis("evaluate", *arguments, env=environment, cwd=ROOT)

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two cases: a document with two references, and two documents with one."""
    cases = tmp_path / "cases"
    (cases / "towns").mkdir(parents=True)
    (cases / "ansan.txt").write_text(story("Ansan", 30))
    (cases / "ansan.reference.txt").write_text(
        "In year 0 the town of Ansan counted 3 boats and wrote it into its book."
    )
    (cases / "ansan.reference.2.txt").write_text("Every year the town of Ansan counts its boats.")
    (cases / "towns" / "busan.txt").write_text(story("Busan", 20))
    (cases / "towns" / "daegu.txt").write_text(story("Daegu", 20))
    (cases / "towns" / "reference.txt").write_text(
        "Busan and Daegu count their boats every year and keep a book of them."
    )
    (cases / "notes.txt").write_text("A document without a reference.")
    return cases


def rows(output: str) -> dict[str, list[str]]:
    """The figures of each contender by its title."""
    table = [re.split(r"\s{2,}", line.strip()) for line in output.splitlines()]
    return {cells[0]: cells[1:] for cells in table if len(cells) == 10 and cells[-1].isdigit()}


def test_models_and_lengths_are_rows_of_a_table(evaluate: Evaluate, folder: Path, model_server: ModelServer) -> None:
    options = ("--model", "embedded:extractive", "--model", "openai:fake", "--words", 20, "--words", 60)
    done = evaluate(folder, *options)
    assert done.returncode == 0, done.stderr
    found = rows(done.stdout)
    titles = [f"{model}, {words} words" for model in ("embedded:extractive", "openai:fake") for words in (20, 60)]
    assert list(found) == titles
    for cells in found.values():
        assert cells[-1] == "2"
        assert 0 < float(cells[1]) < float(cells[0]) < 100
    assert "ROUGE tells how much of the wording" in done.stdout
    assert model_server.stats()["calls"] > 0


def test_what_was_paid_for_is_not_paid_for_again(evaluate: Evaluate, folder: Path, model_server: ModelServer) -> None:
    first = evaluate(folder, "--model", "openai:fake")
    paid = model_server.stats()["calls"]
    second = evaluate(folder, "--model", "openai:fake")
    assert model_server.stats()["calls"] == paid > 0
    assert list(rows(first.stdout)) == list(rows(second.stdout)) == ["openai:fake, as long as the references"]


def test_the_plot_is_a_picture_with_a_bar_for_each_contender(evaluate: Evaluate, folder: Path, tmp_path: Path) -> None:
    plot = tmp_path / "plot.svg"
    done = evaluate(folder, "--words", 20, "--words", 60, "--plot", plot)
    assert done.returncode == 0, done.stderr
    drawn = ET.parse(plot).getroot()
    assert drawn.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(drawn.findall("{*}rect")) == 3  # the ground and two bars
    assert "default model, 20 words" in "".join(drawn.itertext())


def test_a_document_that_cannot_be_read_is_told_and_the_others_are_compared(evaluate: Evaluate, folder: Path) -> None:
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    (folder / "broken.reference.txt").write_text("What it would have said.")
    done = evaluate(folder)
    assert done.returncode == 3
    assert "broken.pdf" in done.stderr
    ((*_, finished),) = rows(done.stdout).values()
    assert finished == "2"


def test_a_model_that_cannot_be_is_told(evaluate: Evaluate, folder: Path) -> None:
    done = evaluate(folder, "--model", "nobody:model")
    assert done.returncode == 1
    assert "precis:" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_without_references_is_wrong_usage(evaluate: Evaluate, tmp_path: Path) -> None:
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "a.txt").write_text("A document.")
    done = evaluate(tmp_path / "alone")
    assert done.returncode == 2
    assert "a.reference.txt" in done.stderr


def test_cases_are_documents_and_folders_with_references(folder: Path) -> None:
    ansan, towns = find_cases(folder)
    assert (ansan.name, len(ansan.references)) == ("ansan.txt", 2)
    assert [path.name for path in towns.paths] == ["busan.txt", "daegu.txt"]


def test_every_model_is_compared_with_every_length() -> None:
    assert contenders_of([], []) == [Contender(None, None)]
    assert len(contenders_of(["a", "b"], [50, 100, 200])) == 6


def test_names_in_a_plot_are_escaped_and_cut() -> None:
    drawn = draw_bars("a & b", [Bar("<" + "x" * 80, 10.0, 5.0, 15.0)])
    texts = [element.text or "" for element in ET.fromstring(drawn).iter() if (element.text or "").strip()]
    assert texts[0] == "a & b"
    assert any(text.startswith("<xxx") and text.endswith("…") for text in texts)
