"""What happens to a run after it was accepted: list, look, wait, cancel, delete, chunks, summary."""

import json
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4

import httpx
import pytest

from graphs.evidence.marks import read_marks
from tests.app import ENGLISH, KOREAN, PROBLEM, WAIT, chapters, write_pdf
from tests.model_server import ModelServer
from tests.service import Service, accepted, wait_until

Json = dict[str, Any]

TEXT_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "hr"),
    *("em", "strong", "ul", "ol", "li", "blockquote", "pre", "code"),
}
ATTRIBUTES = {"charset", "name", "content", "lang", "class", "dir"}
HOSTILE = (
    "<script>alert('stolen')</script>",
    "<img src=http://evil.example/a.png onerror=alert(1)>",
    "<a href='javascript:alert(1)'>press</a>",
    "[press](javascript:alert(1))",
    "[press](http://evil.example)",
    "![picture](http://evil.example/a.png)",
    "<http://evil.example>",
    "[press][1]\n\n[1]: http://evil.example",
    "<iframe src=//evil.example></iframe>",
    "</body></html><svg/onload=alert(1)>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<!-- --><style>body{display:none}</style>",
    '"><script src=//evil.example></script>',
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "```html\n<script>alert(1)</script>\n```",
)


def post(client: httpx.Client, *documents: Json, **options: Any) -> Json:
    response = client.post("/v1/runs", json={"documents": documents, "options": options}, headers=WAIT)
    assert response.status_code == 200, response.text
    run: Json = response.json()
    return run


def start(client: httpx.Client, *documents: Json, **options: Any) -> str:
    """Post a batch for the model server and return the run's id."""
    body = {"documents": documents, "options": {"model": "openai:fake"} | options}
    return accepted(client.post("/v1/runs", json=body))


def get(client: httpx.Client, id: str) -> Json:
    run: Json = client.get(f"/v1/runs/{id}").json()
    return run


def new_text(chunks: int = 1) -> str:
    """A text that the ledger has not seen."""
    return chapters(chunks, f"port {uuid4().hex[:8]}")


def ids(client: httpx.Client, **query: Any) -> list[str]:
    return [run["id"] for run in client.get("/v1/runs", params=query).json()["runs"]]


@pytest.fixture
def held(client: httpx.Client, model_server: ModelServer) -> Iterator[ModelServer]:
    """The model server, which answers nothing until it is told to; runs that still wait are cancelled at the end."""
    model_server.hold()
    yield model_server
    for status in ("queued", "running"):
        for id in ids(client, status=status, limit=500):
            client.post(f"/v1/runs/{id}/cancel")


# ---------------------------------------------------------------- list and look


def test_the_list_is_newest_first_and_its_cursor_reaches_every_run_once(client: httpx.Client) -> None:
    posted = [post(client, {"text": ENGLISH})["id"] for _ in range(5)]
    assert ids(client, limit=5) == posted[::-1]
    seen: list[str] = []
    query: Json = {"limit": 2}
    while len(seen) < 5:
        page = client.get("/v1/runs", params=query).json()
        assert page["next"] in (None, page["runs"][-1]["id"])
        seen += [run["id"] for run in page["runs"]]
        query["before"] = page["next"]
    assert seen == ids(client, limit=len(seen))
    assert seen == sorted(set(seen), reverse=True)
    last = client.get("/v1/runs", params={"before": ids(client, limit=500)[-1]}).json()
    assert last == {"runs": [], "next": None}


def test_a_run_that_comes_while_pages_are_read_moves_no_page(client: httpx.Client) -> None:
    posted = [post(client, {"text": ENGLISH})["id"] for _ in range(4)]
    first = client.get("/v1/runs", params={"limit": 2}).json()
    post(client, {"text": ENGLISH})
    assert ids(client, limit=2, before=first["next"]) == posted[1::-1]


def test_the_list_tells_of_each_run_without_its_texts(client: httpx.Client) -> None:
    run = post(client, {"text": ENGLISH}, {"text": KOREAN})
    (head,) = client.get("/v1/runs", params={"limit": 1}).json()["runs"]
    assert head["documents"] == 2
    assert not {"summary", "coverage"} & set(head)
    same = ("id", "status", "created_at", "started_at", "finished_at", "options", "progress", "usage", "error")
    assert {name: head[name] for name in same} == {name: run[name] for name in same}


