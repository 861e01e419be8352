"""The web page in a real browser: the whole way from files to a cited passage, and what it does when things go wrong."""

import json
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, FilePayload, Locator, Page, expect

from tests.app import ENGLISH, KOREAN, WAIT, chapters, write_pdf
from tests.browser.watched import WIDTHS, Watched, has_sideways_scroll, new_context
from tests.model_server import ModelServer
from tests.service import Service, accepted

Json = dict[str, Any]

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
FILES = ["judicial-nominations-report.pdf", "constitution-of-korea.txt", "orphans-of-the-void.txt"]
LONG = 60_000  # milliseconds that a run may take on a busy machine


def upload(name: str, content: str | bytes) -> FilePayload:
    data = content.encode() if isinstance(content, str) else content
    return {"name": name, "mimeType": "text/plain", "buffer": data}


def start(client: httpx.Client, *texts: str, **options: Any) -> str:
    """Post a batch for the model server and return the run's id."""
    documents = [
        {"id": str(number), "title": f"Harbour {number}", "text": text} for number, text in enumerate(texts, 1)
    ]
    body = {"documents": documents, "options": {"model": "openai:fake", "strategy": "map_reduce"} | options}
    return accepted(client.post("/v1/runs", json=body))


def new_text(chunks: int) -> str:
    """A text that the ledger has not seen."""
    return chapters(chunks, f"port {uuid4().hex[:8]}")


def status(page: Page) -> Locator:
    return page.locator(".run-head .status")


def test_three_files_become_summaries_whose_citations_show_their_passages(watched: Watched, tmp_path: Path) -> None:
    page = watched.open()
    page.set_input_files("#files", [SAMPLES / name for name in FILES])
    expect(page.locator(".files li")).to_have_count(3)
    expect(page.locator(".planned tbody tr")).to_have_count(3, timeout=LONG)
    expect(page.locator(".planned tbody tr").nth(1)).to_contain_text("Korean")
    expect(page.locator(".figures")).to_contain_text("Model calls")
    assert not has_sideways_scroll(page)
    page.screenshot(path=tmp_path / "plan.png", full_page=True)
    page.get_by_role("button", name="Summarise", exact=True).click()
    expect(status(page)).to_have_text("Done", timeout=LONG)
    run_id = page.url.rpartition("/")[2]
    run = httpx.get(f"{watched.base_url}/v1/runs/{run_id}", trust_env=False).json()
    paged = [cited for sentence in run["summary"]["sentences"] for cited in sentence["citations"] if cited["page"]]
    assert paged
    expect(page.locator(".summary")).to_contain_text(run["summary"]["sentences"][0]["text"])
    titles = {document["id"]: document["title"] for document in run["documents"]}
    cited = [sentence["citations"][0]["document"] for sentence in run["summary"]["sentences"]]
    expect(page.locator(".summary h3")).to_have_text([titles[id] for id in dict.fromkeys(cited)])
    cite = page.locator(".summary .cite").first
    expect(cite).to_have_attribute("aria-label", f"Source 1: {run['documents'][0]['title']}, page {paged[0]['page']}")
    cite.click()
    passage = page.locator(".passage")
    expect(passage.locator("mark")).to_have_text(" ".join(paged[0]["quote"].split()))
    expect(passage).to_contain_text(f"Page {paged[0]['page']}")
    expect(passage.locator("h2")).to_be_focused()
    page.screenshot(path=tmp_path / "passage.png")
    page.get_by_role("button", name="Next source").click()
    expect(passage.locator("h2")).to_have_text("Source 2")
    page.keyboard.press("Escape")
    expect(passage).to_be_hidden()
    expect(cite).to_be_focused()
    expect(page.locator(".document-list > li")).to_have_count(3)
    expect(page.locator(".document-list .covered").first).to_contain_text("of the text was summarised")
    assert not has_sideways_scroll(page)
    page.screenshot(path=tmp_path / "done.png", full_page=True)
    assert watched.wrong == []


def test_a_pasted_text_is_summarised_with_the_options_that_were_chosen(watched: Watched, client: httpx.Client) -> None:
    page = watched.open()
    page.get_by_text("Paste a text").click()
    page.get_by_label("Text", exact=True).fill(ENGLISH)
    page.get_by_label("Title").fill("The harbour")
    page.get_by_role("button", name="Add this text").click()
    page.get_by_label("Short", exact=True).check()
    page.get_by_text("More options").click()
    page.get_by_label("Exact length in words").fill("25")
    page.get_by_label("Calls at most").fill("9")
    expect(page.locator(".planned tbody th")).to_have_text("The harbour")
    page.get_by_role("button", name="Summarise", exact=True).click()
    expect(status(page)).to_have_text("Done", timeout=LONG)
    run = client.get(f"/v1/runs/{page.url.rpartition('/')[2]}").json()
    assert (run["options"]["length"], run["options"]["words"], run["options"]["budget"]["calls"]) == ("short", 25, 9)
    assert run["documents"][0]["title"] == "The harbour"
    assert watched.wrong == []


