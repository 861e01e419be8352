"""The docs page in a real browser, with no network but the service itself."""

from pathlib import Path

import httpx
from playwright.sync_api import expect

from tests.browser.watched import Watched, has_sideways_scroll


def test_the_docs_page_renders_without_an_error_and_without_the_network(watched: Watched, tmp_path: Path) -> None:
    page = watched.page
    page.goto(f"{watched.base_url}/docs")
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
