"""Real processes from end to end: batches to send, and what may be said of a run whatever happened to its process."""

import json
import re
import signal
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from tests.app import WAIT, chapters
from tests.model_server import ModelServer
from tests.service import Service as OneService
from tests.service import accepted

Json = dict[str, Any]


class Service(OneService):
    """A service that is ended and started again within one test: each of its processes closes what it opened."""

    def kill(self) -> None:
        """End it as a power cut would."""
        super().kill()
        self._close_output()

    def terminate(self) -> int:
        """Ask it to end and return its exit code."""
        code = super().terminate()
        self._close_output()
        return code

    def _close_output(self) -> None:
        if self.process.stdout is not None:
            self.process.stdout.close()


TOWNS = ("Ansan", "Busan", "Chuncheon")
NUMBER = re.compile(r"\[\d+\] ")


def story(town: str, sentences: int) -> str:
    """A text of which every sentence is told apart by a word of its own, such as qAnsan0017."""
    return " ".join(
        f"In year {number} the town of {town} counted {number * 7 + 3} boats and wrote q{town}{number:04} into its book."
        for number in range(sentences)
    )


def batch(*towns: str, sentences: int = 80, **options: Any) -> Json:
    """A batch that takes about a chunk for five sentences at 200 tokens."""
    documents = [{"id": town, "title": f"The town of {town}", "text": story(town, sentences)} for town in towns]
    return {"documents": documents, "options": {"model": "openai:fake", "strategy": "map_reduce"} | options}


def post(client: httpx.Client, body: Json) -> str:
    return accepted(client.post("/v1/runs", json=body))


def ended(client: httpx.Client, id: str) -> Json:
    """Return the run when it has ended."""
    run: Json = client.get(f"/v1/runs/{id}/wait", params={"seconds": 50}).json()
    assert run["status"] not in ("queued", "running"), run["progress"]
    return run


def result_of(run: Json) -> Json:
    """What a client keeps of a run: all but its id, its times and what it cost."""
    return {name: run[name] for name in ("status", "options", "summary", "documents", "coverage", "error", "warnings")}


def events_of(client: httpx.Client, id: str) -> list[Json]:
    """Everything that a run that has ended tells a client that comes late: each step by itself."""
    events: list[Json] = []
    for block in client.get(f"/v1/runs/{id}/stream").text.split("\n\n"):
        fields = dict(line.partition(": ")[::2] for line in block.splitlines() if ": " in line)
        if "data" in fields:
            told = told_by(fields)
            events += [{"seq": number, **event} for number, event in enumerate(told, len(events) + 1)]
            assert not told or int(fields["id"]) == len(events)
    return events


def told_by(fields: dict[str, str]) -> list[Json]:
    """What one event of a stream tells: the steps that it takes along, each by itself, and what it is about."""
    data = json.loads(fields["data"])
    steps: list[Json] = [{"type": "progress", "data": step} for step in data.pop("steps", [])]
    if fields["event"] != "progress":
        return [*steps, {"type": fields["event"], "data": data}]
    if steps:
        steps[-1]["progress"] = data["progress"]
    else:
        assert "id" not in fields
    return steps


def assert_told_once(client: httpx.Client, run: Json) -> None:
    """Assert that the events of a run are whole: no gap, no step twice, one end."""
    events = events_of(client, run["id"])
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    types = Counter(event["type"] for event in events)
    assert (types["queued"], types["planned"], types["finished"]) == (1, 1, 1)
    assert events[-1]["type"] == "finished"
    assert events[-1]["data"]["status"] == run["status"]
    steps = Counter(
        (
            event["data"]["kind"],
            event["data"]["document"],
            event["data"]["part"],
            event["data"]["start"],
            event["data"]["end"],
        )
        for event in events
        if event["type"] == "progress" and event["data"]["kind"] == "map"
    )
    assert set(steps.values()) == {1}
    assert types["progress"] == run["progress"]["total"]
    for number, event in enumerate((event for event in events if event["type"] == "progress"), 1):
        assert event.get("progress", {"done": number})["done"] == number, event


def reported_texts(data_dir: Path, id: str) -> list[str]:
    """The texts of the chunks that a run's events tell of, read while no process has the database open."""
    query = """
        SELECT substr(texts.text, json_extract(data, '$.start') + 1,
                      json_extract(data, '$.end') - json_extract(data, '$.start'))
        FROM events JOIN documents
          ON documents.run_id = events.run_id AND documents.id = json_extract(data, '$.document')
        JOIN texts ON texts.run_id = documents.run_id AND texts.position = documents.position
        WHERE events.run_id = ? AND events.type = 'progress' AND json_extract(data, '$.kind') = 'map'
    """
    with closing(sqlite3.connect(data_dir / "precis.db")) as connection:
        return [row[0] for row in connection.execute(query, [id])]


def prompts_of(server: ModelServer) -> list[str]:
    """What each call has asked, in the order of the calls, without the numbers that it gives the sentences."""
    return [NUMBER.sub("", call["messages"][-1]["content"]) for call in server.calls(20_000)]


def attempts_of(data_dir: Path) -> dict[str, int]:
    """How often each run was claimed."""
    with closing(sqlite3.connect(data_dir / "precis.db")) as connection:
        return dict(connection.execute("SELECT id, attempt FROM runs"))


def freeze(service: Service) -> bool:
    """Stop the service, unless it is writing at this moment: it would keep the lock."""
    service.process.send_signal(signal.SIGSTOP)
    for name in ("precis.db", "checkpoints.db"):
        with closing(sqlite3.connect(service.data_dir / name, timeout=0, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                service.process.send_signal(signal.SIGCONT)
                return False
    return True


def assert_goes_on(service: Service, server: ModelServer, id: str) -> None:
    """Assert that a run goes on when its service starts again and its calls are let through, and repeats none."""
    server.release()
    service.start()
    with service.client() as client:
        run = ended(client, id)
        assert run["status"] == "succeeded"
        assert_told_once(client, run)
    assert server.stats()["repeats"] == 0


def assert_works(client: httpx.Client) -> None:
    """Assert that a run of each model ends as if nothing had been."""
    for model in ("openai:fake", "embedded:extractive"):
        body = {"documents": [{"text": chapters(3, f"afterwards {model}")}], "options": {"model": model}}
        answer = client.post("/v1/runs", json=body, headers=WAIT)
        assert answer.json()["status"] == "succeeded"
