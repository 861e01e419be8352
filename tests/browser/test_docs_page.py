"""The docs page in a real browser, with no network but the service itself."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, Request, Route, expect, sync_playwright

from tests.service import Service

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
FLAGS += ["--disable-sync", "--no-first-run"]
HEIGHT = 900

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"no browser: {CHROMIUM} is not there (tests/install_chromium.sh installs it as root)"
)


class Watched:
    """A page and everything that went wrong in it."""

    def __init__(self, page: Page, base_url: str) -> None:
        self.page = page
        self.base_url = base_url
        self.wrong: list[str] = []
        page.on("console", lambda said: self.wrong.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("requestfailed", lambda request: self.wrong.append(f"failed: {request.url}"))
        page.on("response", lambda answer: self.wrong.append(answer.url) if answer.status >= 400 else None)
        page.route("**/*", self._stay_here)

    def is_here(self, request: Request) -> bool:
        return request.url.startswith((f"{self.base_url}/", "data:", "blob:"))

    def _stay_here(self, route: Route, request: Request) -> None:
        if self.is_here(request):
            route.continue_()
        else:
            self.wrong.append(f"left the service: {request.url}")
            route.abort()


@pytest.fixture(params=[1280, 390])
def watched(request: pytest.FixtureRequest, shared_service: Service) -> Iterator[Watched]:
    """A page of a desktop's width, then of a phone's."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": request.param, "height": HEIGHT})
        yield Watched(page, shared_service.base_url)
        browser.close()


def has_sideways_scroll(page: Page) -> bool:
    width: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return width > 0


def test_the_docs_page_renders_without_an_error_and_without_the_network(watched: Watched, tmp_path: Path) -> None:
    page = watched.page
    page.goto(f"{watched.base_url}/")
    expect(page).to_have_url(f"{watched.base_url}/docs")
    expect(page).to_have_title("Precis")
    expect(page.locator("h1", has_text="Precis")).to_be_visible()
    expect(page.locator(".opblock").first).to_be_visible()
    for section in ("runs", "plans", "models", "health"):
        expect(page.locator(f"#operations-tag-{section}")).to_be_visible()
    operations = httpx.get(f"{watched.base_url}/openapi.json", trust_env=False).json()["paths"].values()
    expect(page.locator(".opblock")).to_have_count(sum(len(methods) for methods in operations))
    expect(page.get_by_text("No operations defined in spec!")).to_have_count(0)
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    assert not has_sideways_scroll(page)
    assert watched.wrong == []


def test_the_example_of_the_docs_page_is_executed_and_becomes_a_run(
    watched: Watched, client: httpx.Client, tmp_path: Path
) -> None:
    page = watched.page
    page.goto(f"{watched.base_url}/docs")
    operation = page.locator(".opblock-post", has=page.locator('[data-path="/v1/runs"]'))
    operation.locator(".opblock-summary-control").click()
    try_it = operation.get_by_role("button", name="Try it out")
    execute = operation.get_by_role("button", name="Execute")
    expect(try_it.or_(execute).first).to_be_visible()
    if try_it.is_visible():
        try_it.click()
    expect(operation.locator("textarea.body-param__text")).to_contain_text("The harbour of Ansan was opened to ships")
    page.screenshot(path=tmp_path / "open.png")
    with page.expect_response(lambda answer: answer.url.endswith("/v1/runs")) as answered:
        execute.click()
    assert answered.value.status == 202
    assert answered.value.request.headers["content-type"] == "application/json"
    status = operation.locator(".live-responses-table .response .response-col_status")
    expect(status).to_have_text("202")
    status.scroll_into_view_if_needed()
    page.screenshot(path=tmp_path / "executed.png")
    assert not has_sideways_scroll(page)
    assert watched.wrong == []
    run = client.get(f"/v1/runs/{answered.value.json()['id']}/wait").json()
    assert run["status"] == "succeeded"
    assert [document["title"] for document in run["documents"]] == ["The harbour of Ansan", "안산 항구"]
