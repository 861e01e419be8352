"""The floor: the same calls as plain aiohttp posts behind a semaphore, each answer's text taken out of its JSON."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from bench.peers.contest import MAP_PROMPT, MERGE_PROMPT, MODEL, Summarise, Terms, contend


@asynccontextmanager
async def opened(terms: Terms) -> AsyncIterator[Summarise]:
    semaphore = asyncio.Semaphore(terms.calls)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=terms.calls)) as session:

        async def call(prompt: str) -> str:
            body = {"model": MODEL, "messages": [{"role": "user", "content": prompt}]}
            async with semaphore, session.post(f"{terms.base_url}/chat/completions", json=body) as response:
                response.raise_for_status()
                return str((await response.json())["choices"][0]["message"]["content"])

        async def summarise(chunks: list[str]) -> str:
            partials = await asyncio.gather(*(call(MAP_PROMPT + chunk) for chunk in chunks))
            return await call(MERGE_PROMPT + "\n\n".join(partials))

        yield summarise


if __name__ == "__main__":
    contend(opened)
