"""Documents are hostile: whatever stands in their names, titles and texts is shown as text and does nothing."""

from typing import Any

import httpx
import pytest
from playwright.sync_api import FilePayload, expect

from tests.app import ENGLISH, WAIT
from tests.browser.watched import Watched, has_sideways_scroll

ATTACKS = (
    "<script>alert({n})</script>",
    "<img src=x onerror=alert({n})>",
    "<img src=http://evil.example/{n}.png>",
    "<svg onload=alert({n})>",
    "<iframe src=http://evil.example/{n}></iframe>",
    "<a href=javascript:alert({n})>press me</a>",
    "[press me](javascript:alert({n}))",
    "![seen](http://evil.example/{n}.png)",
    "<http://evil.example/{n}>",
    "</bdi></main><base href=http://evil.example/{n}>",
    "<style>body{{display:none}}</style>{n}",
    "<meta http-equiv=refresh content=0;url=http://evil.example/{n}>",
    "<form action=http://evil.example/{n}><button>send</button></form>",
    "<object data=http://evil.example/{n}></object>",
    "&lt;script&gt;alert({n})&lt;/script&gt;",
    "\u202egnp.exe.{n}",
    "{{{{constructor.constructor('alert({n})')()}}}}",
    "'-alert({n})-'",
    "__proto__{n}",
    "\ue0000;\ue0010; private {n}",
)
FOREIGN = "script, img, svg, iframe, object, embed, link, base, meta, style, form:not(.options), video, audio"


def attacks() -> list[str]:
    return [attack.format(n=number) for number in range(5) for attack in ATTACKS]


def foreign(watched: Watched) -> list[str]:
    """The elements inside of the page's content that the page itself never makes."""
    found: list[str] = watched.page.evaluate(
        "(kinds) => [...document.querySelectorAll(`main :is(${kinds})`)].map((one) => one.outerHTML)", FOREIGN
    )
    links: list[str] = watched.page.evaluate(
        "[...document.querySelectorAll('main a')].map((link) => link.getAttribute('href'))"
    )
    return found + [link for link in links if not link.startswith("#/")]


def test_a_hundred_hostile_names_and_texts_do_nothing(watched: Watched, client: httpx.Client) -> None:
    files: list[FilePayload] = [
        {
            "name": attack.replace("/", "\u2215"),  # a browser takes a slash for a folder's
            "mimeType": "text/plain",
            "buffer": f"{attack} is what this harbour is called. **{attack}** came in 19{number:02}. {ENGLISH}".encode(),
        }
        for number, attack in enumerate(attacks())
    ]
    page = watched.open()
    page.set_input_files("#files", files)
    expect(page.locator(".planned tbody tr")).to_have_count(30, timeout=60_000)
    assert foreign(watched) == []
    page.get_by_role("button", name="Summarise", exact=True).click()
    expect(page.locator(".run-head .status")).to_have_text("Done", timeout=120_000)
    page.get_by_role("button", name="Show more").click()
    page.get_by_role("button", name="Show more").click()
    expect(page.locator(".document-list > li")).to_have_count(100)
    page.evaluate("document.querySelectorAll('.document-list details').forEach((one) => (one.open = true))")
    expect(page.locator(".document-list .cite").last).to_be_attached()
    page.locator(".document-list .cite").first.click()
    expect(page.locator(".passage mark")).not_to_be_empty()
    shown = page.locator("main").inner_text()
    assert "<img src=x onerror=alert(1)>" in shown
    assert foreign(watched) == []
    assert not has_sideways_scroll(page)
    page.goto(f"{watched.base_url}/#/runs")
    expect(page.locator(".runs a").first).to_contain_text("<script>alert(0)<")
    assert foreign(watched) == []
    assert watched.wrong == []


