"""What an operator reads of runs in the log."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.app import WAIT, chapters
from tests.model_server import ModelServer
from tests.service import Service, accepted


def test_the_log_says_of_each_run_how_it_ended_and_what_it_cost(tmp_path: Path, model_server: ModelServer) -> None:
    settings = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": model_server.base_url, "chunk_tokens": 200}
    options = {"model": "openai:fake", "strategy": "map_reduce"}
    with Service(tmp_path / "data", log_level="info", **settings) as service, service.client() as client:

        def post(text: str, **headers: str) -> str:
            body = {"documents": [{"text": text}], "options": options}
            return accepted(client.post("/v1/runs", json=body, headers=headers))

        text = chapters(3, "the log")
        ids = {"succeeded": post(text, **WAIT), "again": post(text, **WAIT)}
        calls = client.get(f"/v1/runs/{ids['succeeded']}").json()["usage"]["calls"]
        model_server.hold()
        ids["cancelled"] = post(chapters(3, "another log"))
        model_server.wait_for(lambda counts: counts["held"] > 0)
        client.post(f"/v1/runs/{ids['cancelled']}/cancel")
        model_server.release()
        model_server.fault("401", times=-1)
        ids["failed"] = post(chapters(3, "a third log"), **WAIT)
        log = service.log_path.read_text()

    def ended(name: str, status: str) -> str:
        found = re.findall(rf"run {ids[name]}: {status} [\d.]+ s after it came in; (.+)", log)
        assert len(found) == 1, log
        return str(found[0])

    assert calls > 1
    assert ended("succeeded", "succeeded") == f"{calls} calls paid, 0 remembered"
    assert ended("again", "succeeded") == f"0 calls paid, {calls} remembered"
    assert re.fullmatch(r"\d+ calls paid, 0 remembered", ended("cancelled", "cancelled"))
    assert re.fullmatch(r"\d+ calls paid, 0 remembered", ended("failed", "failed"))


def test_a_first_start_says_which_steps_made_the_database_and_nothing_else_of_its_libraries(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PRECIS_")}
    environment |= {"PRECIS_DATA_DIR": str(tmp_path / "data"), "PRECIS_PORT": "0"}
    # A process of its own: those of `Service` have loaded the libraries before anything is logged.
    command = [str(Path(sys.executable).parent / "precis"), "serve"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert "ready" in process.stdout.readline()
        process.terminate()
        log = process.communicate(timeout=60)[1].splitlines()
    others = [line for line in log if " INFO alembic" in line]
    assert others
    assert [line for line in others if "alembic.runtime.migration: Running upgrade" not in line] == []
