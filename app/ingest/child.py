"""The child process that opens one hostile file: `python -m app.ingest.child pdf|html`, the file on standard input,
JSON on standard output.

It gives itself little memory, little time and no right to write a file before it reads a byte, and imports nothing of
the service.
"""

import ctypes
import json
import re
import resource
import sys
from collections import Counter
from typing import Any

MEMORY_BYTES = 1024 * 1024 * 1024  # address space; what is resident stays below half of it
CPU_SECONDS = 30
CHARACTERS = 50_000_000  # of text, at most
PAGES = 20_000
RUNNING_SHARE = 0.5  # of the pages: a line that stands at the top or foot of so many is a running head, not text
RUNNING_PAGES = 4  # fewer pages do not tell a running head from text

_WORD_BREAK = re.compile(r"(\w+)\ufffe\s*(\w+)")
_DIGITS = re.compile(r"\d+")


def main() -> None:
    """Read a file of the named format and print its text, its pages' first characters and its title, or what is wrong
    with it.
    """
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    data = sys.stdin.buffer.read()
    read = {"pdf": read_pdf, "html": read_html}[sys.argv[1]]
    sys.stdout.write(json.dumps(read(data)))


def read_pdf(data: bytes) -> dict[str, Any]:
    """Return the text of a PDF with the first character of each page, or `{"error": …}`."""
    import pypdfium2  # here: a child reads one format, and should not pay for the other

    try:
        pdf = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        # PDFium reports a missing password as its error 4.
        code = pypdfium2.raw.FPDF_GetLastError()
        return {"error": "encrypted" if code == pypdfium2.raw.FPDF_ERR_PASSWORD else "broken", "detail": str(error)}
    pages: list[list[str]] = []
    characters = 0
    for number in range(min(len(pdf), PAGES)):
        try:
            text = _page_text(pdf[number])
        except pypdfium2.PdfiumError:  # one damaged page does not take the others along
            text = ""
        characters += len(text)
        if characters > CHARACTERS:
            return {"error": "too_long", "detail": f"more than {CHARACTERS:,} characters"}
        pages.append(text.split("\n"))
    title = str(pdf.get_metadata_value("Title") or "")
    return _joined(_without_running_lines(pages)) | {"title": title}


def read_html(data: bytes) -> dict[str, Any]:
    """Return the article's text of an HTML page, without its menus, or `{"error": …}`."""
    import trafilatura
    from trafilatura.settings import Document

    # Memory that lxml's C code cannot get ends in an error of its own, which trafilatura turns into None.
    document = trafilatura.bare_extraction(
        data, favor_recall=True, include_comments=False, include_tables=True, with_metadata=True
    )
    if not isinstance(document, Document) or not document.text:
        return {"error": "broken", "detail": "no text was found"}
    # One line is one paragraph there; a blank line between them keeps headings apart from what follows.
    text = str(document.text)[:CHARACTERS].replace("\n", "\n\n")
    return {"text": text, "pages": [], "title": document.title or ""}


def _page_text(page: Any) -> str:
    textpage = page.get_textpage()
    try:
        return str(textpage.get_text_bounded()).replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    finally:
        textpage.close()
        page.close()


def _without_running_lines(pages: list[list[str]]) -> list[list[str]]:
    """Drop heads, feet and page numbers that repeat from page to page."""
    if len(pages) < RUNNING_PAGES:
        return pages
    seen: Counter[str] = Counter()
    for lines in pages:
        seen.update({_mask(line) for line in [*lines[:2], *lines[-2:]]})
    running = {line for line, times in seen.items() if times >= RUNNING_SHARE * len(pages)}
    return [
        [line for place, line in enumerate(lines) if 2 <= place < len(lines) - 2 or _mask(line) not in running]
        for lines in pages
    ]


def _mask(line: str) -> str:
    return _DIGITS.sub("#", line.strip())


def _joined(pages: list[list[str]]) -> dict[str, Any]:
    """Return one text and where each page starts in it. A sentence may go on over a page's end, so no blank line stands
    there.
    """
    texts = ["\n".join(lines).strip() for lines in pages]
    words = set(re.findall(r"\w+", "\n".join(texts)))

    def heal(match: re.Match[str]) -> str:
        # PDFium marks a hyphen at a line's end with U+FFFE. The word is written as it stands elsewhere in the document,
        # if it does.
        whole = match[1] + match[2]
        return whole if whole in words or whole.lower() in words else f"{match[1]}-{match[2]}"

    starts: list[int] = []
    parts: list[str] = []
    length = 0
    for text in texts:
        starts.append(length)
        healed = _WORD_BREAK.sub(heal, text).replace("\ufffe", "-").replace("\uffff", "")
        parts.append(healed)
        length += len(healed) + 1
    return {"text": "\n".join(parts), "pages": starts}


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG: if the service is killed, so is its child
    main()
