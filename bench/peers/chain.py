"""`load_summarize_chain` of langchain-classic, `map_reduce`, as its page shows it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from langchain_classic.chains.summarize import load_summarize_chain
from langchain_core.documents import Document
from langchain_core.outputs import ChatResult
from langchain_openai import ChatOpenAI
from pydantic import PrivateAttr

from bench.peers.contest import MODEL, Summarise, Terms, contend


class LimitedChatOpenAI(ChatOpenAI):
    """ChatOpenAI behind a semaphore: the chain sends all its chunks at once, whatever `max_concurrency` says."""

    _semaphore: asyncio.Semaphore = PrivateAttr()

    async def _agenerate(self, *arguments: Any, **options: Any) -> ChatResult:
        async with self._semaphore:
            return await super()._agenerate(*arguments, **options)


@asynccontextmanager
async def opened(terms: Terms) -> AsyncIterator[Summarise]:
    # The chain counts tokens to decide when to collapse, with a vocabulary that would be downloaded: this counter is
    # cheaper than the real one, so it does the chain no wrong.
    model = LimitedChatOpenAI(
        model=MODEL, base_url=terms.base_url, custom_get_token_ids=lambda text: list(range(len(text) // 4))
    )
    model._semaphore = asyncio.Semaphore(terms.calls)  # noqa: SLF001
    chain = load_summarize_chain(model, chain_type="map_reduce")

    async def summarise(chunks: list[str]) -> str:
        output = await chain.ainvoke({"input_documents": [Document(page_content=chunk) for chunk in chunks]})
        return str(output["output_text"])

    yield summarise


if __name__ == "__main__":
    contend(opened)
