"""What an operator reads of runs in the log."""

import re
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
