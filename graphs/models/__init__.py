"""One door to every model: chat models and the embedded extractor."""

from graphs.models.calls import Answer, Call, Calls, Ledger, MemoryLedger
from graphs.models.catalog import EMBEDDED, ModelFacts, model_facts
from graphs.models.chat import ChatModel, open_http_client
from graphs.models.failures import CallFailed, LedgerEntryLost, LedgerUnavailable, ModelError, RunStopped

__all__ = [
    "EMBEDDED",
    "Answer",
    "Call",
    "CallFailed",
    "Calls",
    "ChatModel",
    "Ledger",
    "LedgerEntryLost",
    "LedgerUnavailable",
    "MemoryLedger",
    "ModelError",
    "ModelFacts",
    "RunStopped",
    "model_facts",
    "open_http_client",
]
