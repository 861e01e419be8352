"""The page through reloads, restarts and ten thousand chunks."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.watched import WIDTHS, Watched, new_context
from tests.e2e import Service, batch, ended, post
from tests.model_server import ModelServer
from tests.service import free_port

LONG = 60_000  # milliseconds that a run may take on a busy machine
CALM_MILLISECONDS = 200  # that the page's thread may be busy at a time
LONG_TASKS = """
window.busy = [];
new PerformanceObserver((list) => window.busy.push(...list.getEntries().map((task) => task.duration)))
    .observe({ type: "longtask", buffered: true });
"""


@pytest.fixture
def window(browser: Browser) -> Iterator[Any]:
    context = new_context(browser, WIDTHS[0], locale="en-US")
    yield context
    context.close()


def label(done: int | str, total: int | str) -> re.Pattern[str]:
    return re.compile(f"^Map of all chunks: {done} of {total} calls")


def test_a_reload_in_the_middle_shows_the_same_picture(window: Any, tmp_path: Path, model_server: ModelServer) -> None:
    settings = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": model_server.base_url, "chunk_tokens": 200}
    model_server.hold(after=7)
    with Service(tmp_path / "data", **settings) as service, service.client() as client:
        id = post(client, batch("Ansan", "Busan"))
        watched = Watched(window.new_page(), service.base_url)
        page = watched.open(f"runs/{id}")
        picture = page.locator("canvas")
        expect(picture).to_have_attribute("aria-label", label(7, r"\d+"), timeout=LONG)
        before = picture.get_attribute("aria-label")
        page.reload()
        expect(picture).to_have_attribute("aria-label", str(before), timeout=LONG)
        model_server.release()
        expect(page.locator(".run-head .status")).to_have_text("Done", timeout=LONG)
        total = client.get(f"/v1/runs/{id}").json()["progress"]["total"]
        expect(picture).to_have_attribute("aria-label", label(total, total))
        page.reload()
        expect(picture).to_have_attribute("aria-label", label(total, total))
        assert watched.wrong == []


@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_a_restart_in_the_middle_continues_the_picture(
    window: Any, tmp_path: Path, model_server: ModelServer, end: str
) -> None:
    settings: dict[str, Any] = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": model_server.base_url, "chunk_tokens": 200}
    settings["port"] = free_port()  # the page knows the service by it
    service = Service(tmp_path / "data", **settings)
    model_server.hold(after=7)
    with service:
        with service.client() as client:
            id = post(client, batch("Ansan", "Busan"))
        page = window.new_page()
        page.goto(f"{service.base_url}/#/runs/{id}")
        picture = page.locator("canvas")
        expect(picture).to_have_attribute("aria-label", label(7, r"\d+"), timeout=LONG)
        getattr(service, end)()
        expect(page.locator(".notice")).not_to_be_empty(timeout=LONG)
        again = Service(tmp_path / "data", **settings)
        with again, again.client() as client:
            assert again.base_url == service.base_url
            model_server.release()
            run = ended(client, id)
            total = run["progress"]["total"]
            expect(picture).to_have_attribute("aria-label", label(total, total), timeout=LONG)
            expect(page.locator(".run-head .status")).to_have_text("Done", timeout=LONG)
            expect(page.locator(".notice")).to_be_empty()


def drive(window: Any, tmp_path: Path, model_server: ModelServer, chunks: int) -> list[float]:
    """Watch a run of so many chunks to its end; return how long the page's thread was busy at a time, at worst
    first, in milliseconds.
    """
    settings = {
        "OPENAI_API_KEY": "test",
        "OPENAI_BASE_URL": model_server.base_url,
        "chunk_tokens": 100,
        "concurrency": 64,
    }
    with Service(tmp_path / "data", **settings) as service, service.client() as client:
        body = batch(*[f"Town{number}" for number in range(40)], sentences=chunks // 40 * 3 + 5)
        plan = client.post("/v1/plans", json=body).json()
        assert plan["maps"] >= chunks
        watched = Watched(window.new_page(), service.base_url)
        watched.page.add_init_script(LONG_TASKS)
        page = watched.open()
        id = post(client, body)
        page.goto(f"{service.base_url}/#/runs/{id}")
        picture = page.locator("canvas")
        expect(picture).to_have_attribute("aria-label", label(r"[\d,]+", f"{plan['calls']:,}"), timeout=LONG)
        picture.focus()
        picture.hover()
        expect(page.locator(".run-head .status")).to_have_text("Done", timeout=200_000)
        expect(picture).to_have_attribute("aria-label", label(f"{plan['calls']:,}", f"{plan['calls']:,}"), timeout=LONG)
        page.keyboard.press("Home")
        expect(page.locator(".under")).to_contain_text(re.compile("^The town of Town0, chunk 1 of [0-9]+: was read$"))
        page.screenshot(path=tmp_path / "many.png", full_page=True)
        assert watched.wrong == []
        return sorted(page.evaluate("window.busy"), reverse=True)


def test_a_run_of_many_documents_is_drawn_to_its_last_chunk(
    window: Any, tmp_path: Path, model_server: ModelServer
) -> None:
    drive(window, tmp_path, model_server, 1_000)


@pytest.mark.soak
def test_ten_thousand_chunks_never_keep_the_page_busy_for_long(
    window: Any, tmp_path: Path, model_server: ModelServer
) -> None:
    busy = drive(window, tmp_path, model_server, 10_000)
    print(f"longest tasks of the page, in ms: {busy[:5]}")
    assert max(busy, default=0) <= CALM_MILLISECONDS
