"""A contender seen from outside: its CPU, memory and files, whatever it says of itself."""

import json
import math
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.model_server import ModelServer

ROOT = Path(__file__).resolve().parent.parent.parent
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class NotFinished(Exception):
    """A contender failed, or took longer than it was given; the message says which."""


@dataclass(frozen=True)
class Terms:
    """What holds for all contenders."""

    latency_seconds: float  # of every model call
    calls: int  # in flight at most
    limit_seconds: float  # a job that takes longer is given up

    def ideal_seconds(self, beneath: Sequence[int]) -> float:
        """Return the shortest time in which a job's calls can be made, when nothing but the model takes time.

        `beneath[k]` is the number of calls with at least k others above them that wait for each other: they need so
        many waves, and then come k more.
        """
        return max(math.ceil(calls / self.calls) + above for above, calls in enumerate(beneath)) * self.latency_seconds

    def too_slow(self) -> NotFinished:
        """Return the error for a job that exceeded its time."""
        return NotFinished(f"not finished in {self.limit_seconds:.0f} s")


@dataclass(frozen=True)
class Result:
    """One contender's job."""

    calls: int
    peak_calls: int  # most in flight, as the model server saw it
    maps: int
    beneath: Sequence[int]  # calls with at least so many others above them
    seconds: float
    cpu_seconds: float  # user and system, with child processes
    server_cpu_seconds: float  # the model server's
    peak_megabytes: float  # of the process
    children_megabytes: float  # of its child processes, as far as they are still there
    stall_seconds: float
    stored_bytes: int | None
    document_bytes: int


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, its children that have ended and those that live."""
    return sum(_ticks(each) for each in (pid, *_descendants(pid))) / TICKS_A_SECOND


def peak_megabytes(pid: int) -> float:
    """Return the most memory that a process ever had resident; 0 if it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def children_megabytes(pid: int) -> float:
    """Return the sum of the peaks of the child processes that live."""
    return sum(map(peak_megabytes, _descendants(pid)))


def bytes_in(folder: Path) -> int:
    """Return the size of all files of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def run_peer(name: str, chunks: list[str], terms: Terms, folder: Path) -> Result:
    """Let `bench.peers.NAME` do the job in a process of its own. Raises `NotFinished`."""
    store = folder / "store"
    store.mkdir()
    log = folder / "log"
    with ModelServer(latency_seconds=terms.latency_seconds, record=False) as server, log.open("w") as errors:
        command = [sys.executable, "-m", f"bench.peers.{name}", "--base-url", server.base_url]
        command += ["--calls", str(terms.calls), "--chunks", str(len(chunks)), "--store", str(store / "checkpoints.db")]
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as peer:
            try:
                _say(peer, None, terms, log)
                server.reset()
                cpu, server_cpu = cpu_seconds(peer.pid), cpu_seconds(server.pid)
                said: dict[str, Any] = json.loads(_say(peer, "go", terms, log))
                cpu, server_cpu = cpu_seconds(peer.pid) - cpu, cpu_seconds(server.pid) - server_cpu
                peak, children = peak_megabytes(peer.pid), children_megabytes(peer.pid)
            except BaseException:
                peer.kill()
                raise
            peer.communicate()  # its end of input: it closes what it keeps
        counts = server.stats(keys=False)
    return Result(
        calls=counts["calls"],
        peak_calls=counts["peak"],
        maps=len(chunks),
        beneath=[len(chunks) + 1, len(chunks)],
        seconds=said["seconds"],
        cpu_seconds=cpu,
        server_cpu_seconds=server_cpu,
        peak_megabytes=peak,
        children_megabytes=children,
        stall_seconds=said["stall_seconds"],
        stored_bytes=bytes_in(store) or None,
        document_bytes=sum(len(chunk.encode()) for chunk in chunks),
    )


def _say(peer: subprocess.Popen[str], line: str | None, terms: Terms, log: Path) -> str:
    """Send a line, if any, and return the peer's next one."""
    assert peer.stdin is not None
    assert peer.stdout is not None
    until = time.monotonic() + terms.limit_seconds
    alarm = threading.Timer(terms.limit_seconds, peer.kill)
    alarm.start()
    try:
        if line is not None:
            peer.stdin.write(line + "\n")
            peer.stdin.flush()
        answer = peer.stdout.readline()
    finally:
        alarm.cancel()
    if answer:
        return answer
    peer.wait()
    if time.monotonic() >= until:
        raise terms.too_slow()
    raise NotFinished(f"failed: {(log.read_text().strip().splitlines() or ['without a word'])[-1]}")


def _environment() -> dict[str, str]:
    """Return the environment of a peer: a key that is no secret, no proxy and no tracing between it and the server."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.lower().endswith("_proxy") and not name.startswith(("OPENAI_", "LANGCHAIN_", "LANGSMITH_"))
    }
    return kept | {"OPENAI_API_KEY": "benchmark"}


def _ticks(pid: int) -> int:
    """Return the user and system time of a process and of its children that have ended; 0 if it is gone."""
    return sum(map(int, fields[11:15])) if (fields := _fields(pid)) else 0


def _descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for each in (int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()):
        if fields := _fields(each):
            children.setdefault(int(fields[1]), []).append(each)
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _fields(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the third on, which follow the name in brackets; none if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
