"""Runs are listed, looked at and waited for, and say what they cost."""

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import pytest

from app.api.showing import counts_of
from app.store.models import Run, Status
from tests.app import ENGLISH, KOREAN, PROBLEM, WAIT
from tests.app.runs import Json, get, ids, new_text, post, start
from tests.model_server import ModelServer
from tests.service import wait_until


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


def test_the_list_is_searched_by_the_titles_of_documents(client: httpx.Client) -> None:
    name = f"100%_{uuid4().hex[:8]}"
    documents = [{"title": "Cover letter", "text": ENGLISH}, {"title": f"Report {name} Ä", "text": KOREAN}]
    id = client.post("/v1/runs", json={"documents": documents}, headers=WAIT).json()["id"]
    for search in (name, name.upper(), f"report {name[:6]}"):
        found = client.get("/v1/runs", params={"search": search}).json()["runs"]
        assert [(run["id"], run["title"], run["documents"]) for run in found] == [(id, "Cover letter", 2)]
    assert client.get("/v1/runs", params={"search": name.replace("_", "%")}).json()["runs"] == []
    assert client.get("/v1/runs", params={"search": name, "status": "failed"}).json()["runs"] == []


@pytest.mark.parametrize(("status", "phase"), [(Status.QUEUED, "queued"), (Status.RUNNING, "plan")])
def test_a_run_that_has_begun_and_told_nothing_yet_is_being_planned(status: Status, phase: str) -> None:
    run = Run(id="run", status=status, progress={}, usage={})
    assert counts_of(run)["progress"]["phase"] == phase