def test_every_option_of_the_service_has_a_control(wide: Watched, client: httpx.Client) -> None:
    schema = client.get("/openapi.json").json()["components"]["schemas"]["Options"]
    page = wide.open()
    page.get_by_text("More options").click()
    shown = page.locator(".options").inner_text()
    words = page.evaluate("import('/page/english.js').then(module => module.english)")
    for name in schema["properties"]:
        assert words.get(f"option_{name}", name) in shown


@pytest.mark.parametrize("language", ["english", "korean"])
def test_every_phase_and_status_of_a_run_has_its_words(language: str, wide: Watched, client: httpx.Client) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    words = wide.open().evaluate(f"import('/page/{language}.js').then(module => module.{language})")
    phases, statuses = schemas["ProgressOut"]["properties"]["phase"]["enum"], schemas["Status"]["enum"]
    assert [name for name in phases if not words.get(f"phase_{name}")] == []
    assert [name for name in statuses if not words.get(f"status_{name}")] == []


def test_an_option_that_is_newer_than_the_page_appears_by_itself(wide: Watched) -> None:
    schema = {
        "tone": {
            "enum": ["calm", "bright"],
            "type": "string",
            "default": "calm",
            "description": "How it sounds. More.",
        },
        "pages": {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 9}, {"type": "null"}], "default": None},
        "deep": {"type": "boolean", "default": False},
        "labels": {"type": "array", "items": {"type": "string"}, "default": []},
        "limits": {"$ref": "#/components/schemas/Limits"},
    }
    page = wide.open()
    values = page.evaluate(
        """async (properties) => {
            const { OptionsForm } = await import("/page/options.js");
            const limits = { type: "object", properties: { low: { type: "number", default: 1 } } };
            const schemas = { Options: { properties }, Limits: limits };
            const form = new OptionsForm({ components: { schemas } }, [], () => {});
            document.getElementById("main").replaceChildren(form.element);
            const before = form.values();
            form.element.querySelector("details").open = true;
            window.form = form;
            return before;
        }""",
        schema,
    )
    assert values == {}
    page.get_by_label("bright").check()
    page.get_by_label("pages").fill("3")
    page.get_by_label("deep").check()
    page.get_by_label("labels").fill("one\n\n two ")
    page.get_by_label("low").fill("0.5")
    expect(page.locator(".options")).to_contain_text("How it sounds.")
    expected = {"tone": "bright", "pages": 3, "deep": True, "labels": ["one", "two"], "limits": {"low": 0.5}}
    assert page.evaluate("window.form.values()") == expected


def test_the_picture_fills_as_calls_finish_and_the_summaries_come_one_by_one(
    watched: Watched, client: httpx.Client, model_server: ModelServer, tmp_path: Path
) -> None:
    model_server.hold(after=9)
    id = start(client, new_text(6), new_text(6), new_text(6))
    page = watched.open(f"runs/{id}")
    expect(status(page)).to_have_text("At work")
    picture = page.locator("canvas")
    expect(picture).to_have_attribute("aria-label", re.compile("^Map of all chunks: 9 of "), timeout=LONG)
    expect(page.locator(".progress .facts")).to_contain_text("calls at the model")
    assert drawn(page, "--cell-done") >= 6
    assert drawn(page, "--cell") >= 6
    page.screenshot(path=tmp_path / "work.png", full_page=True)
    model_server.hold(after=client.get(f"/v1/runs/{id}").json()["progress"]["total"] - 9 - 1)  # all but the last merge
    first = page.locator(".document-list > li").first
    expect(first.locator(".status")).to_have_text("Done", timeout=LONG)
    expect(first.locator(".prose")).to_contain_text("port")
    model_server.release()
    expect(status(page)).to_have_text("Done", timeout=LONG)
    assert drawn(page, "--cell") == 0
    assert watched.wrong == []


def drawn(page: Page, colour: str) -> int:
    """How many chunks' cells have this colour, as the canvas itself shows."""
    found: int = page.evaluate(
        """async (name) => {
            await new Promise(requestAnimationFrame);
            const shown = document.querySelector("canvas");
            const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
            const rgb = (colour) => { probe.fillStyle = colour; probe.fillRect(0, 0, 1, 1); return probe.getImageData(0, 0, 1, 1).data.slice(0, 3).join(); };
            const wanted = rgb(getComputedStyle(shown).getPropertyValue(name).trim());
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [shown.width, shown.height];
            const pen = canvas.getContext("2d", { willReadFrequently: true });
            pen.drawImage(shown, 0, 0);
            const { data, width, height } = pen.getImageData(0, 0, canvas.width, canvas.height);
            const is = (x, y) => x >= 0 && y >= 0 && data.slice((y * width + x) * 4, (y * width + x) * 4 + 3).join() === wanted;
            let cells = 0;
            for (let y = 0; y < height; y += 1)
                for (let x = 0; x < width; x += 1)
                    if (is(x, y) && !is(x - 1, y) && !is(x, y - 1) && !is(x + 1, y - 1)) cells += 1;
            return cells;
        }""",
        colour,
    )
    return found


