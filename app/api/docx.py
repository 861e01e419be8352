"""A run's summaries as a Word document: what the Markdown says, with Word's own headings, lists and numbers.

Texts come from documents, which are hostile: they only ever become text of the document, without fields, links and
pictures.
"""

import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

from docx import Document
from docx.enum.style import WD_STYLE_TYPE
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm
from docx.text.paragraph import Paragraph
from markdown_it.token import Token

from app.api.footnotes import Citations
from app.api.rendering import parse, render_markdown
from app.api.schemas import RunOut

LATIN_FONT, CODE_FONT = "Calibri", "Consolas"
# By language: the typeface, of those that Word brings along, of characters that the Latin one lacks; Word's name of the
# language.
EAST_ASIAN = {
    "ja": ("Yu Gothic", "ja-JP"),
    "ko": ("Malgun Gothic", "ko-KR"),
    "zh": ("Microsoft YaHei", "zh-CN"),
    "zh-hant": ("Microsoft JhengHei", "zh-TW"),
    "zh-tw": ("Microsoft JhengHei", "zh-TW"),
}
DEEPEST_LIST = 3  # level that Word has styles for
PAGE_MILLIMETRES = (210, 297, 25)  # width, height, margins

# What XML 1.0 cannot hold, not even as a reference.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CHARACTER_STYLES = {"strong": "bold", "em": "italic"}


def render_docx(run: RunOut, citations: Citations = "none") -> bytes:
    """Return the summaries as a Word document. Takes seconds for thousands of documents, so call it in a thread."""
    document = Document()
    language = run.summary.language if run.summary else "en"
    _set_up(document, language)
    _describe(document, run)
    _Writer(document).write(parse(render_markdown(run, citations)))
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def _set_up(document: Any, language: str) -> None:
    """Set the page and the typefaces: one for Latin letters, one for East Asian characters, whatever the style."""
    width, height, margin = map(Mm, PAGE_MILLIMETRES)
    section = document.sections[0]
    section.page_width, section.page_height = width, height
    section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = margin
    styles = document.styles.element
    for fonts in list(styles.iter(qn("w:rFonts"))):
        fonts.getparent().remove(fonts)
    defaults = styles.find(f"{qn('w:docDefaults')}/{qn('w:rPrDefault')}/{qn('w:rPr')}")
    tag = language.lower()
    typeface, east_asian = EAST_ASIAN.get(tag) or EAST_ASIAN.get(tag.partition("-")[0], EAST_ASIAN["ko"])
    fonts = OxmlElement("w:rFonts")
    for script, font in (("ascii", LATIN_FONT), ("hAnsi", LATIN_FONT), ("eastAsia", typeface), ("cs", LATIN_FONT)):
        fonts.set(qn(f"w:{script}"), font)
    defaults.insert(0, fonts)
    spelling = defaults.find(qn("w:lang"))
    spelling.set(qn("w:val"), language)
    spelling.set(qn("w:eastAsia"), east_asian)


def _describe(document: Any, run: RunOut) -> None:
    """Fill in the document's properties; a picture of its first page and counts of words are those of a template."""
    package = document.part.package.rels
    foreign = (RELATIONSHIP_TYPE.THUMBNAIL, RELATIONSHIP_TYPE.EXTENDED_PROPERTIES)
    for id in [relation.rId for relation in package.values() if relation.reltype in foreign]:
        del package[id]
    about = document.core_properties
    about.title = "Summary"
    about.author = about.last_modified_by = "Precis"
    about.comments = ""
    about.created = about.modified = run.finished_at or run.created_at


class _Writer:
    """Writes the blocks of a Markdown text behind each other."""

    def __init__(self, document: Any) -> None:
        self._document = document
        self._end = document.element.body.sectPr  # what stands behind the last paragraph
        self._styles = {style.name: style for style in document.styles if style.type == WD_STYLE_TYPE.PARAGRAPH}
        self._numbering = document.part.numbering_part.element
        self._lists: list[tuple[str, int]] = []  # the style and the numbering of each that is open
        self._is_first = True  # in its list item
        self._quotes = 0  # that are open

    def write(self, tokens: Sequence[Token]) -> None:
        """Write a text."""
        heading = ""
        for token in tokens:
            match token.type:
                case "heading_open":
                    heading = f"Heading {token.tag[1:]}"
                case "heading_close":
                    heading = ""
                case "bullet_list_open" | "ordered_list_open":
                    self._open_list(token)
                case "bullet_list_close" | "ordered_list_close":
                    self._lists.pop()
                case "list_item_open":
                    self._is_first = True
                case "blockquote_open" | "blockquote_close":
                    self._quotes += token.nesting
                case "inline":
                    _fill(self._paragraph(heading), token.children or [])
                case "fence" | "code_block":
                    _add(self._paragraph(""), token.content.rstrip("\n"), code=True)
                case "hr":
                    self._paragraph("")

    def _open_list(self, token: Token) -> None:
        kind = "Number" if token.type == "ordered_list_open" else "Bullet"
        level = min(len(self._lists) + 1, DEEPEST_LIST)
        style = f"List {kind}" + (f" {level}" if level > 1 else "")
        number = self._begin_numbers(style, int(token.attrGet("start") or 1)) if kind == "Number" else 0
        self._lists.append((style, number))

    def _begin_numbers(self, style: str, first: int) -> int:
        """Return a numbering that begins anew: Word would else count on from the list before."""
        of_style = self._styles[style].element.pPr.numPr.numId.val
        numbering = self._numbering.add_num(self._numbering.num_having_numId(of_style).abstractNumId.val)
        numbering.add_lvlOverride(ilvl=0).add_startOverride(first)
        return int(numbering.numId)

    def _paragraph(self, heading: str) -> Paragraph:
        """Begin a paragraph in the style of its place."""
        number = 0
        if heading:
            style = heading
        elif self._lists and self._is_first:
            style, number = self._lists[-1]
        elif self._lists:
            style = self._lists[-1][0].replace("Bullet", "Continue").replace("Number", "Continue")
        else:
            style = "Quote" if self._quotes else "Normal"
        self._is_first = False
        # The public way looks at all paragraphs before, for each: a minute for a thousand documents.
        element: Any = OxmlElement("w:p")
        self._end.addprevious(element)
        element.style = self._styles[style].style_id
        if number:
            numbers = element.get_or_add_pPr().get_or_add_numPr()
            numbers.get_or_add_numId().val = number
            numbers.get_or_add_ilvl().val = 0
        return Paragraph(element, self._document)


def _fill(paragraph: Paragraph, tokens: Iterable[Token]) -> None:
    """Write what stands within a paragraph."""
    styles = {"bold": 0, "italic": 0}
    for token in tokens:
        name, _, what = token.type.partition("_")
        if name in _CHARACTER_STYLES and what in ("open", "close"):
            styles[_CHARACTER_STYLES[name]] += token.nesting
        elif token.type == "softbreak":
            _add(paragraph, " ")
        elif token.type == "hardbreak":
            paragraph.add_run().add_break()
        else:
            _add(paragraph, token.content, code=token.type == "code_inline", **styles)


def _add(paragraph: Paragraph, text: str, *, bold: int = 0, italic: int = 0, code: bool = False) -> None:
    run = paragraph.add_run(_NO_XML.sub("\ufffd", text))
    if bold:
        run.bold = True
    if italic:
        run.italic = True
    if code:
        run.font.name = CODE_FONT
