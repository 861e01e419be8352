"""This process itself as the desk: the service's own graph and storage, without HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

from pydantic import ValidationError

from app.api.acceptance import accept
from app.api.batch import Batch, BatchDocument, batch_of
from app.api.events import DraftsTold
from app.api.plans import create_plan
from app.api.runs import cancel_run
from app.api.stream import PROGRESS_SECONDS
from app.api.titles import one_line
from app.bootstrap import Services, bootstrap
from app.errors import DocumentError
from app.store import events, runs
from app.terminal.desk import Json, Sent
from app.terminal.ending import CommandFailed, wrong_fields
from app.terminal.kept import Kept, settings_of, told
from app.terminal.sources import Source
from app.work.notifier import POLL_SECONDS, wait
from graphs.summarize import Options

FILES_AT_ONCE = 16  # held in memory while they wait to be read
EVENTS_AT_ONCE = 1_000


class Local(Kept):
    """A desk and a shelf: runs are driven by this process as long as it is open."""

    def __init__(self, services: Services) -> None:
        super().__init__(services.database)
        self._services = services

    @classmethod
    @asynccontextmanager
    async def open(cls, **given: Any) -> AsyncIterator[Self]:
        """Open the service of these settings without its HTTP. Raises `CommandFailed`."""
        settings = settings_of(given)
        with told(settings):
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
        seq, known = 0, DraftsTold()
        while True:
            waiter = self._services.notifier.waiter(run_id)
            drafts = self._services.resources.drafts.of(run_id)
            if told := known.news(drafts):
                yield "draft", {"drafts": told}
            found = await self._services.database.fetch(events.after(run_id, seq, EVENTS_AT_ONCE))
            for event in found:
                seq = event.seq
                yield event.type, json.loads(event.data)
            if found and found[-1].type == events.FINISHED:
                return
            if not found:
                await wait(waiter, PROGRESS_SECONDS if drafts else POLL_SECONDS)

    async def cancel(self, run_id: str) -> Json:
        """Stop a run; return it when it has stopped."""
        run = await runs.brief(self._database, run_id)
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


def _wrong(error: ValidationError) -> Iterator[tuple[str, str]]:
    for found in error.errors():
        yield ".".join(map(str, found["loc"])), str(found["msg"])