def test_failed_chunks_are_named_and_open_their_text(
    watched: Watched, client: httpx.Client, model_server: ModelServer, tmp_path: Path
) -> None:
    model_server.fault("content_filter", times=-1, match="Chapter 2 ")
    id = start(client, new_text(6), min_coverage=0.5)
    page = watched.open(f"runs/{id}")
    expect(status(page)).to_have_text("Incomplete", timeout=LONG)
    expect(page.locator(".problem.is-partial")).to_contain_text("The summaries do not rest on all of the text.")
    expect(page.locator(".covered")).to_contain_text("failed")
    failed = page.locator(".failed-calls li button").first
    expect(failed).to_contain_text("chunk")
    failed.click()
    expect(page.locator(".passage mark")).to_contain_text("Chapter 2 ")
    expect(page.locator(".passage .wrong")).not_to_be_empty()
    page.screenshot(path=tmp_path / "failed.png", full_page=True)
    expect(page.get_by_role("button", name="Try again what is missing")).to_be_visible()
    assert watched.wrong == []


def test_a_chunk_is_found_with_the_keyboard_alone(
    wide: Watched, client: httpx.Client, model_server: ModelServer
) -> None:
    id = start(client, new_text(5))
    page = wide.open(f"runs/{id}")
    expect(status(page)).to_have_text("Done", timeout=LONG)
    expect(page.locator("canvas")).to_be_visible()
    page.locator("canvas").focus()
    page.keyboard.press("ArrowRight")
    (document,) = client.get(f"/v1/runs/{id}").json()["documents"]
    chunks = document["chunks"]  # it depends on the text, which is another one each time
    expect(page.locator(".under")).to_have_text(f"Harbour 1, chunk 1 of {chunks}: was read")
    page.keyboard.press("End")
    expect(page.locator(".under")).to_have_text(f"Harbour 1, chunk {chunks} of {chunks}: was read")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page.locator(".passage h2")).to_have_text(f"chunk {chunks - 1} of {chunks}")
    expect(page.locator(".passage mark")).to_contain_text("the keeper of port")
    expect(page.locator(".partial")).to_contain_text("What was written of it")
    page.keyboard.press("Escape")
    expect(page.locator("canvas")).to_be_focused()
    assert wide.wrong == []


def test_a_page_that_moves_below_a_resting_pointer_takes_nothing_from_the_keyboard(
    wide: Watched, client: httpx.Client, model_server: ModelServer
) -> None:
    page = wide.open(f"runs/{start(client, new_text(5))}")
    expect(status(page)).to_have_text("Done", timeout=LONG)
    canvas, told = page.locator("canvas"), page.locator(".under")
    canvas.hover(position={"x": 5, "y": 5})
    canvas.focus()
    page.keyboard.press("Home")
    expect(told).to_contain_text("chunk 1 of")
    # As a browser tells of it, at a time of its own choice: the pointer rests, the canvas has gone from below it or
    # has come back.
    canvas.evaluate(
        """(canvas) => {
            const { x, y } = canvas.getBoundingClientRect();
            for (const type of ["pointerleave", "pointermove"]) {
                canvas.dispatchEvent(new PointerEvent(type, { clientX: x + 5, clientY: y + 5 }));
            }
        }"""
    )
    expect(told).to_contain_text("chunk 1 of")
    canvas.hover(position={"x": 1, "y": 1})
    expect(told).to_be_empty()
    assert wide.wrong == []


