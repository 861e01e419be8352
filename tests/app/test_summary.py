"""The summary in each form, and nothing in it but text."""

from html.parser import HTMLParser

import httpx
import pytest

from graphs.evidence.marks import read_marks
from tests.app import ENGLISH, KOREAN, PROBLEM, WAIT, write_pdf
from tests.app.runs import new_text, post, start
from tests.model_server import ModelServer

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
