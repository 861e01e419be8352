"""How Alembic reaches the database: over the address that `app.store.migrate` hands in."""

from typing import Any

from alembic import context
from sqlalchemy import create_engine, event

from app.store.models import Base


def run() -> None:
    """Run all pending migrations in one transaction: a process that is killed in the middle leaves the old schema
    whole.
    """
    engine = create_engine(context.config.attributes["url"], connect_args={"timeout": 60.0})

    def on_connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver would commit before each DDL statement
        # Now, before a second process can have the file open: the switch needs it alone.
        connection.execute("PRAGMA journal_mode = WAL")

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
