"""The plain way: `asyncio.gather` over ChatOpenAI behind a semaphore, then one merge. A crash loses and pays all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from langchain_openai import ChatOpenAI

from bench.peers.contest import MAP_PROMPT, MERGE_PROMPT, MODEL, Summarise, Terms, contend


@asynccontextmanager
async def opened(terms: Terms) -> AsyncIterator[Summarise]:
    model = ChatOpenAI(model=MODEL, base_url=terms.base_url)
    semaphore = asyncio.Semaphore(terms.calls)

    async def call(prompt: str) -> str:
        async with semaphore:
            return str((await model.ainvoke(prompt)).text)

    async def summarise(chunks: list[str]) -> str:
        partials = await asyncio.gather(*(call(MAP_PROMPT + chunk) for chunk in chunks))
        return await call(MERGE_PROMPT + "\n\n".join(partials))

    yield summarise


if __name__ == "__main__":
    contend(opened)
