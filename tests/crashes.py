"""Drives one batch to its end in processes that are killed, or whose storage fails, at a chosen moment.

A process of its own that imports everything once and then forks: each child is a real process with its own connections,
which a kill ends as a power cut would, but starts in a tenth of a second. Nothing of the service knows of this: the
driver `sqlite3`, and what SQLite does to files, are wrapped before they are used.

    python -m tests.crashes DATA_DIR MODEL_URL   < one JSON object a line: {"fault": "kill", "at": 7}

answers each line with one: how the child ended, how many commits and statements it made, the run if it ended.
"""

import asyncio
import gc
import json
import os
import signal
import sqlite3
import sys
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from app.api.acceptance import accept
from app.api.batch import BatchDocument, batch_of
from app.api.schemas import BatchIn
from app.api.showing import show_run
from app.bootstrap import bootstrap
from app.ingest.reader import ReadText
from app.settings import Settings
from app.store import runs
from app.work import notifier, worker
from tests import file_writes

Json = dict[str, Any]

WRITES = ("INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "BEGIN IMMEDIATE")


class Moment:
    """Counts what happens to the databases of this process, and lets the chosen moment go wrong."""

    def __init__(self, fault: str = "", at: int = 0) -> None:
        self.fault = fault
        self.at = at
        self.commits = 0
        self.writes = 0
        self.file_writes = 0
        self._counting = threading.Lock()

    def commit(self, connection: sqlite3.Connection) -> None:
        """Commit, unless that is what goes wrong."""
        is_meant = connection.in_transaction and self._is_meant("commits")
        if is_meant and self.fault == "kill before commit":
            os.kill(os.getpid(), signal.SIGKILL)
        if is_meant and self.fault == "commit fails":
            raise sqlite3.OperationalError("database or disk is full")
        sqlite3.Connection.commit(connection)
        if is_meant and self.fault == "kill after commit":
            os.kill(os.getpid(), signal.SIGKILL)

    def write(self, statement: str) -> None:
        """Let a statement pass, or go wrong."""
        if statement.lstrip().upper().startswith(WRITES) and self._is_meant("writes") and self.fault == "write fails":
            raise sqlite3.OperationalError("disk I/O error")

    def file_write(self, error: int) -> int:
        """Let SQLite write to a file, or let that go wrong with the error that is usual there."""
        return error if self._is_meant("file_writes") and self.fault == "file write fails" else file_writes.OK

    def _is_meant(self, counter: str) -> bool:
        """Count, and tell whether this is the chosen one; each database has a thread of its own that asks."""
        with self._counting:
            number = getattr(self, counter) + 1
            setattr(self, counter, number)
        return bool(number == self.at)


moment = Moment()


class Cursor(sqlite3.Cursor):
    def execute(self, statement: str, *arguments: Any) -> "Cursor":
        moment.write(statement)
        super().execute(statement, *arguments)
        return self

    def executemany(self, statement: str, *arguments: Any) -> "Cursor":
        moment.write(statement)
        super().executemany(statement, *arguments)
        return self


class Connection(sqlite3.Connection):
    def cursor(self, factory: Any = Cursor) -> Any:
        return super().cursor(factory)

    def execute(self, statement: str, *arguments: Any) -> sqlite3.Cursor:
        moment.write(statement)
        return super().execute(statement, *arguments)

    def executemany(self, statement: str, *arguments: Any) -> sqlite3.Cursor:
        moment.write(statement)
        return super().executemany(statement, *arguments)

    def commit(self) -> None:
        moment.commit(self)


async def drive(settings: Settings, body: Json) -> Json:
    """Accept the batch unless an earlier process has, and return the run when it has ended."""
    async with bootstrap(settings) as services:
        async with services.database.read() as session:
            known = await runs.page(session, "", before=None, status=None, limit=10)
        if known:
            (id,) = {run.id for run in known}
        else:
            batch = BatchIn.model_validate(body)
            documents = [
                BatchDocument(str(given.id), str(given.title), read=ReadText(given.text, "text"))
                for given in batch.documents
            ]
            accepted, _ = await accept(batch_of(documents, batch.options, services), services)
            id = accepted.id
        while not await runs.has_ended(services.database, id):
            await notifier.wait(services.notifier.waiter(id), 0.2)
        shown = await show_run(services.database, id)
    return shown.model_dump(mode="json")


def child(settings: Settings, body: Json, pipe: int) -> int:
    """What a child does; its exit code."""
    report: Json = {}
    try:
        report["run"] = asyncio.run(drive(settings, body))
    except Exception as error:  # it is told, whatever it is
        report["error"] = f"{type(error).__name__}: {error}"
    report |= {"commits": moment.commits, "writes": moment.writes, "file_writes": moment.file_writes}
    os.write(pipe, json.dumps(report).encode())
    return 0


def spawn(settings: Settings, body: Json) -> Json:
    """Fork a child and return what it reports; only `killed` if it was."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        os._exit(child(settings, body, writing))
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(pid, 0)
    report: Json = json.loads(told) if told else {}
    return report | {"killed": os.WIFSIGNALED(status)}


def main() -> None:
    sqlite3.connect = sqlite3.dbapi2.connect = partial(sqlite3.connect, factory=Connection)  # type: ignore[assignment]
    with suppress(AttributeError):  # then no file write is counted
        file_writes.watch(moment.file_write)
    worker.AGAIN_SECONDS = 0.05  # what is waited for is not what is proved
    gc.collect()
    gc.freeze()  # so that no child looks through all of it again
    base = Path(sys.argv[1])
    for line in sys.stdin:
        asked = json.loads(line)
        moment.__init__(asked.get("fault", ""), asked.get("at", 0))  # type: ignore[misc]
        settings = Settings(_env_file=None, data_dir=base / asked["data"], **asked["settings"])
        print(json.dumps(spawn(settings, asked["body"])), flush=True)


if __name__ == "__main__":
    main()
