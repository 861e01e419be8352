"""The process that opens hostile files: `python -m app.ingest.child SOCKET SECONDS PARENT`.

It loads the parsers once, listens on a socket of the service's, and forks a process a file: that one gives itself
little memory, little time and no right to write a file before it reads a byte, answers with JSON, and ends. It imports
nothing of the service and is started without the service's secrets.
"""

import ctypes
import json
import os
import re
import resource
import signal
import socketserver
import sys
from collections import Counter
from typing import Any

import pypdfium2
import trafilatura
from trafilatura.settings import Document

MEMORY_BYTES = 1024 * 1024 * 1024  # address space; what is resident stays below half of it
CPU_SECONDS = 30
CHARACTERS = 50_000_000  # of text, at most
PAGES = 20_000
RUNNING_SHARE = 0.5  # of the pages: a line that stands at the top or foot of so many is a running head, not text
RUNNING_PAGES = 4  # fewer pages do not tell a running head from text
CHILDREN = 64  # alive at most; the service asks for as many at a time as there are processors
PR_SET_PDEATHSIG = 1
WARM_UP = (
    b"<html><body><article><h1>A page</h1><p>A paragraph of it, with a sentence or two. Here is one.</p></article>"
)

_WORD_BREAK = re.compile(r"(\w+)\ufffe\s*(\w+)")
_DIGITS = re.compile(r"\d+")


class ForkingServer(socketserver.ForkingMixIn, socketserver.UnixStreamServer):
    """Forks a process for each connection."""

    max_children = CHILDREN


class OneFile(socketserver.StreamRequestHandler):
    """Reads one file, in a process of its own: a line with the format's name, then the bytes; answers with JSON."""

    def handle(self) -> None:
        """Read the file and answer; a process that breaks its limits ends without an answer."""
        _limit(int(sys.argv[2]))
        format = self.rfile.readline().decode().strip()
        found = {"pdf": read_pdf, "html": read_html}[format](self.rfile.read())
        self.wfile.write(json.dumps(found).encode())


def main() -> None:
    """Serve until the service ends."""
    _die_with_parent()
    if os.getppid() != int(sys.argv[3]):  # it was gone before that could be asked for
        sys.exit(1)
    read_html(WARM_UP)  # what the parser loads and compiles at its first use, each fork has from here on
    with ForkingServer(sys.argv[1], OneFile) as server:
        print("ready", flush=True)
        server.serve_forever()


def _limit(seconds: int) -> None:
    _die_with_parent()
    signal.alarm(seconds)  # wall time; its default action ends the process
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def read_pdf(data: bytes) -> dict[str, Any]:
    """Return the text of a PDF with the first character of each page, or `{"error": …}`."""
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
    tree = trafilatura.load_html(data)
    if tree is None:
        return {"error": "broken", "detail": "it is no HTML"}
    title = _html_title(tree)  # before the extraction, which takes the tree apart
    # Memory that lxml's C code cannot get ends in an error of its own, which trafilatura turns into None.
    document = trafilatura.bare_extraction(tree, favor_recall=True, include_comments=False, include_tables=True)
    if not isinstance(document, Document) or not document.text:
        return {"error": "broken", "detail": "no text was found"}
    # One line is one paragraph there; a blank line between them keeps headings apart from what follows.
    return {"text": str(document.text)[:CHARACTERS].replace("\n", "\n\n"), "pages": [], "title": title}


def _html_title(tree: Any) -> str:
    """Return the page's title, without the name of its site where the heading shows what that is."""
    title = " ".join((tree.findtext(".//title") or "").split())
    headings = [" ".join(heading.text_content().split()) for heading in tree.iter("h1")]
    return next((heading for heading in headings if heading and heading in title), title)


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
    main()
