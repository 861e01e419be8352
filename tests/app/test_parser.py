"""The process that opens hostile files: it comes and goes with the one that asks it."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from app.errors import ParserFailed
from app.ingest import reader
from app.ingest.reader import Reader
from tests.app import ENGLISH
from tests.service import wait_until

PAGE = f"<html><body><article><p>{ENGLISH}</p></article></body></html>".encode()


def test_one_that_begins_when_whoever_started_it_is_gone_ends(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    arguments = [str(tmp_path / "parser"), "60", str(gone.pid)]
    ended = subprocess.run([sys.executable, "-m", "app.ingest.child", *arguments], timeout=60, check=False)
    assert ended.returncode == 1
    assert not (tmp_path / "parser").exists()


@pytest.fixture
def stuck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Python that never comes to its first line, and where it says under which number."""
    told = tmp_path / "told"
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho $$ >> {told}\nexec sleep 300\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    return told


def is_alive(told: Path) -> bool:
    return told.exists() and any(b"sleep" in command_of(pid) for pid in told.read_text().split())


def command_of(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # just gone
        return b""


async def test_one_that_does_not_start_in_time_is_given_up_and_the_next_one_is_asked(
    stuck: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = Reader(10)
    with monkeypatch.context() as hurried:
        hurried.setattr(reader, "START_SECONDS", 0.5)
        with pytest.raises(ParserFailed):
            await files.read("a.html", PAGE)
    await asyncio.to_thread(wait_until, lambda: not is_alive(stuck))
    monkeypatch.undo()
    assert "forty vessels" in (await files.read("a.html", PAGE)).text
    await files.close()


async def test_one_whose_asker_is_cancelled_while_it_starts_is_not_taken_for_ready(
    stuck: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = Reader(10)
    asking = asyncio.create_task(files.read("a.html", PAGE))
    await asyncio.to_thread(wait_until, stuck.exists)
    asking.cancel()
    await asyncio.wait([asking])
    assert asking.cancelled()
    await asyncio.to_thread(wait_until, lambda: not is_alive(stuck))
    monkeypatch.undo()
    assert "forty vessels" in (await files.read("a.html", PAGE)).text
    await files.close()