def test_the_list_can_be_narrowed_to_a_status(client: httpx.Client, held: ModelServer) -> None:
    done = post(client, {"text": ENGLISH})["id"]
    partial = post(client, {"text": ENGLISH}, {"text": " "})["id"]
    running = start(client, {"text": new_text()})
    wait_until(lambda: get(client, running)["status"] == "running")
    found = {status: ids(client, status=status, limit=500) for status in ("succeeded", "partial", "running", "queued")}
    assert [status for status in found if done in found[status]] == ["succeeded"]
    assert [status for status in found if partial in found[status]] == ["partial"]
    assert [status for status in found if running in found[status]] == ["running"]


def test_a_run_looks_the_same_wherever_it_is_looked_at(client: httpx.Client) -> None:
    run = post(client, {"text": ENGLISH}, {"text": KOREAN})
    assert get(client, run["id"]) == run
    assert client.get(f"/v1/runs/{run['id']}/wait").json() == run
    assert client.get(f"/v1/runs/{run['id']}/summary", headers={"Accept": "application/json"}).json() == run


def test_a_running_run_shows_its_progress(client: httpx.Client, model_server: ModelServer) -> None:
    model_server.hold(after=2)
    id = start(client, {"text": new_text(6)}, strategy="map_reduce")
    run = wait_until(lambda: (run := get(client, id))["progress"]["done"] == 2 and run)
    total = run["progress"]["total"]
    assert run["status"] == "running"
    assert run["progress"]["phase"] == "map"
    assert total > 3
    assert run["progress"]["failed"] == 0
    assert run["progress"]["eta_seconds"] >= 0
    assert run["usage"]["calls"] == 2
    assert run["documents"][0]["status"] == "running"
    assert run["summary"] is None
    model_server.release()
    ended = client.get(f"/v1/runs/{id}/wait").json()
    assert ended["progress"] == {"phase": "finished", "done": total, "total": total, "failed": 0, "eta_seconds": 0.0}


# ---------------------------------------------------------------- what it costs


def test_a_run_says_what_it_has_paid_and_what_was_remembered(client: httpx.Client, model_server: ModelServer) -> None:
    text = new_text(4)
    first = post(client, {"text": text}, model="openai:gpt-4o-mini", strategy="map_reduce")["usage"]
    assert first["calls"] == model_server.stats()["finished"]
    assert (first["remembered"], first["estimated"]) == (0, 0)
    assert first["cost_usd"] == pytest.approx((first["prompt_tokens"] * 0.15 + first["completion_tokens"] * 0.6) / 1e6)
    again = post(client, {"text": text}, model="openai:gpt-4o-mini", strategy="map_reduce")["usage"]
    assert again == dict.fromkeys(first, 0) | {"remembered": first["calls"], "cost_usd": 0.0}
    assert post(client, {"text": ENGLISH})["usage"]["cost_usd"] == 0.0
    assert post(client, {"text": new_text()}, model="openai:nobody-knows")["usage"]["cost_usd"] is None


def test_tokens_that_the_provider_does_not_state_are_said_to_be_estimated(
    client: httpx.Client, model_server: ModelServer
) -> None:
    model_server.fault("no_usage")
    usage = post(client, {"text": new_text()}, model="openai:gpt-4o-mini")["usage"]
    assert (usage["calls"], usage["estimated"]) == (1, 1)
    assert usage["prompt_tokens"] > 0


@pytest.mark.parametrize("budget", [{"calls": 3}, {"tokens": 500}, {"usd": 0.00001}])
def test_a_run_that_needs_more_than_its_budget_fails_before_the_first_call(
    budget: Json, client: httpx.Client, model_server: ModelServer
) -> None:
    options = {"model": "openai:gpt-4o-mini", "strategy": "map_reduce", "budget": budget}
    run = post(client, {"text": new_text(8)}, **options)
    assert run["status"] == "failed"
    assert run["error"]["type"] == PROBLEM + "budget-exceeded"
    assert model_server.stats()["calls"] == 0
    assert run["usage"]["calls"] == 0


def test_a_run_whose_budget_runs_out_ends_with_what_it_has(client: httpx.Client, model_server: ModelServer) -> None:
    options = {"model": "openai:gpt-4o-mini", "strategy": "map_reduce", "min_coverage": 0.1}
    text = new_text(8)
    plan = client.post("/v1/plans", json={"documents": [{"text": text}], "options": options}).json()
    for week in (12, 32, 52):
        model_server.fault("length", times=2, match=f"In week {week} ")
    run = post(client, {"text": text}, budget={"calls": plan["calls"]}, **options)
    assert run["status"] == "partial"
    assert run["summary"]["text"]
    assert "budget_spent" in run["error"]["detail"]
    assert {lost["error"] for lost in run["coverage"]["failed"]} == {"budget_spent"}
    stats = model_server.stats()
    assert stats["finished"] + stats["by_fault"]["length"] == run["usage"]["calls"] <= plan["calls"]


