"""The graph runs without the service: no HTTP, no database, no settings library is needed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.model_server import ROOT, ModelServer

CONFIG = ROOT / "graphs" / "langgraph.json"

# Whoever imports one of these fails.
GUARD = """
import sys

FORBIDDEN = {"app", "migrations", "tests", "fastapi", "starlette", "sqlalchemy", "alembic", "uvicorn", "pydantic_settings"}

class Guard:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in FORBIDDEN:
            raise ModuleNotFoundError(f"{name} is forbidden here")

sys.meta_path.insert(0, Guard())
"""
RUN = """
import asyncio, json
from graphs.summarize import graph

text = " ".join(f"The keeper of lamp {n} saw ship {n} come in before noon." for n in range(80))
given = {"documents": [{"text": text}, {"text": "등대지기는 정오 전에 배가 들어오는 것을 보았다. 날씨는 맑았다."}]}
print(json.dumps([asyncio.run(graph.ainvoke(given, context=context)) for context in CONTEXTS]))
"""
# As LangGraph's server loads a graph: from the file that the configuration names.
LOAD = """
import importlib.util, json

config = json.load(open("graphs/langgraph.json"))
for path, name in (address.split(":") for address in config["graphs"].values()):
    spec = importlib.util.spec_from_file_location("loaded", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    graph = getattr(module, name)
    print(json.dumps([type(graph).__name__, sorted(graph.get_graph().nodes), graph.get_context_jsonschema()]))
"""


def python(code: str, cwd: Path = ROOT, **environment: str) -> str:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "PRECIS_", "LANG"))}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", GUARD + code],
        cwd=cwd,
        env=own | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    return done.stdout


def test_the_guard_of_this_test_catches_a_forbidden_import() -> None:
    with pytest.raises(AssertionError, match="fastapi is forbidden here"):
        python("import fastapi")


def test_the_graph_runs_alone_with_options_alone(tmp_path: Path) -> None:
    outputs = json.loads(python(RUN.replace("CONTEXTS", '[{"length": "short"}, {}]'), cwd=tmp_path))
    assert outputs[0]["summary"]["words"] < outputs[1]["summary"]["words"]
    for output in outputs:
        assert output["status"] == "succeeded"
        assert [result["language"] for result in output["results"]] == ["en", "ko"]
    assert list(tmp_path.iterdir()) == []  # it leaves nothing behind


def test_the_graph_alone_asks_the_model_that_the_environment_names(tmp_path: Path, model_server: ModelServer) -> None:
    code = RUN.replace("CONTEXTS", '[{"model": "openai:fake"}]')
    (output,) = json.loads(
        python(code, cwd=tmp_path, OPENAI_API_KEY="test", OPENAI_BASE_URL=model_server.base_url, NO_PROXY="127.0.0.1")
    )
    assert output["status"] == "succeeded"
    assert model_server.stats()["finished"] == output["usage"]["calls"] == 2  # the other document is its own summary


def test_the_configuration_of_langgraph_names_an_importable_graph() -> None:
    assert set(json.loads(CONFIG.read_text())["graphs"]) == {"summarize"}
    kind, nodes, schema = json.loads(python(LOAD))
    assert kind == "CompiledStateGraph"
    assert {"plan", "section", "gather", "collapse", "reduce", "finish"} <= set(nodes)
    # What Studio shows as a form: options, and no resource of the service.
    assert {"model", "language", "length", "focus"} <= set(schema["properties"])
    assert not {"calls", "documents", "chat", "report"} & set(schema["properties"])
