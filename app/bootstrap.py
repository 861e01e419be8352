"""Open everything in order; close it in reverse. Nothing is a module global."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import httpx2

from app.ingest.reader import Reader
from app.settings import Settings
from app.store.calls import CallStore
from app.store.checkpoints import open_checkpoints
from app.store.database import Database
from app.store.migrate import migrate
from app.work.notifier import Notifier
from app.work.presence import Presence
from app.work.resources import Resources
from app.work.worker import Worker
from graphs.models import Calls, ChatModel, ModelFacts, open_http_client


@dataclass(slots=True)
class Services:
    """What a running service consists of."""

    settings: Settings
    database: Database
    notifier: Notifier
    resources: Resources
    worker: Worker
    working: asyncio.Task[None]  # the worker's loop
    reader: Reader
    stopping: asyncio.Event = field(default_factory=asyncio.Event)  # set when the process has been told to end


@asynccontextmanager
async def bootstrap(settings: Settings) -> AsyncIterator[Services]:
    """Open the service: migrated database, checkpoints, connection pool, worker. Runs that a killed process left are
    resumed.
    """
    async with AsyncExitStack() as stack:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(migrate, settings.sqlalchemy_url)
        database = Database(settings.sqlalchemy_url)
        stack.push_async_callback(database.close)
        checkpoints = await stack.enter_async_context(open_checkpoints(settings.data_dir / "checkpoints.db"))
        http_client = open_http_client(settings.call_seconds)
        stack.push_async_callback(http_client.aclose)
        calls = Calls(CallStore(database), concurrency=settings.concurrency, deadline_seconds=settings.call_seconds)
        notifier = Notifier()
        resources = Resources(settings, database, notifier, calls, ChatOpener(settings, http_client), checkpoints)
        worker_id = uuid.uuid4().hex
        presence = Presence(settings.data_dir / "workers", worker_id)
        stack.callback(presence.close)
        worker = Worker(resources, presence, worker_id)
        working = asyncio.create_task(worker.run(), name="worker")
        stack.push_async_callback(_stop, worker, working)
        reader = Reader(settings.parse_seconds)
        stack.push_async_callback(reader.close)
        yield Services(settings, database, notifier, resources, worker, working, reader)


class ChatOpener:
    """Opens each chat model once, all over the same connection pool."""

    def __init__(self, settings: Settings, http_client: httpx2.AsyncClient) -> None:
        self._settings = settings
        self._http_client = http_client
        self._open: dict[ModelFacts, ChatModel] = {}

    def __call__(self, facts: ModelFacts) -> ChatModel:
        """Return the chat model, opened if it was not."""
        if facts not in self._open:
            key = self._settings.openai_api_key
            self._open[facts] = ChatModel(
                facts,
                api_key=key.get_secret_value() if key else None,
                base_url=self._settings.openai_base_url,
                http_client=self._http_client,
            )
        return self._open[facts]


async def _stop(worker: Worker, working: asyncio.Task[None]) -> None:
    worker.stop()
    await working