# ---------------------------------------------------------------- wait


def test_a_wait_answers_as_soon_as_the_run_ends(client: httpx.Client, held: ModelServer) -> None:
    id = start(client, {"text": new_text()})
    held.wait_for(lambda counts: counts["calls"] >= 1)
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(client.get, f"/v1/runs/{id}/wait", params={"seconds": 3_600}) for _ in range(5)]
        assert not any(wait.done() for wait in waiting)
        held.release()
        runs = [wait.result().json() for wait in waiting]  # before the client gives up, and long before their time
    assert [run["status"] for run in runs] == ["succeeded"] * 5


def test_a_wait_that_is_over_answers_with_the_run_as_it_is(client: httpx.Client, held: ModelServer) -> None:
    id = start(client, {"text": new_text()})
    held.wait_for(lambda counts: counts["calls"] >= 1)
    started = time.monotonic()
    run = client.get(f"/v1/runs/{id}/wait", params={"seconds": 0.5}).json()
    assert run["status"] == "running"
    assert time.monotonic() - started > 0.4
    assert client.get(f"/v1/runs/{id}/wait", params={"seconds": 0}).json()["status"] == "running"


# ---------------------------------------------------------------- cancel


def test_cancelling_a_running_run_answers_when_it_has_stopped(client: httpx.Client, model_server: ModelServer) -> None:
    model_server.hold(after=2)
    id = start(client, {"text": new_text(6)}, strategy="map_reduce")
    model_server.wait_for(lambda counts: counts["calls"] > 2)
    wait_until(lambda: get(client, id)["progress"]["done"] == 2)
    run = client.post(f"/v1/runs/{id}/cancel").json()
    assert run["status"] == "cancelled"
    assert run["finished_at"]
    assert run["error"] is None
    assert [document["status"] for document in run["documents"]] == ["cancelled"]
    calls = model_server.stats()["calls"]
    model_server.release()
    assert len(client.get(f"/v1/runs/{id}/chunks").json()["chunks"]) == 2
    assert client.get(f"/v1/runs/{id}/wait", params={"seconds": 1}).json() == run
    assert post(client, {"text": new_text()}, model="openai:fake")["status"] == "succeeded"
    assert model_server.stats()["calls"] == calls + 1  # those of the new run alone


def test_cancelling_a_queued_run_ends_it_without_a_call(client: httpx.Client, held: ModelServer) -> None:
    running = [start(client, {"text": new_text()}) for _ in range(8)]  # as many as are driven at once
    wait_until(lambda: {get(client, id)["status"] for id in running} == {"running"})
    held.wait_for(lambda counts: counts["calls"] >= 8)
    queued = start(client, {"text": "This text waits in vain for its turn. " + new_text()})
    assert get(client, queued)["status"] == "queued"
    run = client.post(f"/v1/runs/{queued}/cancel").json()
    assert run["status"] == "cancelled"
    assert run["started_at"] is None
    assert [document["status"] for document in run["documents"]] == ["cancelled"]
    held.release()
    assert {client.get(f"/v1/runs/{id}/wait").json()["status"] for id in running} == {"succeeded"}
    assert not any("waits in vain" in json.dumps(call["messages"]) for call in held.calls())
    assert get(client, queued) == run


def test_cancelling_twice_or_after_the_end_changes_nothing(client: httpx.Client, held: ModelServer) -> None:
    done = post(client, {"text": ENGLISH})
    assert client.post(f"/v1/runs/{done['id']}/cancel").json() == done
    id = start(client, {"text": new_text()})
    held.wait_for(lambda counts: counts["calls"] >= 1)
    with ThreadPoolExecutor() as pool:
        first, second = pool.map(client.post, [f"/v1/runs/{id}/cancel"] * 2)
    assert first.json() == second.json() == get(client, id)
    assert first.json()["status"] == "cancelled"


# ---------------------------------------------------------------- delete


