"""The runs that the data directory keeps, read without the service: neither its HTTP nor its models are loaded."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any, Self

from app.api.rendering import render_markdown
from app.api.showing import run_head, show_run
from app.errors import PrecisError
from app.settings import Settings, WrongSetting, read_settings
from app.store import runs
from app.store.database import Database
from app.store.migrate import UNUSABLE, migrate, why_unusable
from app.store.models import Status
from app.terminal.desk import Citations, Json
from app.terminal.ending import FAILED, USAGE, CommandFailed, refused


class Kept:
    """A shelf: the runs in the data directory, which are looked at and not driven."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    @asynccontextmanager
    async def open(cls, **given: Any) -> AsyncIterator[Self]:
        """Open the data directory of these settings. Raises `CommandFailed` when nothing is kept there."""
        settings = settings_of(given)
        with told(settings):
            if not settings.database_url and not (settings.data_dir / "precis.db").exists():
                raise CommandFailed(f"there are no runs in {settings.data_dir}.")
            await asyncio.to_thread(migrate, settings.sqlalchemy_url)
            async with AsyncExitStack() as stack:
                database = Database(settings.sqlalchemy_url)
                stack.push_async_callback(database.close)
                yield cls(database)

    async def page(self, limit: int, status: str | None) -> list[Json]:
        """Return the newest runs, without their documents."""
        wanted = Status(status) if status else None
        async with self._database.read() as session:
            found = await runs.page(session, "", before=None, status=wanted, limit=limit)
            titles = await runs.first_titles(session, [run.id for run in found])
        return [run_head(run, titles.get(run.id, "")).model_dump(mode="json") for run in found]

    async def run(self, run_id: str) -> Json:
        """Return a run as it is now."""
        return (await show_run(self._database, run_id)).model_dump(mode="json")

    async def markdown(self, run_id: str, citations: Citations) -> str:
        """Return the summaries of a run that has some, with citations as wanted."""
        return render_markdown(await show_run(self._database, run_id), citations)

    async def delete(self, run_id: str) -> None:
        """Delete a run that has ended."""
        async with self._database.begin() as session:
            await runs.remove(session, run_id)


def settings_of(given: Mapping[str, Any]) -> Settings:
    """Return the settings, with what was given as flags. Raises `CommandFailed`."""
    try:
        return read_settings(**given)
    except WrongSetting as error:
        raise CommandFailed(f"{error}.", USAGE) from None


@contextmanager
def told(settings: Settings) -> Iterator[None]:
    """Turn what the service and the system raise into one sentence."""
    try:
        yield
    except PrecisError as error:
        raise refused(error.problem()) from None
    except UNUSABLE as error:
        raise CommandFailed(why_unusable(error, settings.database_place), FAILED) from None
