"""A run that is tried again from its page."""

import re
from uuid import uuid4

import httpx
from playwright.sync_api import expect

from tests.app import ENGLISH, WAIT, chapters
from tests.browser.watched import Watched
from tests.model_server import ModelServer

LONG = 60_000  # milliseconds that a run may take on a busy machine


def test_what_is_missing_is_tried_again_from_the_page(
    watched: Watched, client: httpx.Client, model_server: ModelServer
) -> None:
    model_server.fault("content_filter", times=-1, match="Chapter 2 ")
    documents = [{"title": "Harbour", "text": chapters(6, f"port {uuid4().hex[:8]}")}]
    options = {"model": "openai:fake", "strategy": "map_reduce", "min_coverage": 0.5}
    id = client.post("/v1/runs", json={"documents": documents, "options": options}).json()["id"]
    page = watched.open(f"runs/{id}")
    status = page.locator(".run-head .status")
    expect(status).to_have_text("Incomplete", timeout=LONG)
    expect(page.locator(".failed-calls li")).not_to_have_count(0)
    model_server.clear_faults()
    page.get_by_role("button", name="Try again what is missing").click()
    expect(status).to_have_text("Done", timeout=LONG)
    expect(page.locator(".problem")).to_have_count(0)
    expect(page.locator(".failed-calls li")).to_have_count(0)
    total = client.get(f"/v1/runs/{id}").json()["progress"]["total"]
    whole = re.compile(f"^Map of all chunks: {total} of {total} calls ended, 0 failed")
    expect(page.locator("canvas")).to_have_attribute("aria-label", whole)
    page.reload()
    expect(page.locator("canvas")).to_have_attribute("aria-label", whole)
    expect(page.locator(".progress .facts")).to_contain_text(f"{total} of {total} calls")
    assert watched.wrong == []


def test_files_that_cannot_be_read_are_told_and_nothing_is_to_be_tried_again(
    watched: Watched, client: httpx.Client
) -> None:
    files = [("files", ("harbour.txt", ENGLISH.encode())), ("files", ("torn.pdf", b"%PDF-1.7 and no more"))]
    run = client.post("/v1/runs", files=files, data={"options": "{}"}, headers=WAIT).json()
    assert run["status"] == "partial"
    page = watched.open(f"runs/{run['id']}")
    expect(page.locator(".run-head .status")).to_have_text("Incomplete")
    expect(page.locator(".problem.is-partial")).to_contain_text("Not all of the files can be read.")
    expect(page.locator(".documents").last).to_contain_text("torn.pdf")
    expect(page.get_by_role("button", name="Try again what is missing")).to_have_count(0)
    assert watched.wrong == []
