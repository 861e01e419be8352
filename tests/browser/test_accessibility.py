"""People who see, hear, point or type in other ways use the page too: axe-core finds nothing serious, and the keyboard
reaches everything.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.app import ENGLISH, KOREAN, WAIT, chapters
from tests.browser.test_page import new_text, start
from tests.browser.watched import WIDTHS, Watched, new_context
from tests.model_server import ModelServer
from tests.service import Service

PACKAGE = find_spec("axe_playwright_python")  # carries axe-core (MPL-2.0) as one file
SERIOUS = ("serious", "critical")
LONG = 60_000  # milliseconds that a run may take on a busy machine

needs_axe = pytest.mark.skipif(
    PACKAGE is None, reason="axe-playwright-python is not installed: it is among the dev extras"
)


@pytest.fixture(scope="module")
def axe() -> str:
    assert PACKAGE is not None
    assert PACKAGE.origin is not None
    return (Path(PACKAGE.origin).parent / "axe.min.js").read_text()


@pytest.fixture(params=[(width, scheme) for width in WIDTHS for scheme in ("light", "dark")], ids=str)
def page(request: pytest.FixtureRequest, browser: Browser, shared_service: Service) -> Iterator[Page]:
    width, scheme = request.param
    context = new_context(browser, width, color_scheme=scheme, locale="en-US")
    yield Watched(context.new_page(), shared_service.base_url).open()
    context.close()


def findings(page: Page, axe: str) -> list[str]:
    """What axe-core calls serious or critical in what is shown now."""
    page.evaluate(axe)
    found: dict[str, Any] = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    return [
        f"{rule['id']}: {node['html'][:200]} {node['failureSummary']}"
        for rule in found["violations"]
        if rule["impact"] in SERIOUS
        for node in rule["nodes"]
    ]


@needs_axe
def test_axe_finds_nothing_serious_where_a_batch_is_put_together(page: Page, axe: str) -> None:
    page.get_by_text("More options").click()
    page.get_by_text("Paste a text").click()
    page.get_by_role("button", name="Try an example").click()
    expect(page.locator(".planned tbody tr")).to_have_count(2, timeout=LONG)
    expect(page.locator(".plan")).not_to_have_attribute("aria-busy", "true")
    assert findings(page, axe) == []
    page.set_input_files("#files", FilePayload(name="a.zip", mimeType="", buffer=b"PK\x03\x04"))
    expect(page.locator(".planned .wrong")).to_be_visible()
    expect(page.locator(".plan")).not_to_have_attribute("aria-busy", "true")
    assert findings(page, axe) == []


@needs_axe
def test_axe_finds_nothing_serious_in_a_run(
    page: Page, axe: str, client: httpx.Client, model_server: ModelServer, shared_service: Service
) -> None:
    model_server.fault("content_filter", times=-1, match="Chapter 2 ")
    model_server.hold(after=4)
    documents = [{"title": "Harbour", "text": chapters(4, "axe")}, {"title": "항구", "text": KOREAN}]
    options = {"model": "openai:fake", "strategy": "map_reduce", "min_coverage": 0.3}
    id = client.post("/v1/runs", json={"documents": documents, "options": options}).json()["id"]
    page.goto(f"{shared_service.base_url}/#/runs/{id}")
    expect(page.locator("canvas")).to_be_visible()
    assert findings(page, axe) == []
    model_server.release()
    expect(page.locator(".run-head .status")).to_have_text("Incomplete", timeout=LONG)
    page.locator(".failed-calls button").first.click()
    expect(page.locator(".passage mark")).not_to_be_empty()
    assert findings(page, axe) == []


@needs_axe
def test_axe_finds_nothing_serious_in_a_summary_and_the_list(
    page: Page, axe: str, client: httpx.Client, shared_service: Service
) -> None:
    body = {"documents": [{"title": "Harbour", "text": ENGLISH}, {"title": "항구", "text": KOREAN}]}
    id = client.post("/v1/runs", json=body, headers=WAIT).json()["id"]
    page.goto(f"{shared_service.base_url}/#/runs/{id}")
    page.locator(".summary .scores > summary").click()
    expect(page.locator("[data-score=support]").first).not_to_be_empty()
    page.locator(".cite").first.click()
    expect(page.locator(".passage mark")).not_to_be_empty()
    page.locator(".menu > summary", has_text="Delete").click()
    assert findings(page, axe) == []
    page.goto(f"{shared_service.base_url}/#/runs")
    expect(page.locator(".runs a").first).to_be_visible()
    assert findings(page, axe) == []


@needs_axe
def test_axe_finds_nothing_serious_while_a_summary_is_written(
    page: Page, axe: str, client: httpx.Client, model_server: ModelServer, shared_service: Service
) -> None:
    model_server.hold()
    model_server.fault("pause", times=-1)
    id = start(client, new_text(1), strategy="single")
    page.goto(f"{shared_service.base_url}/#/runs/{id}")
    expect(page.locator(".writing .prose")).not_to_be_empty(timeout=LONG)
    found = findings(page, axe)
    model_server.release()
    assert found == []


@needs_axe
def test_axe_finds_nothing_serious_on_the_docs_page(page: Page, axe: str, shared_service: Service) -> None:
    page.goto(f"{shared_service.base_url}/docs")
    is_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    page.locator(".opblock-post .opblock-summary-control").first.click()
    expect(page.locator("textarea.body-param__text")).to_be_visible()
    background = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert (background == "rgb(28, 32, 34)") == is_dark
    assert findings(page, axe) == []


def test_the_keyboard_alone_goes_from_an_example_to_a_source(browser: Browser, shared_service: Service) -> None:
    context = new_context(browser, WIDTHS[0], locale="en-US")
    page = Watched(context.new_page(), shared_service.base_url).open()
    expect(page.locator(".options")).to_be_visible()

    def tab_to(name: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            focused = page.evaluate("document.activeElement.ariaLabel || document.activeElement.innerText || ''")
            if focused.strip().startswith(name):
                return
        raise AssertionError(f"Tab does not reach {name!r}")

    tab_to("Skip to the content")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    tab_to("Try an example")
    page.keyboard.press("Enter")
    tab_to("Summarise")
    page.keyboard.press("Enter")
    expect(page.locator(".run-head .status")).to_have_text("Done", timeout=LONG)
    tab_to("Source 1")
    page.keyboard.press("Enter")
    expect(page.locator(".passage h2")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".cite").first).to_be_focused()
    context.close()
