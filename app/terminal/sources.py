"""What is to be summarised: files, folders, patterns, standard input."""

import glob
import os
import re
import stat
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.terminal.ending import USAGE, CommandFailed

STANDARD_INPUT = "-"
# Of a folder, what is read without being named; a file that is named may be of any kind.
SUFFIXES = {".txt", ".text", ".md", ".markdown", ".mdown", ".rst", ".html", ".htm", ".xhtml", ".pdf"}
LONGEST_NAME = 200  # characters of a document's id

_NUMBER = re.compile(r"(\d{1,18})")


@dataclass(frozen=True, slots=True)
class Source:
    """A file, or bytes that came through a pipe."""

    name: str  # as it was given, made printable
    path: Path
    data: bytes | None = None  # of what can be read once only
    folders: tuple[str, ...] = ()  # the path of the folder that was named, then each one down to it
    group: str = ""  # the label that it has in the batch

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return len(self.data) if self.data is not None else self.path.stat().st_size

    def read(self) -> bytes:
        """Return its bytes. Raises `OSError`."""
        return self.data if self.data is not None else self.path.read_bytes()


@dataclass(slots=True)
class Sources:
    """What was found, and what was not taken."""

    found: list[Source] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)  # in folders, so that the summary lacks them
    passed_over: Counter[str] = field(default_factory=Counter)  # files in folders that are of other kinds, by ending


def gather(arguments: Sequence[str]) -> Sources:
    """Return the sources that arguments name, each once, folders in the order of their names.

    Raises `CommandFailed` for what is not there, cannot be read or is no file, and when nothing is left.
    """
    sources = Sources()
    seen: set[str] = set()
    for argument in arguments:
        for source in _named(argument, sources):
            real = os.path.realpath(source.path) if source.data is None else source.name
            if real not in seen:
                seen.add(real)
                sources.found.append(source)
    if not sources.found:
        others = ": name files of other kinds one by one" if sources.passed_over else ""
        raise CommandFailed(f"no document was found in {', '.join(map(printable, arguments))}{others}.", USAGE)
    return sources


def by_folder(found: Sequence[Source]) -> list[Source]:
    """Return sources with groups: each folder that was named is one; of a single folder, each folder in it.

    Raises `CommandFailed` where none is in such a folder.
    """
    depth = 0 if len({source.folders[0] for source in found if source.folders}) > 1 else 1
    labels = [Path(*source.folders[depth : depth + 1]).name for source in found]
    if not any(labels):
        raise CommandFailed("--group-by folder: name several folders, or one with folders in it.", USAGE)
    return [replace(source, group=label) for source, label in zip(found, labels, strict=True)]


def printable(path: str | Path) -> str:
    """Return a path without bytes that are no text and characters that a terminal would obey."""
    text = os.fsencode(path).decode("utf-8", "replace")
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _named(argument: str, sources: Sources) -> Iterator[Source]:
    if argument == STANDARD_INPUT:
        yield _standard_input()
        return
    if argument.startswith(("http://", "https://")):
        raise CommandFailed(
            f"{printable(argument)} is an address, and pages are not fetched: "
            "pipe it in, as in `curl -sL ADDRESS | precis summarize -`.",
            USAGE,
        )
    path = Path(argument)
    try:
        exists = path.exists()
    except (OSError, ValueError):  # a name that is too long, or that holds a NUL
        exists = False
    if exists:
        yield from _file_or_folder(path, sources)
        return
    # Not `Path.glob`, which takes no pattern that begins with / or holds ..
    matches = sorted(glob.glob(argument, recursive=True), key=_order) if glob.has_magic(argument) else []  # noqa: PTH207
    if not matches:
        missing = "nothing matches this pattern" if glob.has_magic(argument) else "there is no such file or folder"
        raise CommandFailed(f"{printable(argument)}: {missing}.", USAGE)
    for match in matches:
        yield from _file_or_folder(Path(match), sources)


def _file_or_folder(path: Path, sources: Sources) -> Iterator[Source]:
    if path.is_dir():
        yield from _folder(path, sources)
        return
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        raise CommandFailed(f"{printable(path)} is a device or a socket, not a file.", USAGE)
    if not os.access(path, os.R_OK):
        raise CommandFailed(f"{printable(path)}: you are not allowed to read it.", USAGE)
    name = printable(path)[-LONGEST_NAME:]
    yield Source(name, path, path.read_bytes() if stat.S_ISFIFO(mode) else None)


def _folder(folder: Path, sources: Sources) -> Iterator[Source]:
    """Yield the documents of a folder and those beneath it; what is hidden stays out."""

    def refused(error: OSError) -> None:
        sources.unreadable.append(printable(error.filename))

    for place, folders, names in os.walk(folder, onerror=refused):
        folders[:] = sorted((name for name in folders if not name.startswith(".")), key=_order)
        for name in sorted(names, key=_order):
            path = Path(place, name)
            if name.startswith(".") or not path.is_file():
                continue
            if path.suffix.lower() not in SUFFIXES:
                sources.passed_over[printable(path.suffix.lower() or path.name)] += 1
            elif not os.access(path, os.R_OK):
                sources.unreadable.append(printable(path))
            else:
                way = (printable(folder.resolve()), *map(printable, Path(place).relative_to(folder).parts))
                yield Source(printable(path)[-LONGEST_NAME:], path, folders=way)


def _order(name: str) -> list[str | int]:
    """Return what sorts names as people do: chapter 2 comes before chapter 10."""
    return [int(part) if part.isdecimal() else part for part in _NUMBER.split(name)]


def _standard_input() -> Source:
    if sys.stdin is None or sys.stdin.closed:
        raise CommandFailed("standard input is closed, so there is nothing to read from it.", USAGE)
    if sys.stdin.isatty():
        print("precis: type or paste the text, and end it with Ctrl-D on a line of its own.", file=sys.stderr)
    data = sys.stdin.buffer.read()
    if not data.strip():
        raise CommandFailed("nothing came through standard input.", USAGE)
    return Source("stdin", Path("stdin"), data)
