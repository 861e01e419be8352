"""Fixtures: contexts of a graph that asks the model server."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from graphs.models import Calls, ChatModel, Limits, MemoryLedger, ModelFacts, open_pool
from graphs.summarize import Context, Documents
from tests.graphs.summaries import CHUNK_TOKENS, ContextOf, Settings
from tests.model_server import ModelServer


@pytest.fixture
async def context_of(model_server: ModelServer) -> AsyncIterator[ContextOf]:
    """Contexts of a chat model behind the model server."""
    async with open_pool() as pool:

        def open_chat(facts: ModelFacts) -> ChatModel:
            return ChatModel(facts, api_key="test", base_url=model_server.base_url, pool=pool)

        def context_of(documents: Documents, **settings: Any) -> Context:
            calls = Calls(MemoryLedger(), limits=Limits(most=8), deadline_seconds=10, backoff_seconds=0.001)
            given: Settings = {"model": "openai:fake", "chunk_tokens": CHUNK_TOKENS, "strategy": "map_reduce"}
            given |= {"calls": calls, "chat": open_chat} | settings
            return Context(documents=documents, **given)

        yield context_of
