"""Who of the workers on this machine is alive.

Each worker process holds a lock on a file of its own for as long as it lives; the kernel lets go of it whatever way the
process ends. So the runs of a killed process need not wait for their lease to run out.
"""

import fcntl
from collections.abc import Iterable
from pathlib import Path
from typing import IO


class Presence:
    """The sign of life of one worker, and a look at the others'."""

    def __init__(self, directory: Path, worker: str) -> None:
        self._directory = directory
        self._worker = worker
        directory.mkdir(parents=True, exist_ok=True)
        self._file = self._path(worker).open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def dead(self, workers: Iterable[str]) -> list[str]:
        """Return those of the workers that are surely gone; one that left no file here may live on another machine."""
        return [worker for worker in workers if worker != self._worker and self._is_dead(worker)]

    def close(self) -> None:
        """Sign off."""
        self._file.close()
        self._path(self._worker).unlink(missing_ok=True)

    def _is_dead(self, worker: str) -> bool:
        path = self._path(worker)
        try:
            file: IO[str] = path.open("r+")
        except OSError:  # it is not there, or cannot be opened now: the worker's lease tells
            return False
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
        return True

    def _path(self, worker: str) -> Path:
        return self._directory / f"{worker}.lock"
