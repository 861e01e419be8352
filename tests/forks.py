"""`precis` as a process of its own that need not import everything first: most of what a start costs.

A mother process imports the service once and forks a child for each start. A child is what `python -m app` is: its own
arguments, environment, folder, open files and connections; a signal ends it as any other. There are two mothers, and
they take turns: each has a seed of its own for Python's hashes, so that a process that goes on where another ended
never shares its order of sets.

    from tests.forks import PrecisProcess, run_precis
"""

import array
import gc
import importlib
import json
import os
import pkgutil
import socket
import subprocess
import sys
import threading
from ctypes import CDLL
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

import app
from graphs.models import load_chat

ROOT = Path(__file__).resolve().parent.parent
PR_SET_CHILD_SUBREAPER = 36  # of Linux' prctl.h
MOST_BYTES = 1 << 20  # of what a child is told
MOTHERS = 2
AFRESH = ("LD_PRELOAD", "PYTHONHASHSEED")  # what a process must be born with: with one of them, it is not forked

_one_at_a_time = threading.Lock()
_turns = count()
_mothers: dict[int, tuple[socket.socket, subprocess.Popen[bytes]]] = {}


class PrecisProcess(subprocess.Popen[str]):
    """A process of `precis` with these arguments; else like `Popen`, and as text."""

    def __init__(self, *arguments: object, **options: Any) -> None:
        super().__init__([sys.executable, "-m", "app", *map(str, arguments)], text=True, **options)

    def _execute_child(self, args: list[str], *others: Any) -> None:
        """Let a mother fork it, in place of a fork and an exec of this process."""
        (_, prepare, _, _, cwd, env, _, _, _), pipes = others[:9], others[9:15]
        env = dict(os.environ if env is None else env)
        if prepare is not None or any(name in env for name in AFRESH):
            super()._execute_child(args, *others)  # type: ignore[misc]  # it is there in every Python since 2.4
            return
        asked = json.dumps({"arguments": args[3:], "environment": env, "folder": str(cwd or Path.cwd())}).encode()
        assert len(asked) < MOST_BYTES
        inward, _, _, outward, _, faults = pipes
        files = [given if given != -1 else own for own, given in enumerate((inward, outward, faults))]
        with _one_at_a_time:
            mother = _mother(next(_turns) % MOTHERS)
            mother.sendmsg([asked], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))])
            self.pid = int(mother.recv(32))
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]  # likewise


def run_precis(*arguments: object, timeout: float = 120, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run `precis` to its end, as `subprocess.run` does; both outputs are kept unless `options` say where they go."""
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    given = options.pop("input", None)
    if given is not None:
        options["stdin"] = subprocess.PIPE
    with PrecisProcess(*arguments, **options) as process:
        try:
            output, errors = process.communicate(given, timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def _mother(number: int) -> socket.socket:
    """Return the way to a mother, who is there from the first time on."""
    if number not in _mothers:
        # Her children's own parent is gone at once: they become ours, to wait for like any child.
        assert CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (here, there):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST_BYTES)
        with there:
            mother = subprocess.Popen(
                [sys.executable, "-m", "tests.forks", str(there.fileno())], cwd=ROOT, pass_fds=[there.fileno()]
            )
        assert here.recv(32) == b"ready"
        _mothers[number] = here, mother
    return _mothers[number][0]


def _bear(asker: socket.socket) -> list[str]:
    """Fork children as they are asked for. Return in each child, with its arguments; end when nobody can ask more."""
    while True:
        files = array.array("i")
        asked, rights, _, _ = asker.recvmsg(MOST_BYTES, socket.CMSG_SPACE(3 * files.itemsize))
        if not asked:
            sys.exit()
        for _, _, data in rights:
            files.frombytes(data)
        reading, writing = os.pipe()
        between = os.fork()
        if not between:
            child = os.fork()
            if child:
                os.write(writing, str(child).encode())
                os._exit(0)
            asker.close()
            os.close(reading)
            os.close(writing)
            return _begin(json.loads(asked), files)
        os.waitpid(between, 0)
        asker.send(os.read(reading, 32))
        for file in (reading, writing, *files):
            os.close(file)


def _begin(asked: dict[str, Any], files: "array.array[int]") -> list[str]:
    """Make this process what was asked for; return its arguments."""
    for number, file in enumerate(files):
        os.dup2(file, number)
    for file in files:
        os.close(file)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    return list(asked["arguments"])


def main() -> NoReturn:
    """Be a mother; then, in a child, `precis`."""
    for module in pkgutil.walk_packages(app.__path__, "app."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    importlib.import_module("alembic.command")  # most of them start with an empty folder
    load_chat()
    gc.collect()
    gc.freeze()  # so that no child looks through all of it again
    asker = socket.socket(fileno=int(sys.argv[1]))
    asker.send(b"ready")
    sys.argv = [str(ROOT / "app" / "__main__.py"), *_bear(asker)]
    importlib.reload(app)  # what it sets in the environment
    importlib.import_module("app.cli").main()
    raise AssertionError("it ends by itself")


if __name__ == "__main__":
    main()
