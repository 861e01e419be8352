"""`--output DIR`: a Markdown file for each document and one for the batch."""

import os
import re
import tempfile
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from app.api.rendering import escape, render_markdown
from app.api.schemas import DocumentOut, RunOut
from app.terminal.desk import Citations, Json
from app.terminal.ending import USAGE, CommandFailed
from app.terminal.showing import clean

BATCH_NAME = "summary.md"
SUFFIX = ".summary.md"
NAME_BYTES = 180  # of a name without its suffix: file systems take 255, other tools less

_UNSAFE = re.compile(r"[^\w .,()+=@-]")
# Windows opens a device whatever follows the dot.
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


class Folder:
    """Where the summaries of a batch go; nothing but new files of these names is ever written."""

    def __init__(self, path: Path, names: Sequence[str], *, may_overwrite: bool) -> None:
        self.path = path
        self._names = safe_names(names)
        self._may_overwrite = may_overwrite

    def prepare(self) -> None:
        """Make the folder and see that it can be written, before anything is paid. Raises `CommandFailed`."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise CommandFailed(f"cannot write in {self.path}: {error.strerror}.", USAGE) from None
        there = [name for name in [BATCH_NAME, *self._names] if os.path.lexists(self.path / name)]
        if there and not self._may_overwrite:
            others = f" and {len(there) - 1:,} more are" if len(there) > 1 else " is"
            raise CommandFailed(
                f"{self.path / there[0]}{others} there already: say --overwrite, or name another folder.", USAGE
            )

    def write(self, body: Json, citations: Citations) -> list[Path]:
        """Write what a run has given; return the files. Raises `CommandFailed`."""
        run = RunOut.model_validate(body, extra="ignore")  # a service of a later version may tell more
        texts = {BATCH_NAME: render_markdown(run, citations)} if run.summary else {}
        for name, document in zip(self._names, run.documents, strict=True):
            if document.summary or document.error:
                texts[name] = document_markdown(run, document, citations)
        return [self._write(name, text) for name, text in texts.items()]

    def _write(self, name: str, text: str) -> Path:
        """Write one file whole or not at all; a link of that name is replaced, not followed."""
        target = self.path / name
        try:
            with tempfile.NamedTemporaryFile("w", dir=self.path, prefix=".", delete=False, encoding="utf-8") as file:
                temporary = Path(file.name)
                try:
                    file.write(clean(text))
                    file.close()
                    temporary.chmod(0o666 & ~_umask())
                    temporary.replace(target)
                finally:
                    temporary.unlink(missing_ok=True)
        except OSError as error:
            raise CommandFailed(f"cannot write {target}: {error.strerror}.") from None
        return target


def document_markdown(run: RunOut, document: DocumentOut, citations: Citations) -> str:
    """Return one document's part of a run as a document of its own."""
    alone = run.model_copy(update={"documents": [document], "groups": [], "error": None} | _own(run, document))
    title = escape(document.title)
    text = render_markdown(alone, citations).removeprefix("# Summary\n\n").removeprefix(f"## {title}\n\n")
    return f"# {title}\n\n{text}"


def _own(run: RunOut, document: DocumentOut) -> Json:
    """What a run has of all documents and a document has of itself: the summary, and more as it comes."""
    shared = type(run).model_fields.keys() & type(document).model_fields.keys()
    return {name: getattr(document, name) for name in shared - {"id", "status", "error"}}


def safe_names(names: Sequence[str]) -> list[str]:
    """Return a file name for each document, in order: no folder, nothing hidden, no two alike on any file system."""
    taken = {BATCH_NAME}
    safe = []
    for name in names:
        stem = _safe(name)
        number, free = 1, stem + SUFFIX
        while free.casefold() in taken:
            number += 1
            free = f"{stem} ({number}){SUFFIX}"
        taken.add(free.casefold())
        safe.append(free)
    return safe


def _safe(name: str) -> str:
    bare = unicodedata.normalize("NFC", name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1])
    text = _UNSAFE.sub("_", bare).strip(" .")
    text = text.encode()[:NAME_BYTES].decode(errors="ignore").rstrip(" .")
    return f"_{text}" if not text or text.startswith("-") or _RESERVED.fullmatch(text) else text


def _umask() -> int:
    """Return the process's mask of new files, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
