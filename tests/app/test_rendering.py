"""A run's summaries as Markdown and HTML: footnotes, and what is said of summaries that do poorly."""

import re
from itertools import count, groupby
from typing import Any

import httpx
import pytest
from markdown_it import MarkdownIt

from app.api.rendering import render_html, render_markdown
from app.api.schemas import RunOut
from tests.app import ENGLISH, KOREAN, PROBLEM, WAIT, write_pdf
from tests.model_server import ModelServer

Json = dict[str, Any]

PLACES = count(step=1_000)  # each citation rests on a place of its own
HOSTILE = (
    "[1]: http://evil.example/a",
    "[1](http://evil.example/b)",
    "[\u200b1\u200b] ［1］ 【1】",
    "![x](http://evil.example/c)",
    "<script>alert(1)</script>",
    "~~~\n# code",
    "&lt;img src=x&gt;",
    "- 1. > # *_`|",
)


def post(client: httpx.Client, *documents: Json, **options: Any) -> Json:
    body = {"documents": documents, "options": options}
    response = client.post("/v1/runs", json=body, headers=WAIT)
    assert response.status_code == 200, response.text
    run: Json = response.json()
    return run


def read(client: httpx.Client, run: Json, citations: str, accept: str = "text/markdown") -> str:
    path = f"/v1/runs/{run['id']}/summary"
    response = client.get(path, headers={"Accept": accept}, params={"citations": citations})
    assert response.status_code == 200, response.text
    return response.text


@pytest.fixture
def run(client: httpx.Client) -> Json:
    """A run of two documents, to be changed and rendered."""
    return post(client, {"id": "a", "title": "Harbour", "text": ENGLISH}, {"id": "b", "title": "항구", "text": KOREAN})


def changed(run: Json, text: str, sentences: list[Json], *, title: str = "Harbour", **more: Any) -> RunOut:
    """The run with one document alone, and another summary of it."""
    summary = run["summary"] | {"text": text, "sentences": sentences} | more
    document = run["documents"][0] | {"title": title, "summary": summary}
    return RunOut.model_validate(run | {"summary": summary, "documents": [document]})


def cited(text: str, *quotes: str) -> Json:
    places = [
        {"document": "a", "start": start, "end": start + len(quote), "page": None, "quote": quote}
        for quote, start in zip(quotes, PLACES, strict=False)
    ]
    return {"text": text, "citations": places}


def numbered_lines(markdown: str) -> list[str]:
    return markdown.partition("\n## Sources\n\n")[2].splitlines()


def test_footnotes_stand_behind_each_sentence_and_lead_to_its_passage(client: httpx.Client) -> None:
    run = post(client, {"title": "Harbour", "text": ENGLISH}, {"title": "항구", "text": KOREAN})
    markdown = read(client, run, "footnotes")
    lines = numbered_lines(markdown)
    assert lines
    titles = {document["id"]: document["title"] for document in run["documents"]}
    for summary in [run["summary"], *[document["summary"] for document in run["documents"]]]:
        for sentence in summary["sentences"]:
            number = int(re.findall(rf"{re.escape(sentence['text'])} \[(\d+)\]", markdown)[0])
            citation = sentence["citations"][0]
            quote = " ".join(citation["quote"].split())
            assert lines[number - 1] == f"{number}. **{titles[citation['document']]}**: “{quote}”"
    assert len(lines) == len(set(lines))  # a passage that is cited twice has one number


def test_without_footnotes_the_text_is_as_it_was(client: httpx.Client) -> None:
    run = post(client, {"title": "Harbour", "text": ENGLISH})
    plain = client.get(f"/v1/runs/{run['id']}/summary").text
    assert plain == read(client, run, "none") == f"# Summary\n\n{run['summary']['text']}\n"
    many = post(client, {"title": "Harbour", "text": ENGLISH}, {"title": "항구", "text": KOREAN})
    said = [f"## {document['title']}\n\n{document['summary']['text']}" for document in many["documents"]]
    together = read(client, many, "none")
    assert together.endswith("\n\n".join(["", *said]) + "\n")
    assert not re.search(r"\[\d|Sources", together)
    refused = client.get(f"/v1/runs/{run['id']}/summary", params={"citations": "endnotes"})
    assert (refused.status_code, refused.json()["type"]) == (422, PROBLEM + "invalid-fields")


