"""A run's summaries as a Word document: what the Markdown says, in Word's own styles, whatever the documents hold."""

import io
import zipfile
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest
from docx import Document
from docx.oxml.ns import qn

from app.api.docx import render_docx
from app.api.rendering import render_markdown
from app.api.runs import Form
from app.api.schemas import RunOut
from tests.app import ENGLISH, KOREAN
from tests.app.test_rendering import HOSTILE, Json, changed, cited, post

KINDS = """\
# One

Plain, **bold**, *italic* and ***both***, `code`, a [link](http://evil.example) and ![a picture](x.png).
The next line.\\
A new one.

1. first
2. second
   - inner
     - deeper
       - deepest
         - and deeper

   still the second

> a quote

5. fifth
6. sixth

```
code <of> two
  lines
```

---

###### Six
"""
PLAIN = (
    "Plain, bold, italic and both, code, a [link](http://evil.example) and ![a picture](x.png). The next line.\n"
    "A new one."
)


def read(document: bytes) -> Any:
    return Document(io.BytesIO(document))


def lines(document: bytes) -> list[tuple[str, str]]:
    """The style and the text of each paragraph."""
    return [(paragraph.style.name, paragraph.text) for paragraph in read(document).paragraphs]


def parts(document: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(document)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def run(client: httpx.Client) -> Json:
    return post(client, {"id": "a", "title": "Harbour", "text": ENGLISH}, {"id": "b", "title": "항구", "text": KOREAN})


def test_a_word_document_is_asked_for_by_accept(client: httpx.Client, run: Json) -> None:
    path = f"/v1/runs/{run['id']}/summary"
    response = client.get(path, headers={"Accept": Form.WORD}, params={"citations": "footnotes"})
    assert response.status_code == 200
    assert response.headers["Content-Type"] == Form.WORD
    assert "summary.docx" in response.headers["Content-Disposition"]
    told = lines(response.content)
    assert told[0] == ("Heading 1", "Summary")
    assert [text for style, text in told if style == "Heading 2"] == ["Harbour", "항구", "Sources"]
    first = run["documents"][0]["summary"]["sentences"][0]
    assert any(text.startswith(f"{first['text']} [1]") for _, text in told)
    sources = [text for style, text in told if style == "List Number"]
    assert sources[0] == f"Harbour: “{first['citations'][0]['quote']}”"
    html = client.get(path, headers={"Accept": f"text/html, {Form.WORD};q=0.5"})
    assert html.headers["Content-Type"].startswith("text/html")


def test_it_says_what_the_markdown_says(run: Json) -> None:
    shown = RunOut.model_validate(run)
    said = "".join(text for _, text in lines(render_docx(shown, "footnotes")))
    markdown = render_markdown(shown, "footnotes")
    for character in "#*\\ \n-":
        markdown, said = markdown.replace(character, ""), said.replace(character, "")
    for number in range(9, 0, -1):
        markdown = markdown.replace(f"{number}.Har", "Har").replace(f"{number}.항구", "항구")
    assert said == markdown


def test_headings_lists_quotes_and_code_have_their_styles(run: Json) -> None:
    shown = changed(run, KINDS, [])
    document = render_docx(shown)
    told = lines(document)
    assert told[1:] == [
        ("Heading 1", "One"),
        ("Normal", PLAIN),
        ("List Number", "first"),
        ("List Number", "second"),
        ("List Bullet 2", "inner"),
        ("List Bullet 3", "deeper"),
        ("List Bullet 3", "deepest"),
        ("List Bullet 3", "and deeper"),
        ("List Continue", "still the second"),
        ("Quote", "a quote"),
        ("List Number", "fifth"),
        ("List Number", "sixth"),
        ("Normal", "code <of> two\n  lines"),
        ("Normal", ""),
        ("Heading 6", "Six"),
    ]  # fmt: skip
    pieces = {piece.text: (piece.bold, piece.italic, piece.font.name) for piece in read(document).paragraphs[2].runs}
    assert pieces["bold"] == (True, None, None)
    assert pieces["italic"] == (None, True, None)
    assert pieces["both"] == (True, True, None)
    assert pieces["code"] == (None, None, "Consolas")


def test_each_numbered_list_counts_from_its_own_number(run: Json) -> None:
    document = read(render_docx(changed(run, KINDS, [cited("first", "The harbour")]), "footnotes"))
    numbers = [
        paragraph._p.pPr.numPr.numId.val for paragraph in document.paragraphs if paragraph.style.name == "List Number"
    ]
    assert len(set(numbers)) == 3
    numbering = document.part.numbering_part.element
    starts = [
        numbering.num_having_numId(number).find(f".//{qn('w:startOverride')}").get(qn("w:val")) for number in numbers
    ]
    assert starts == ["1", "1", "5", "5", "1"]  # the last: the sources


@pytest.mark.parametrize(
    ("language", "typeface", "called"),
    [
        ("ko", "Malgun Gothic", "ko-KR"),
        ("en", "Malgun Gothic", "ko-KR"),
        ("ja", "Yu Gothic", "ja-JP"),
        ("zh", "Microsoft YaHei", "zh-CN"),
        ("zh-TW", "Microsoft JhengHei", "zh-TW"),
    ],
)
def test_characters_of_east_asia_have_a_typeface_in_every_style(
    language: str, typeface: str, called: str, run: Json
) -> None:
    styles = read(render_docx(changed(run, KOREAN, [], language=language))).styles.element
    (fonts,) = styles.iter(qn("w:rFonts"))  # one for all styles
    assert fonts.get(qn("w:eastAsia")) == typeface
    (spelling,) = styles.iter(qn("w:lang"))
    assert (spelling.get(qn("w:val")), spelling.get(qn("w:eastAsia"))) == (language, called)


@pytest.mark.parametrize(
    "text",
    [
        *HOSTILE,
        "".join(map(chr, range(32))),
        "\x7f\x85\ufffe\uffff",
        "🚢 \u202e",
        "]]> &#0; &amp; <w:t>",
        "_x0000_",
        "\ud800",
    ],
)
def test_hostile_text_is_text_of_a_sound_document(text: str, run: Json) -> None:
    shown = changed(run, f"Before {text} behind.", [cited(text, text)], title=text)
    document = render_docx(shown, "footnotes")
    for name, part in parts(document).items():
        if name.endswith((".xml", ".rels")):
            ET.fromstring(part)
    main = ET.fromstring(parts(document)["word/document.xml"])
    names = {element.tag.rpartition("}")[2] for element in main.iter()}
    assert not names & {"hyperlink", "instrText", "fldSimple", "drawing", "object", "altChunk"}
    assert b"evil.example" not in parts(document)["word/_rels/document.xml.rels"]
    said = "".join(text for _, text in lines(document))
    assert "Before" in said
    assert "behind" in said


def test_a_document_of_ten_thousand_paragraphs_takes_no_longer_for_each(run: Json) -> None:
    document = render_docx(changed(run, "A sentence.\n\n" * 10_000, []))
    assert len(read(document).paragraphs) == 10_001


def test_the_properties_name_nobody(run: Json) -> None:
    document = render_docx(RunOut.model_validate(run))
    about = read(document).core_properties
    assert [name for name in parts(document) if name.startswith("docProps/")] == ["docProps/core.xml"]
    assert (about.title, about.author, about.last_modified_by, about.comments) == ("Summary", "Precis", "Precis", "")
    assert about.created.year >= 2026
