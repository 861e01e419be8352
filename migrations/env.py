"""How Alembic reaches the database: over the address that `app.store.migrate` hands in."""

import sqlite3
import time
from typing import Any

from alembic import context
from sqlalchemy import create_engine, event

from app.store.models import Base

LOCK_SECONDS = 60.0  # how long another process may take for its migrations


def _use_wal(connection: Any) -> None:
    """Switch to the write-ahead log, once and for all: two connections that do so at once lock each other out, and
    SQLite then fails without waiting.
    """
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise  # a full disk, for example, does not get better by waiting here
            time.sleep(0.02)
        else:
            return


def run() -> None:
    """Run all pending migrations in one transaction: a process that is killed in the middle leaves the old schema
    whole.
    """
    engine = create_engine(context.config.attributes["url"], connect_args={"timeout": LOCK_SECONDS})

    def on_connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver would commit before each DDL statement
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # a new file can give room back; counts before the log
        _use_wal(connection)

    def on_begin(connection: Any) -> None:
        connection.exec_driver_sql(
            "BEGIN IMMEDIATE"
        )  # a second process that starts at the same time waits, then finds nothing to do

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
    with engine.begin() as connection:
        context.configure(
            connection=connection, target_metadata=Base.metadata, transactional_ddl=True, render_as_batch=True
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
