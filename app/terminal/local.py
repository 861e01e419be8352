"""This process itself as the desk: the service's own graph and storage, without HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any, Self

from pydantic import ValidationError

from app.api.batch import Batch, BatchDocument, accept, batch_of, one_line
from app.api.plans import create_plan
from app.api.rendering import render_markdown
from app.api.runs import cancel_run
from app.api.showing import run_head, show_run
from app.bootstrap import Services, bootstrap
from app.errors import DocumentError, PrecisError
from app.settings import Settings, WrongSetting, read_settings
from app.store import events, runs
from app.store.database import Database
from app.store.migrate import UNUSABLE, migrate, why_unusable
from app.store.models import Status
from app.terminal.desk import Citations, Json, Sent
from app.terminal.ending import FAILED, USAGE, CommandFailed, refused, wrong_fields
from app.terminal.sources import Source
from app.work.notifier import wait
from graphs.summarize import Options

FILES_AT_ONCE = 16  # held in memory while they wait to be read
EVENTS_AT_ONCE = 1_000


class Kept:
    """A shelf: the runs in the data directory, which are looked at and not driven."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    @asynccontextmanager
    async def open(cls, **given: Any) -> AsyncIterator[Self]:
        """Open the data directory of these settings. Raises `CommandFailed` when nothing is kept there."""
        settings = _settings(given)
        with _told(settings):
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


class Local(Kept):
    """A desk and a shelf: runs are driven by this process as long as it is open."""

    def __init__(self, services: Services) -> None:
        super().__init__(services.database)
        self._services = services

    @classmethod
    @asynccontextmanager
    async def open(cls, **given: Any) -> AsyncIterator[Self]:
        """Open the service of these settings without its HTTP. Raises `CommandFailed`."""
        settings = _settings(given)
        with _told(settings):
            async with bootstrap(settings) as services:
                yield cls(services)

    async def plan(self, sources: Sequence[Source], options: Json, sent: Sent) -> Json:
        """Return what a batch would take; nothing is run."""
        batch = await self._batch(sources, options, sent)
        return (await create_plan(batch, self._services)).model_dump(mode="json")

    async def start(self, sources: Sequence[Source], options: Json, sent: Sent) -> Json:
        """Hand a batch in; return the run."""
        accepted, _ = await accept(await self._batch(sources, options, sent), self._services)
        return await self.run(accepted.id)

    async def events(self, run_id: str) -> AsyncIterator[tuple[str, Json]]:
        """Yield type and data of each event of a run, from its first to its end."""
        seq = 0
        while True:
            waiter = self._services.notifier.waiter(run_id)
            found = await self._services.database.fetch(events.after(run_id, seq, EVENTS_AT_ONCE))
            for event in found:
                seq = event.seq
                yield event.type, json.loads(event.data)
            if found and found[-1].type == events.FINISHED:
                return
            if not found:
                await wait(waiter)

    async def cancel(self, run_id: str) -> Json:
        """Stop a run; return it when it has stopped."""
        async with self._database.read() as session:
            run = await runs.get(session, run_id)
        return (await cancel_run(run, self._services)).model_dump(mode="json")

    async def _batch(self, sources: Sequence[Source], wanted: Json, sent: Sent) -> Batch:
        try:
            options = Options.model_validate(wanted)
        except ValidationError as error:
            raise wrong_fields(list(_wrong(error))) from None
        total, most = sum(source.size for source in sources), self._services.settings.max_body_bytes
        if total > most:
            raise CommandFailed(
                f"the files hold {total:,} bytes and at most {most:,} are taken at once: "
                "summarise them in parts, or raise PRECIS_MAX_BODY_BYTES."
            )
        turns = asyncio.Semaphore(FILES_AT_ONCE)
        count = 0

        async def read(source: Source) -> BatchDocument:
            nonlocal count
            async with turns:
                document = await self._read(source)
            count += 1
            sent(count, len(sources))
            return document

        return batch_of(await asyncio.gather(*map(read, sources)), options, self._services)

    async def _read(self, source: Source) -> BatchDocument:
        name = source.path.name
        document = BatchDocument(source.name, one_line(name) or source.name, group=one_line(source.group))
        try:
            data = await asyncio.to_thread(source.read)
            document.read = await self._services.reader.read(name, data)
        except DocumentError as error:
            document.error = error
        except OSError as error:
            raise CommandFailed(f"{source.name}: {error.strerror}.") from None
        else:
            document.title = one_line(document.read.title)[:500] or document.title
        return document


def _settings(given: Mapping[str, Any]) -> Settings:
    try:
        return read_settings(**given)
    except WrongSetting as error:
        raise CommandFailed(f"{error}.", USAGE) from None


def _wrong(error: ValidationError) -> Iterator[tuple[str, str]]:
    for found in error.errors():
        yield ".".join(map(str, found["loc"])), str(found["msg"])


@contextmanager
def _told(settings: Settings) -> Iterator[None]:
    """Turn what the service and the system raise into one sentence."""
    try:
        yield
    except PrecisError as error:
        raise refused(error.problem()) from None
    except UNUSABLE as error:
        raise CommandFailed(why_unusable(error, settings.database_place), FAILED) from None