def test_documents_of_equal_titles_are_told_apart_by_their_ids(client: httpx.Client) -> None:
    named = [("2023/report.txt", "report.txt", ENGLISH), ("b", "report.txt", KOREAN), ("c", "Harbour", KOREAN + "끝.")]
    documents = [{"id": id, "title": title, "text": text} for id, title, text in named]
    markdown = read(client, post(client, *documents), "footnotes")
    expected = ["2023/report.txt", "report.txt (b)", "Harbour"]
    assert re.findall(r"^## (.+)$", markdown, re.MULTILINE) == [*expected, "Sources"]
    assert {re.findall(r"\*\*(.+)\*\*: “", line)[0] for line in numbered_lines(markdown)} == set(expected)


@pytest.mark.parametrize("citations", ["none", "footnotes"])
def test_a_quoted_list_stays_a_list_under_the_title_of_each_document(citations: str, client: httpx.Client) -> None:
    documents = ({"title": "Harbour", "text": ENGLISH}, {"title": "항구", "text": KOREAN})
    run = post(client, *documents, style="bullets")
    shown = re.sub(r" \[\d+\]", "", read(client, run, citations)).partition("\n## ")[0]
    titles = {document["id"]: document["title"] for document in run["documents"]}
    expected = ["# Summary", ""]
    for id, group in groupby(run["summary"]["sentences"], key=lambda each: each["citations"][0]["document"]):
        expected += [f"**{titles[id]}:**", "", *[f"- {sentence['text']}" for sentence in group], ""]
    assert shown.splitlines() == expected[:-1]


def test_json_has_its_citations_whatever_is_asked(client: httpx.Client) -> None:
    run = post(client, {"title": "Harbour", "text": ENGLISH})
    path = f"/v1/runs/{run['id']}/summary"
    shown = client.get(path, headers={"Accept": "application/json"}, params={"citations": "footnotes"})
    assert shown.json() == run


def test_the_sources_of_a_pdf_name_their_pages(client: httpx.Client) -> None:
    pdf = write_pdf([ENGLISH.replace(". ", ".\n"), "The keeper of the harbour wrote forty names into his book."])
    options = '{"words": 60}'
    files = [("files", ("harbour.pdf", pdf))]
    run = client.post("/v1/runs", files=files, data={"options": options}, headers=WAIT).json()
    places = [place for sentence in run["summary"]["sentences"] for place in sentence["citations"]]
    lines = numbered_lines(read(client, run, "footnotes"))
    assert [line.partition("**, page ")[2].partition(":")[0] for line in lines] == [
        str(place["page"]) for place in places
    ]


def test_a_model_that_cites_several_passages_gets_a_footnote_for_each(
    client: httpx.Client, model_server: ModelServer
) -> None:
    model_server.fault("say", times=-1, content="The harbour opened in 1923 and took in forty vessels. [1, 2]")
    run = post(client, {"title": "Harbour", "text": ENGLISH}, model="openai:fake")
    assert len(run["summary"]["sentences"][0]["citations"]) == 2
    markdown = read(client, run, "footnotes")
    assert "took in forty vessels. [1][2]\n" in markdown
    assert len(numbered_lines(markdown)) == 2


