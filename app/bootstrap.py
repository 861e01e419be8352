"""Open everything in order; close it in reverse. Nothing is a module global."""

import asyncio
import ctypes
import gc
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from app.ingest.reader import Reader
from app.settings import Settings
from app.store.calls import CallStore
from app.store.checkpoints import open_checkpoints
from app.store.database import Database
from app.store.migrate import migrate
from app.work.lease import HOLD_SECONDS, HeldChat, Lease
from app.work.notifier import Notifier
from app.work.presence import Presence
from app.work.pulse import Pulse
from app.work.resources import Resources
from app.work.worker import Worker
from graphs.models import (
    EMBEDDED,
    Calls,
    ChatModel,
    Gate,
    Limits,
    MemoryGuard,
    ModelFacts,
    load_chat,
    model_facts,
    open_pool,
)
from graphs.summarize import Document, Documents, Options, make_plan

# Objects, and passes over the younger ones, before the next pass. A section begins with some ten thousand objects, and
# they go with it, hardly one of them in a cycle: to look through them takes a tenth of the loop's time, in vain. What
# outlives a pass, as a plan does, is looked through once more by every second one, with all that has come since: half
# a microsecond an object, in which nothing else goes on, so that must not be many.
GC_THRESHOLDS = (50_000, 1, 30)
# That a thread may keep Python to itself while another waits; by default 5 ms. A transaction changes threads with each
# statement, and waits as long each time while the loop is busy with a large run: half of a small run's time beside one.
SWITCH_SECONDS = 0.0005
STREAMS_AT_ONCE = 2  # that read from the database; they take turns
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8  # of glibc's malloc.h
ARENAS = 2  # which hold what threads allocate; by default one a thread, each with free room that the others cannot use


class ChatOpener:
    """Opens each chat model once, all over the same connection pool."""

    def __init__(self, settings: Settings, pool: aiohttp.ClientSession, gate: Gate, lease: Lease) -> None:
        self._settings = settings
        self._pool = pool
        self._gate = gate
        self._lease = lease
        self._open: dict[ModelFacts, ChatModel] = {}

    def warm_up(self) -> None:
        """Load what the first run of the default model would have to wait a second for; best in a thread."""
        facts = model_facts(self._settings.default_model)
        if facts.name != EMBEDDED:
            self(facts)
            make_plan(Documents([Document("", "", "")]), Options(), facts, self._settings.chunk_tokens)  # vocabularies

    def __call__(self, facts: ModelFacts) -> ChatModel:
        """Return the chat model, opened if it was not."""
        if facts not in self._open:
            key = self._settings.openai_api_key
            self._open[facts] = HeldChat(
                facts,
                api_key=key.get_secret_value() if key else None,
                base_url=self._settings.openai_base_url,
                pool=self._pool,
                observe=self._gate.observe,
                lease=self._lease,
                # A wait must end before the call's own deadline does: that would count as the provider's fault.
                hold_seconds=min(HOLD_SECONDS, self._settings.call_seconds / 2),
            )
        return self._open[facts]


@dataclass(slots=True)
class Services:
    """What a running service consists of."""

    settings: Settings
    database: Database
    notifier: Notifier
    resources: Resources
    chat: ChatOpener
    pulse: Pulse
    worker: Worker
    working: asyncio.Task[None]  # the worker's loop
    reader: Reader
    stopping: asyncio.Event = field(default_factory=asyncio.Event)  # set when the process has been told to end
    telling: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(STREAMS_AT_ONCE))
    """A stream holds it while it reads rows and makes events of them: what hundreds had in hand together would stay
    taken."""


@asynccontextmanager
async def bootstrap(settings: Settings) -> AsyncIterator[Services]:
    """Open the service: migrated database, checkpoints, connection pool, worker. Runs that a killed process left are
    resumed.
    """
    async with AsyncExitStack() as stack:
        _give_memory_back()
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(migrate, settings.sqlalchemy_url)
        database = Database(settings.sqlalchemy_url)
        stack.push_async_callback(database.close)
        checkpoints = await stack.enter_async_context(open_checkpoints(settings.data_dir / "checkpoints.db"))
        pool = await stack.enter_async_context(open_pool())
        memory = MemoryGuard(settings.memory_bytes)
        calls = Calls(
            CallStore(database),
            limits=_limits(settings),
            deadline_seconds=settings.call_seconds,
            is_tight=memory.is_tight,
        )
        notifier = Notifier()
        lease = Lease(settings.lease_seconds)
        chat = ChatOpener(settings, pool, calls.gate("openai"), lease)
        resources = Resources(settings, database, notifier, calls, chat, checkpoints, memory)
        worker_id = uuid.uuid4().hex
        presence = Presence(settings.data_dir / "workers", worker_id)
        stack.callback(presence.close)
        worker = Worker(resources, presence, lease, worker_id)
        working = asyncio.create_task(worker.run(), name="worker")
        stack.push_async_callback(_stop, worker, working)
        pulse = Pulse()
        beating = asyncio.create_task(pulse.beat(), name="pulse")
        stack.callback(beating.cancel)
        reader = Reader(settings.parse_seconds)
        stack.push_async_callback(reader.close)
        if settings.allowed_models != [EMBEDDED]:
            load_chat()  # which the first run that asks for it would bring in behind the freeze
        # What is loaded by now stays for good: the garbage collector need not look through it again and again, nor look
        # after every seven hundred objects. Both together took a third of the graph's CPU time.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        sys.setswitchinterval(SWITCH_SECONDS)
        yield Services(settings, database, notifier, resources, chat, pulse, worker, working, reader)


def _give_memory_back() -> None:
    """Let texts of more than 128 KB have memory of their own, which goes back to the system with them.

    By default glibc raises that size with each such text that it frees, and keeps ever more of them.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 128 * 1024)
        mallopt(M_ARENA_MAX, ARENAS)


def _limits(settings: Settings) -> Limits:
    return Limits(
        most=settings.concurrency,
        start=settings.concurrency_start,
        least=settings.concurrency_least,
        requests_per_minute=settings.requests_per_minute,
        tokens_per_minute=settings.tokens_per_minute,
        hedge=settings.hedge,
    )


async def _stop(worker: Worker, working: asyncio.Task[None]) -> None:
    worker.stop()
    await working
