"""`precis serve` as a process of its own, for tests that need the real thing: kill it, start it again, look at what is left."""

import os
import random
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import httpx

from tests.forks import PrecisProcess

READY_SECONDS = 60.0
END_SECONDS = 60.0  # after which it is not slow any more: it hangs
PORTS = (20_000, 32_000)  # below those that systems give to whoever asks for any


class Service:
    """A running service on a free port, with its data in a folder of the test's."""

    def __init__(self, data_dir: Path, **settings: Any) -> None:
        self.data_dir = data_dir
        self.log_path = data_dir.parent / f"{data_dir.name}.log"
        self._settings = settings
        self._process: subprocess.Popen[str] | None = None
        self.base_url = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self.terminate()

    @property
    def process(self) -> subprocess.Popen[str]:
        assert self._process is not None, "the service was not started"
        return self._process

    def start(self) -> None:
        """Start the service and wait for its ready line."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PRECIS_", "OPENAI_"))}
        # Few who run Precis have the embedding, and it would read every batch of ten documents here.
        values = {"data_dir": self.data_dir, "port": 0, "log_level": "warning", "meaning": False} | self._settings
        for name, value in values.items():
            environment[name if name.startswith("OPENAI_") else f"PRECIS_{name.upper()}"] = str(value)
        with self.log_path.open("a") as log:
            self._process = PrecisProcess("serve", stdout=subprocess.PIPE, stderr=log, env=environment)
        alarm = threading.Timer(READY_SECONDS, self._process.kill)
        alarm.start()
        try:
            assert self._process.stdout is not None
            line = self._process.stdout.readline()
        finally:
            alarm.cancel()
        assert line.startswith("precis: ready on "), f"the service did not start: {self.log_path.read_text()[-2000:]}"
        self.base_url = line.removeprefix("precis: ready on ").strip()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self._ended()

    def terminate(self) -> int:
        """Ask it to end and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self._ended()

    def _ended(self) -> int:
        code = self.process.wait(END_SECONDS)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def client(self, **options: Any) -> httpx.Client:
        """Open an HTTP client for it."""
        return httpx.Client(base_url=self.base_url, timeout=60.0, trust_env=False, verify=False, **options)


def accepted(answer: httpx.Response) -> str:
    """Return the id of a run that a service has taken: it may have ended by the time of the answer."""
    assert answer.status_code in (200, 202), answer.text
    run = answer.json()
    assert (answer.status_code == 200) == (run["status"] not in ("queued", "running"))
    return cast("str", run["id"])


def free_port() -> int:
    """Return a port that nobody listens on, and that no other process is given by chance meanwhile."""
    while True:
        port = random.randint(*PORTS)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:  # somebody does
            continue


def wait_until(condition: Any, seconds: float = 60.0) -> Any:
    """Return the first true value of `condition()`, or fail."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"it did not become true within {seconds} s")