@pytest.mark.parametrize(
    ("passage", "end", "least"),
    [
        ("word " * 80, " word…", 195),
        ("harbours " * 40, " harbours…", 190),
        ("港" * 300, "港…", 200),
        ("x" * 200, "x", 200),
    ],
)
def test_quotes_are_cut_at_the_end_of_a_word_within_two_hundred_characters(
    passage: str, end: str, least: int, run: Json
) -> None:
    shown = changed(run, "It is long.", [cited("It is long.", passage)])
    line = numbered_lines(render_markdown(shown, "footnotes"))[0]
    quote = line.partition("“")[2].removesuffix("”")
    assert quote.endswith(end)
    assert least <= len(quote) <= 200


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_titles_quotes_and_texts_forge_no_footnote_and_become_no_markup(run: Json, hostile: str) -> None:
    told = f"Ships came.\n\n{hostile}\n\n{hostile} The pier fell.{hostile}"
    sentences = [cited("Ships came.", hostile), cited("The pier fell.", hostile, f"{hostile} again")]
    shown = changed(run, told, sentences, title=hostile)
    markdown = render_markdown(shown, "footnotes")
    page = MarkdownIt("commonmark").render(markdown.partition("\n## Sources\n")[2])
    assert set(re.findall(r"<(\w+)", page)) == {"ol", "li", "strong"}
    assert page.count("<li>") == 3
    # With a reader that knows links: none of the footnotes leads anywhere.
    whole = MarkdownIt("commonmark", {"html": False}).render(markdown)
    assert not re.search(r"<a [^>]*>\d+</a>", whole)
    # Where the summary itself is no code to its end, the only footnotes are those of its two sentences.
    told_footnotes = re.findall(r"\[(\d)\]", markdown.partition("\n## Sources\n")[0])
    assert told_footnotes == ["1", "2", "3"]
    tags = set(re.findall(r"<(\w+)", render_html(shown, "footnotes").partition("<body>")[2]))
    assert not tags & {"a", "img", "script"}


def test_a_page_lets_each_paragraph_run_as_its_script_does_and_joins_chinese_without_spaces(
    client: httpx.Client,
) -> None:
    texts = {
        "ar": "افتتح ميناء المدينة في عام 1923. دمرت عاصفة الرصيف.",
        "zh": "该港口于1923年开放。大风暴摧毁了码头。",
    }
    run = post(client, *({"id": id, "title": id, "text": text} for id, text in texts.items()))
    page = read(client, run, "none", "text/html").partition("<body>")[2]
    assert f'<p dir="auto">{texts["ar"]}</p>' in page
    assert f'<p dir="auto">{texts["zh"]}</p>' in page


def test_a_summary_whose_sentences_are_not_found_in_it_is_followed_by_them(run: Json) -> None:
    sentences = [
        cited("It was opened.", "q"),
        cited("A <b>model</b> wrote it.", "r"),
        {"text": "Why?", "citations": []},
    ]
    markdown = render_markdown(changed(run, "It was opened. A *model* wrote it. Why?", sentences), "footnotes")
    assert markdown == (
        "# Summary\n\nIt was opened. A *model* wrote it. Why?\n\n"
        "- It was opened. [1]\n- A \\<b\\>model\\</b\\> wrote it. [2]\n- Why?\n\n"
        "## Sources\n\n1. **Harbour**: “q”\n2. **Harbour**: “r”\n"
    )


def test_a_summary_that_cites_nothing_has_no_list_of_sources(run: Json) -> None:
    shown = changed(run, "Nobody knows.", [{"text": "Nobody knows.", "citations": []}])
    assert render_markdown(shown, "footnotes") == render_markdown(shown) == "# Summary\n\nNobody knows.\n"


def remarks(markdown: str) -> list[str]:
    return re.findall(r"^\*(.*quoting.*)\*$", markdown, re.IGNORECASE | re.MULTILINE)


def test_a_summary_that_quotes_a_long_conversation_says_so_once(run: Json) -> None:
    shown = changed(run, "Hm. Yes.", [], degraded="long_conversation")
    told = remarks(render_markdown(shown))
    assert len(told) == 1
    assert told[0].startswith("Few sentences of a long conversation say what it came to")
    many = shown.model_copy(update={"documents": shown.documents * 3})
    assert len(remarks(render_markdown(many))) == 1
    of_each = many.model_copy(update={"summary": None})
    assert len(remarks(render_markdown(of_each))) == 3
    assert remarks(render_markdown(RunOut.model_validate(run))) == []


def test_a_weakness_of_a_later_version_is_told_in_general_words(run: Json) -> None:
    shown = changed(run, "Hm.", [], degraded="poem_*x*")
    assert remarks(render_markdown(shown)) == ["Quoting does poorly here: a language model does better."]
