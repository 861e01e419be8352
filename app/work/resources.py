"""What a run needs to be driven; opened by `bootstrap`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver

from app.settings import Settings
from app.store.database import Database
from app.work.drafts import Drafts
from app.work.notifier import Notifier
from app.work.tally import Tally
from graphs.models import Calls, ChatModel, MemoryGuard, ModelFacts


@dataclass(frozen=True, slots=True)
class Resources:
    """The open things that every run of the process shares."""

    settings: Settings
    database: Database
    notifier: Notifier
    calls: Calls
    chat: Callable[[ModelFacts], ChatModel]
    checkpoints: BaseCheckpointSaver[Any]
    memory: MemoryGuard
    tally: Tally = field(default_factory=Tally)
    drafts: Drafts = field(default_factory=Drafts)