def rows_of(service: Service, id: str) -> dict[str, int]:
    """How many rows belong to a run, by table; of the ledger, those that its events name."""
    with closing(sqlite3.connect(service.data_dir / "precis.db")) as database:
        keys = "SELECT call_key FROM events WHERE run_id = ?"
        counts = {
            "runs": database.execute("SELECT count(*) FROM runs WHERE id = ?", [id]),
            "documents": database.execute("SELECT count(*) FROM documents WHERE run_id = ?", [id]),
            "events": database.execute("SELECT count(*) FROM events WHERE run_id = ?", [id]),
            "calls": database.execute(f"SELECT count(*) FROM calls WHERE key IN ({keys})", [id]),
        }
        return {table: cursor.fetchone()[0] for table, cursor in counts.items()}


def call_keys(service: Service, id: str) -> set[str]:
    query = "SELECT call_key FROM events WHERE run_id = ? AND call_key IS NOT NULL"
    with closing(sqlite3.connect(service.data_dir / "precis.db")) as database:
        return {key for (key,) in database.execute(query, [id])}


def kept_calls(service: Service, keys: set[str]) -> set[str]:
    with closing(sqlite3.connect(service.data_dir / "precis.db")) as database:
        return keys & {key for (key,) in database.execute("SELECT key FROM calls")}


def test_deleting_a_run_frees_all_of_its_rows(client: httpx.Client, shared_service: Service) -> None:
    id = post(client, {"text": new_text(4)}, {"text": KOREAN + new_text()}, strategy="map_reduce")["id"]
    keys = call_keys(shared_service, id)
    assert len(keys) > 3
    assert all(rows_of(shared_service, id).values())
    assert kept_calls(shared_service, keys) == keys
    response = client.delete(f"/v1/runs/{id}")
    assert response.status_code == 204
    assert response.content == b""
    assert set(rows_of(shared_service, id).values()) == {0}
    assert kept_calls(shared_service, keys) == set()
    with closing(sqlite3.connect(shared_service.data_dir / "checkpoints.db")) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in {"checkpoints", "writes"} & set(tables):
            assert database.execute(f"SELECT count(*) FROM {table} WHERE thread_id = ?", [id]).fetchone() == (0,)
    assert id not in ids(client, limit=500)
    for method, path in [("GET", ""), ("GET", "/wait"), ("GET", "/summary"), ("POST", "/cancel"), ("DELETE", "")]:
        gone = client.request(method, f"/v1/runs/{id}{path}")
        assert gone.status_code == 404
        assert gone.json()["type"] == PROBLEM + "run-not-found"


def test_deleting_a_run_keeps_the_calls_that_another_run_uses(client: httpx.Client, shared_service: Service) -> None:
    shared, own = {"text": new_text(2)}, {"text": new_text(2)}
    first = post(client, shared, own, model="openai:fake")["id"]
    second = post(client, shared, model="openai:fake")
    assert second["usage"] == second["usage"] | {"calls": 0, "remembered": 1}
    theirs, both = call_keys(shared_service, second["id"]), call_keys(shared_service, first)
    assert theirs < both
    client.delete(f"/v1/runs/{first}")
    assert kept_calls(shared_service, both) == theirs
    (chunk,) = client.get(f"/v1/runs/{second['id']}/chunks").json()["chunks"]
    assert chunk["text"]
    assert get(client, second["id"]) == second


def test_a_run_under_way_cannot_be_deleted(client: httpx.Client, held: ModelServer, shared_service: Service) -> None:
    id = start(client, {"text": new_text()})
    response = client.delete(f"/v1/runs/{id}")
    assert response.status_code == 409
    assert response.json()["type"] == PROBLEM + "run-is-active"
    assert rows_of(shared_service, id)["documents"] == 1
    client.post(f"/v1/runs/{id}/cancel")
    assert client.delete(f"/v1/runs/{id}").status_code == 204


# ---------------------------------------------------------------- chunks


def test_the_chunks_cover_the_document_and_say_what_each_says(client: httpx.Client) -> None:
    text = new_text(6)
    run = post(client, {"id": "a", "text": text}, {"id": "b", "text": KOREAN}, strategy="map_reduce")
    chunks = client.get(f"/v1/runs/{run['id']}/chunks").json()["chunks"]
    first = sorted((chunk for chunk in chunks if chunk["document"] == "a"), key=lambda chunk: int(chunk["part"]))
    assert [chunk["part"] for chunk in first] == list(range(run["documents"][0]["chunks"]))
    assert len(first) > 3
    assert all(chunk["status"] == "succeeded" for chunk in chunks)
    assert all(chunk["text"] for chunk in chunks)
    assert all(chunk["seconds"] >= 0 and chunk["error"] is None and not chunk["remembered"] for chunk in first)
    ends = [0, *[chunk["end"] for chunk in first]]
    for end, chunk in zip(ends, first, strict=False):
        assert not text[end : chunk["start"]].strip()
        assert end <= chunk["start"] < chunk["end"]
    assert not text[ends[-1] :].strip()
    assert [chunk["document"] for chunk in chunks if chunk["document"] == "b"] == ["b"]


