"""The examples run with graphs/ alone, and the README's picture is the compiled graph's."""

import json
from pathlib import Path

import pytest

from tests.graphs.test_alone import python
from tests.model_server import ROOT, ModelServer

SCRIPT = "import runpy, sys; sys.argv = {arguments!r}; runpy.run_path({path!r}, run_name='__main__')"
# A notebook's cells one after the other, with `await` at their top as in a notebook.
NOTEBOOK = """
import ast, asyncio, inspect, json
from pathlib import Path

async def run(cells):
    names = {{"__name__": "__main__"}}
    for number, cell in enumerate(cells):
        made = eval(compile(cell, f"cell {{number}}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
        if inspect.isawaitable(made):
            await made

notebook = json.loads(Path({path!r}).read_text())
asyncio.run(run(["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]))
"""


def script(*arguments: str, **environment: str) -> str:
    path = str(ROOT / "examples" / "summarize_folder.py")
    return python(SCRIPT.format(arguments=[path, *arguments], path=path), ROOT, **environment)


def test_the_script_summarises_a_folder_and_says_where_each_sentence_stands(tmp_path: Path) -> None:
    text = " ".join(f"The keeper of lamp {n} saw ship {n} come in before noon." for n in range(40))
    (tmp_path / "lamps.txt").write_text(text)
    (tmp_path / "notes.md").write_text("# Notes\n\n" + text.replace("keeper", "painter"))
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8")
    (tmp_path / "other.txt").write_bytes("문화에 관한 국민의 권리".encode("euc-kr"))  # passed over: it would be garbled
    *sentences, _, last = script(str(tmp_path), "--length", "short").splitlines()
    assert last.startswith("succeeded, ")
    assert len(sentences) > 2
    for sentence in sentences:
        quote, _, place = sentence.rpartition("  [")
        name, _, span = place.rstrip("]").partition(":")
        start, end = map(int, span.split("-"))
        assert (tmp_path / name).read_text()[start:end] == quote


def test_the_script_asks_a_chat_model_where_one_is_named(tmp_path: Path, model_server: ModelServer) -> None:
    (tmp_path / "a.txt").write_text("The keeper of the lamp saw a ship. " * 30)
    environment = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": model_server.base_url, "NO_PROXY": "127.0.0.1"}
    printed = script(str(tmp_path), "--model", "openai:fake", **environment)
    assert "succeeded, " in printed
    assert model_server.stats()["calls"] > 0


def test_every_cell_of_the_notebook_runs() -> None:
    path = ROOT / "examples" / "summarize.ipynb"
    notebook = json.loads(path.read_text())
    assert all(cell.get("outputs", []) == [] for cell in notebook["cells"])  # it is kept without results
    printed = python(NOTEBOOK.format(path=str(path)))
    assert "succeeded" in printed
    assert "graph LR" in printed


def test_a_cell_that_fails_would_fail_this_test(tmp_path: Path) -> None:
    cells = [{"cell_type": "code", "source": ["await nothing()"]}]
    (tmp_path / "broken.ipynb").write_text(json.dumps({"cells": cells}))
    with pytest.raises(AssertionError, match="name 'nothing' is not defined"):
        python(NOTEBOOK.format(path=str(tmp_path / "broken.ipynb")))


def test_the_picture_in_the_readme_is_drawn_from_the_compiled_graph() -> None:
    drawn = python("from graphs.summarize.drawing import drawing; print(drawing())")
    assert f"```mermaid\n{drawn}```\n" in (ROOT / "README.md").read_text()
    for arrow in (
        "start((start)) --> plan",
        "plan -.-> section",
        "section_map_chunk[map_chunk] --> section_join[join]",
    ):
        assert f"  {arrow}\n" in drawn
