"""Turns an uploaded file into a text."""

import asyncio
import json
import math
import os
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Literal

from app.errors import (
    BrokenHtml,
    BrokenPdf,
    EmptyDocument,
    EncryptedPdf,
    InvalidText,
    NoTextInPdf,
    ParserFailed,
    UnsupportedFormat,
)
from app.ingest.encoding import decode

Format = Literal["text", "markdown", "html", "pdf"]

MARKDOWN_NAMES = (".md", ".markdown", ".mdown")
HTML_NAMES = (".html", ".htm", ".xhtml")
# What a file begins with decides before its name: the first bytes of formats that are not read, so that the error can
# name them.
FOREIGN_FORMATS = {
    b"PK\x03\x04": "a zip archive, or a DOCX, XLSX, PPTX, HWPX or EPUB file",
    b"\xd0\xcf\x11\xe0": "an old Microsoft Office or HWP file",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"\x1f\x8b": "a gzip archive",
    b"{\\rtf": "an RTF file",
}
PASSED_ON = ("PATH", "PYTHONPATH", "LANG", "TMPDIR", "VIRTUAL_ENV")  # of the environment, to the parser process
START_SECONDS = 60.0  # that the parser process may take to load its libraries, on a machine with much else to do
GRACE_SECONDS = 5  # after which a parser that should have ended itself is given up
ENCODED_CHARACTERS = 1_000_000  # at once: no other thread of Python runs meanwhile
PDF_WITHIN_BYTES = 1024  # a PDF's mark may stand behind some rubbish
_HTML_START = re.compile(r"^\s*(<\?xml[^>]*>\s*)?<(!doctype\s+html|html)", re.IGNORECASE)
_SURROGATES = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class ReadText:
    """A document's text as it is stored: all offsets are places in it."""

    text: str
    format: Format
    pages: tuple[int, ...] = ()  # where each page starts, in characters
    title: str = ""  # that the file itself gives
    encoding: str = "utf-8"


class Reader:
    """Reads files; the dangerous formats in processes of their own, as many at a time as there are processors."""

    def __init__(self, parse_seconds: float) -> None:
        self._parse_seconds = math.ceil(parse_seconds)
        self._turns = asyncio.Semaphore(os.cpu_count() or 1)
        self._starting = asyncio.Lock()
        self._parser: asyncio.subprocess.Process | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    async def close(self) -> None:
        """End the parser process."""
        if self._parser is not None and self._parser.returncode is None:
            self._parser.kill()
            await self._parser.wait()
        if self._folder is not None:
            self._folder.cleanup()

    async def read(self, name: str, data: bytes) -> ReadText:
        """Return the text of a file. Raises `DocumentError`."""
        if not data or data.isspace():
            raise EmptyDocument
        for mark, what in FOREIGN_FORMATS.items():
            if data.startswith(mark):
                raise UnsupportedFormat(f"This is {what}.")
        if b"%PDF-" in data[:PDF_WITHIN_BYTES]:
            return await self._read_pdf(data)
        if name.lower().endswith(".pdf"):
            raise BrokenPdf("It does not begin like a PDF.")
        text, encoding = await asyncio.to_thread(decode, data)
        suffix = PurePath(name.lower()).suffix
        if suffix in HTML_NAMES or _HTML_START.match(text):
            return await self._read_html(text)
        text = await asyncio.to_thread(_cleaned, text)
        return ReadText(text, "markdown" if suffix in MARKDOWN_NAMES else "text", encoding=encoding)

    async def _read_pdf(self, data: bytes) -> ReadText:
        found = await self._in_child("pdf", data)
        match found.get("error"):
            case "encrypted":
                raise EncryptedPdf
            case "too_long":
                raise ParserFailed(found["detail"])
            case "broken":
                raise BrokenPdf(found["detail"])
        try:
            text = await asyncio.to_thread(_cleaned, found["text"])
        except EmptyDocument:
            raise NoTextInPdf from None
        return ReadText(text, "pdf", pages=tuple(found["pages"]), title=found["title"])

    async def _read_html(self, text: str) -> ReadText:
        found = await self._in_child("html", text.encode("utf-8", "surrogatepass"))
        if "error" in found:
            raise BrokenHtml(found["detail"])
        return ReadText(await asyncio.to_thread(_cleaned, found["text"]), "html", title=found["title"])

    async def _in_child(self, format: Literal["pdf", "html"], data: bytes) -> dict[str, Any]:
        """Have a process of its own parse one file."""
        async with self._turns:
            try:
                path = await self._running_parser()
                async with asyncio.timeout(self._parse_seconds + GRACE_SECONDS):
                    answer = await _ask(path, format, data)
            except (TimeoutError, OSError):  # the process ended, or was ended, without an answer
                answer = b""
        if not answer:
            raise ParserFailed("Reading it took more time or memory than is allowed, or it is damaged.")
        found: dict[str, Any] = await asyncio.to_thread(json.loads, answer)
        return found

    async def _running_parser(self) -> str:
        """Return the socket of the parser process, started if it is not there: it knows none of this one's secrets.

        Raises `TimeoutError`.
        """
        async with self._starting:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="precis-")  # a socket's path must be short
            path = str(Path(self._folder.name) / "parser")
            if self._parser is None or self._parser.returncode is not None:
                await asyncio.to_thread(Path(path).unlink, missing_ok=True)
                environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
                self._parser = await self._start(path, environment)
            return path

    async def _start(self, path: str, environment: dict[str, str]) -> asyncio.subprocess.Process:
        parser = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.ingest.child", path, str(self._parse_seconds), str(os.getpid())),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
        )
        try:
            assert parser.stdout is not None
            async with asyncio.timeout(START_SECONDS):
                await parser.stdout.readline()
        except BaseException:  # a cancellation, too: nobody may take it for one that is ready
            parser.kill()
            raise
        return parser


async def _ask(path: str, format: str, data: bytes) -> bytes:
    """Send one file to the parser and return its answer; empty when it gave none."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(f"{format}\n".encode())
        writer.write(data)
        writer.write_eof()
        return await reader.read()
    finally:
        writer.close()


def _cleaned(text: str) -> str:
    """Return a text with one kind of line end, and without what no text holds. Raises `EmptyDocument`.

    Looks for what is rare before it copies: a text of many megabytes is read at the speed of memory.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\x00" in text:
        text = text.replace("\x00", "")
    return _not_empty(text if _lone_surrogate(text) is None else _SURROGATES.sub("\ufffd", text))


def check_text(text: str) -> str:
    """Return a text that came as JSON, if it is one. Raises `EmptyDocument`, `InvalidText`. Milliseconds a megabyte, so
    call it in a thread.
    """
    if "\x00" in text:
        raise InvalidText(f"A NUL stands at character {text.index(chr(0))}.")
    if (lone := _lone_surrogate(text)) is not None:
        raise InvalidText(f"Half of a surrogate pair stands at character {lone}.")
    return _not_empty(text)


def _lone_surrogate(text: str) -> int | None:
    """Return where the first half of a surrogate pair stands alone: UTF-8 cannot hold it."""
    for start in range(0, 0 if text.isascii() else len(text), ENCODED_CHARACTERS):
        try:
            text[start : start + ENCODED_CHARACTERS].encode()
        except UnicodeEncodeError as error:
            return start + error.start
    return None


def _not_empty(text: str) -> str:
    if not any(character.isalnum() for character in text):  # a letter or a digit of any script
        raise EmptyDocument
    return text