@pytest.mark.parametrize("part", ["text", "sentence", "title"])
def test_summaries_that_a_model_would_write_are_rendered_without_harm(wide: Watched, part: str) -> None:
    page = wide.open()
    for attack in attacks()[: len(ATTACKS)]:
        values = {"text": "A harbour.", "sentence": "A harbour.", "title": "Book"} | {part: attack}
        text = values["text"] if part == "text" else values["sentence"]
        summary: dict[str, Any] = {
            "text": f"# {text}\n\n- {text}\n- **{text}**\n\n> {text}\n\n{text}",
            "sentences": [{"text": text, "citations": [{"document": "a", "start": 0, "end": 9}], "unsupported": ["a"]}],
        }
        shown = page.evaluate(
            """async ({ summary, title }) => {
                const { summaryView } = await import("/page/summary.js");
                const { Sources } = await import("/page/sources.js");
                const { fill } = await import("/page/dom.js");
                const main = document.getElementById("main");
                fill(main, summaryView(summary, new Sources("r", new Map([["a", title]]))));
                return main.innerText;
            }""",
            {"summary": summary, "title": values["title"]},
        )
        assert shown.strip()
        assert foreign(wide) == []
    assert wide.wrong == []


def test_the_page_forbids_scripts_styles_and_requests_from_anywhere_else(client: httpx.Client) -> None:
    for path in ("/", "/page/main.js", "/page/style.css"):
        headers = client.get(path).headers
        policy = dict(rule.strip().partition(" ")[::2] for rule in headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
        assert headers["X-Content-Type-Options"] == "nosniff"
    assert client.get("/page/nothing.js").json()["type"] == "urn:precis:problem:page-not-found"
    assert client.get("/page/..%2fmain.py").status_code == 404


def test_markdown_is_read_as_markdown_and_the_rest_as_text(wide: Watched) -> None:
    page = wide.open()
    text = (
        "# Head **one**\n\nA *soft* and **hard** `code *x*` line \\*as it is\\* with 2 * 3 * 4 and snake_case_name.\n"
        "Goes on.\n\n- one\n- two\n  goes on\n\n3. three\n4. four\n\n> said\n\n---\n\n[link](http://x.example) **open"
    )
    html = page.evaluate(
        """async (text) => {
            const { markdown } = await import("/page/markdown.js");
            const main = document.getElementById("main");
            main.replaceChildren(markdown(text));
            return main.innerHTML.replaceAll(' dir="auto"', "");
        }""",
        text,
    )
    assert html == (
        "<h3>Head <strong>one</strong></h3><p>A <em>soft</em> and <strong>hard</strong> <code>code *x*</code> line *as it "
        "is* with 2 * 3 * 4 and snake_case_name.\nGoes on.</p><ul><li>one</li><li>two goes on</li></ul>"
        '<ol start="3"><li>three</li><li>four</li></ol><blockquote>said</blockquote><hr>'
        "<p>[link](http://x.example) **open</p>"
    )
    assert wide.wrong == []


def test_ids_and_titles_of_any_kind_lead_to_their_passages(wide: Watched, client: httpx.Client) -> None:
    names = ["..", "a/b?c#d&e=f", "한글 %2F 😀", "__proto__", "constructor"]
    documents = [{"id": name, "title": name, "text": f"😀😀 {ENGLISH} {name}"} for name in names]
    id = client.post("/v1/runs", json={"documents": documents}, headers=WAIT).json()["id"]
    run = client.get(f"/v1/runs/{id}").json()
    page = wide.open(f"runs/{id}")
    expect(page.locator(".document-list > li")).to_have_count(len(names))
    page.evaluate("document.querySelectorAll('.document-list details').forEach((one) => (one.open = true))")
    for number, document in enumerate(run["documents"]):
        page.locator(".document-list > li").nth(number).locator(".cite").first.click()
        expect(page.locator(".passage-of strong")).to_have_text(document["title"])
        quote = document["summary"]["sentences"][0]["citations"][0]["quote"]
        expect(page.locator(".passage mark")).to_have_text(quote)
    assert wide.wrong == []