def test_a_run_is_cancelled_and_deleted_from_its_page(
    wide: Watched, client: httpx.Client, model_server: ModelServer
) -> None:
    model_server.hold(after=1)
    id = start(client, new_text(4))
    page = wide.open(f"runs/{id}")
    page.get_by_role("button", name="Cancel").click()
    expect(status(page)).to_have_text("Cancelled", timeout=LONG)
    expect(page.get_by_role("button", name="Try again what is missing")).to_be_visible()
    page.locator(".menu > summary", has_text="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("h1")).to_have_text("Runs")
    assert client.get(f"/v1/runs/{id}").status_code == 404
    assert wide.wrong == []


def test_a_summary_is_copied_and_downloaded_in_every_form(
    browser: Browser, shared_service: Service, client: httpx.Client
) -> None:
    id = client.post("/v1/runs", json={"documents": [{"title": "A/B: 항구?", "text": ENGLISH}]}, headers=WAIT).json()[
        "id"
    ]
    context = new_context(browser, WIDTHS[0], locale="en-US", permissions=["clipboard-read", "clipboard-write"])
    watched = Watched(context.new_page(), shared_service.base_url)
    page = watched.open(f"runs/{id}")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    text = client.get(f"/v1/runs/{id}/summary").text
    assert page.evaluate("navigator.clipboard.readText()") == text
    got = {}
    for form in ("Markdown", "HTML", "Word", "JSON"):
        page.locator(".menu > summary", has_text="Download").click()
        with page.expect_download() as download:
            page.get_by_role("button", name=form).click()
        got[download.value.suggested_filename] = Path(download.value.path()).read_bytes().decode(errors="replace")
    assert set(got) == {f"A B 항구 - Summary.{ending}" for ending in ("md", "html", "docx", "json")}
    cited = client.get(f"/v1/runs/{id}/summary?citations=footnotes").text
    assert got["A B 항구 - Summary.md"] == cited != text
    assert '<h2 dir="auto">Sources</h2>' in got["A B 항구 - Summary.html"]
    assert got["A B 항구 - Summary.docx"].startswith("PK")
    assert json.loads(got["A B 항구 - Summary.json"])["id"] == id
    assert watched.wrong == []
    context.close()


def test_the_list_is_searched_and_filtered(watched: Watched, client: httpx.Client) -> None:
    name = f"Lighthouse {uuid4().hex[:6]}"
    body = {"documents": [{"title": name, "text": ENGLISH}, {"title": "Other", "text": KOREAN}]}
    id = client.post("/v1/runs", json=body, headers=WAIT).json()["id"]
    page = watched.open("runs")
    expect(page.locator(".runs a").first).to_contain_text(name)
    page.get_by_label("Search titles").fill(name[:14].lower())
    expect(page.locator(".runs a")).to_have_count(1)
    page.get_by_label("All statuses").select_option("failed")
    expect(page.locator(".runs")).to_have_text("No run fits.")
    page.get_by_label("All statuses").select_option("succeeded")
    page.locator(".runs a").click()
    expect(page.locator("h1")).to_have_text(f"{name} and 1 more")
    assert page.url.endswith(id)
    assert not has_sideways_scroll(page)
    assert watched.wrong == []


def test_problems_are_told_in_words_that_help(wide: Watched) -> None:
    page = wide.open()
    page.set_input_files("#files", [upload("a.docx", b"PK\x03\x04rest")])
    problem = page.locator(".problem")
    expect(problem).to_contain_text("Files of this kind are not read.")
    expect(problem).to_contain_text("Save it as text, Markdown, HTML or PDF.")
    page.set_input_files("#files", [upload("b.txt", ENGLISH), upload("c.pdf", b"%PDF-1.7 no")])
    expect(page.locator(".planned tbody tr")).to_have_count(3)
    expect(page.locator(".planned .wrong").first).to_contain_text("Files of this kind are not read.")
    expect(page.locator(".planned .wrong").last).to_contain_text("The PDF is damaged.")
    page.get_by_role("button", name="Summarise", exact=True).click()
    expect(status(page)).to_have_text("Incomplete", timeout=LONG)
    expect(page.locator(".document-list .problem").first).to_contain_text("Files of this kind are not read.")
    page.goto(f"{wide.base_url}/#/runs/nobody")
    expect(page.locator(".problem")).to_contain_text("There is no such run.")


def test_the_page_speaks_korean_to_a_korean_browser(browser: Browser, shared_service: Service) -> None:
    context = new_context(browser, WIDTHS[1], locale="ko-KR")
    watched = Watched(context.new_page(), shared_service.base_url)
    page = watched.open()
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    expect(page.locator("h1")).to_have_text("문서 요약")
    page.set_input_files("#files", [upload("항구.txt", KOREAN)])
    expect(page.locator(".planned tbody tr")).to_contain_text("한국어")
    page.get_by_role("button", name="요약하기", exact=True).click()
    expect(status(page)).to_have_text("완료", timeout=LONG)
    assert not has_sideways_scroll(page)
    assert watched.wrong == []
    context.close()


def test_a_pdf_without_pages_to_cite_shows_its_passage_as_running_text(wide: Watched, client: httpx.Client) -> None:
    pdf = write_pdf([ENGLISH.replace(" of ", " of\n")])
    run = client.post("/v1/runs", files=[("files", ("a.pdf", pdf))], headers=WAIT).json()
    page = wide.open(f"runs/{run['id']}")
    page.locator(".cite").first.click()
    expect(page.locator(".source mark")).not_to_be_empty()
    assert "\n" not in page.locator(".source mark").inner_text()