def test_a_failed_chunk_is_told_with_its_error_and_the_run_says_what_it_lacks(
    client: httpx.Client, model_server: ModelServer
) -> None:
    mark = uuid4().hex
    text = new_text(8) + f"\n\nThe book {mark} was lost in the fire. Nobody has read the book {mark} since."
    model_server.fault("content_filter", times=-1, match=mark)
    run = post(client, {"id": "a", "text": text}, model="openai:fake", strategy="map_reduce", min_coverage=0.5)
    (failed,) = [
        chunk for chunk in client.get(f"/v1/runs/{run['id']}/chunks").json()["chunks"] if chunk["status"] == "failed"
    ]
    assert failed["text"] is None
    assert failed["error"] == "answer_filtered"
    assert failed["message"]
    assert mark in text[failed["start"] : failed["end"]]
    assert run["status"] == "partial"
    assert run["error"]["type"] == PROBLEM + "incomplete"
    span = {"document": "a", "start": failed["start"], "end": failed["end"], "error": "answer_filtered"}
    assert run["coverage"]["failed"] == [span]
    assert run["coverage"]["summarised"] == run["coverage"]["characters"] - (failed["end"] - failed["start"])
    assert run["documents"][0]["failed_chunks"] == 1
    assert run["summary"]["text"]
    assert run["progress"]["failed"] == 1


def test_a_batch_with_a_failed_document_has_its_summary_and_names_the_document(
    client: httpx.Client, model_server: ModelServer
) -> None:
    mark = uuid4().hex
    model_server.fault("refusal", times=-1, match=f"The lost book {mark}\n")
    documents = [{"title": f"Harbour {place}", "text": new_text(4)} for place in range(2)]
    lost = {"title": f"The lost book {mark}", "text": new_text(4)}
    run = post(client, *documents, lost, model="openai:fake", min_coverage=0.3)
    assert (run["status"], run["error"]["type"]) == ("partial", PROBLEM + "incomplete")
    assert [document["status"] for document in run["documents"]] == ["succeeded", "succeeded", "failed"]
    assert f"Without a summary: The lost book {mark}." in run["error"]["detail"]
    assert run["summary"]["text"]


def test_a_run_that_covers_too_little_fails_and_has_no_answer_called_a_summary(
    client: httpx.Client, model_server: ModelServer
) -> None:
    mark = uuid4().hex
    model_server.fault("refusal", times=-1, match=mark)
    run = post(client, {"text": f"{ENGLISH} The number of the book is {mark}."}, model="openai:fake")
    assert run["status"] == "failed"
    assert run["error"]["type"] == PROBLEM + "incomplete"
    assert run["summary"] is None
    assert run["documents"][0]["error"]["type"] == PROBLEM + "summary-failed"
    response = client.get(f"/v1/runs/{run['id']}/summary")
    assert response.status_code == 409
    assert response.json()["type"] == PROBLEM + "run-not-finished"


def test_a_key_that_is_refused_stops_the_run_and_says_so(client: httpx.Client, model_server: ModelServer) -> None:
    model_server.fault("401", times=-1)
    run = post(client, {"text": new_text(8)}, model="openai:fake", strategy="map_reduce")
    assert run["status"] == "failed"
    assert run["error"]["type"] == PROBLEM + "model-stopped"
    assert run["error"]["code"] == "unauthorized"


# ---------------------------------------------------------------- summary


