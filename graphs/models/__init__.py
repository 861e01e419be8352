"""One door to every model: chat models and the embedded extractor."""

from graphs.models.calls import Answer, Call, Calls, Ledger, MemoryLedger
from graphs.models.catalog import EMBEDDED, ModelFacts, Price, embedding_version, model_facts
from graphs.models.chat import ChatModel, load_chat, open_pool
from graphs.models.failures import (
    AnswerMalformed,
    BudgetTooSmall,
    CallFailed,
    LedgerEntryLost,
    LedgerUnavailable,
    ModelError,
    RunStopped,
)
from graphs.models.gate import Gate, Limits
from graphs.models.memory import MemoryGuard
from graphs.models.spending import Bill, Bound

__all__ = [
    "EMBEDDED",
    "Answer",
    "AnswerMalformed",
    "Bill",
    "Bound",
    "BudgetTooSmall",
    "Call",
    "CallFailed",
    "Calls",
    "ChatModel",
    "Gate",
    "Ledger",
    "LedgerEntryLost",
    "LedgerUnavailable",
    "Limits",
    "MemoryGuard",
    "MemoryLedger",
    "ModelError",
    "ModelFacts",
    "Price",
    "RunStopped",
    "embedding_version",
    "load_chat",
    "model_facts",
    "open_pool",
]