class Page(HTMLParser):
    """The tags and attributes of a page, and its text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.tags.add("comment")


def read_summary(client: httpx.Client, id: str, accept: str = "") -> httpx.Response:
    return client.get(f"/v1/runs/{id}/summary", headers={"Accept": accept})


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/markdown; charset=utf-8"),
        ("*/*", "text/markdown; charset=utf-8"),
        ("image/png", "text/markdown; charset=utf-8"),
        ("text/markdown", "text/markdown; charset=utf-8"),
        ("text/html", "text/html; charset=utf-8"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html; charset=utf-8"),
        ("application/json", "application/json"),
        ("application/json, text/html;q=0.5", "application/json"),
        ("text/html;q=0.1, application/json;q=0.9", "application/json"),
    ],
)
def test_the_summary_has_the_form_that_is_asked_for(client: httpx.Client, accept: str, kind: str) -> None:
    run = post(client, {"title": "The harbour", "text": ENGLISH}, {"title": "항구", "text": KOREAN})
    response = read_summary(client, run["id"], accept)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == kind


def test_markdown_holds_the_summary_of_the_batch_and_of_each_document(client: httpx.Client) -> None:
    run = post(client, {"title": "The harbour", "text": ENGLISH}, {"title": "항구", "text": KOREAN}, {"text": " "})
    markdown = read_summary(client, run["id"]).text
    parts = ["# Summary", *[sentence["text"] for sentence in run["summary"]["sentences"]]]
    parts += ["## The harbour", run["documents"][0]["summary"]["text"]]
    parts += ["## 항구", run["documents"][1]["summary"]["text"], "## 3"]
    place = 0
    for part in parts:
        place = markdown.index(part, place) + len(part)
    assert "1 of the documents could not be read" in markdown
    assert "The document holds no words" in markdown


def test_a_run_that_has_not_ended_has_no_summary_yet(client: httpx.Client, held: ModelServer) -> None:
    id = start(client, {"text": new_text()})
    response = read_summary(client, id)
    assert response.status_code == 409
    assert response.json()["type"] == PROBLEM + "run-not-finished"
    client.post(f"/v1/runs/{id}/cancel")
    assert read_summary(client, id).status_code == 409


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_titles_and_texts_become_no_script_link_or_image(client: httpx.Client, hostile: str) -> None:
    title = hostile.replace("\n", " ")
    text = f"The harbour of Ansan says {hostile} to its ships. {ENGLISH}"
    pdf = write_pdf([ENGLISH.replace(". ", ".\n")], title=title)
    documents = [{"title": title, "text": text}, {"title": title, "text": f"{hostile} ends this text."}, {"text": " "}]
    summaries = [post(client, *documents, words=400)["id"]]
    files = [("files", (f"{title}.pdf".replace("/", "-"), pdf)), ("files", ("a.md", text.encode()))]
    summaries.append(client.post("/v1/runs", files=files, headers=WAIT).json()["id"])
    for id in summaries:
        response = read_summary(client, id, "text/html")
        page = Page(response.text)
        assert page.tags <= TEXT_TAGS
        assert page.attributes <= ATTRIBUTES
        assert response.text.count("</html>") == response.text.count("<body>") == 1
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy


def test_a_model_that_answers_with_markup_gets_none_of_it_into_the_page(
    client: httpx.Client, model_server: ModelServer
) -> None:
    said = "# Big\n\n**Bold** and " + " ".join(HOSTILE)
    model_server.fault("say", times=-1, content=said)
    run = post(client, {"text": new_text(3), "title": "![x](http://evil.example)"}, model="openai:fake")
    assert run["summary"]["text"] == read_marks(said).text
    page = Page(read_summary(client, run["id"], "text/html").text)
    assert page.tags <= TEXT_TAGS
    assert page.attributes <= ATTRIBUTES
    assert "strong" in page.tags
    assert "alert('stolen')" in page.text  # as text: nothing is hidden from the reader


def test_a_hostile_title_is_not_taken_for_markdown(client: httpx.Client) -> None:
    title = "# *Ansan* [press](http://evil.example) <script> ![a](b) `c`"
    run = post(client, {"title": title, "text": ENGLISH}, {"text": KOREAN})
    page = Page(read_summary(client, run["id"], "text/html").text)
    assert title in page.text
    assert not page.tags & {"em", "code", "a", "img", "script"}


def test_the_list_is_searched_by_the_titles_of_documents(client: httpx.Client) -> None:
    name = f"100%_{uuid4().hex[:8]}"
    documents = [{"title": "Cover letter", "text": ENGLISH}, {"title": f"Report {name} Ä", "text": KOREAN}]
    id = client.post("/v1/runs", json={"documents": documents}, headers=WAIT).json()["id"]
    for search in (name, name.upper(), f"report {name[:6]}"):
        found = client.get("/v1/runs", params={"search": search}).json()["runs"]
        assert [(run["id"], run["title"], run["documents"]) for run in found] == [(id, "Cover letter", 2)]
    assert client.get("/v1/runs", params={"search": name.replace("_", "%")}).json()["runs"] == []
    assert client.get("/v1/runs", params={"search": name, "status": "failed"}).json()["runs"] == []
