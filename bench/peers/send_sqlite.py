"""The tutorial of `bench.peers.send` with the checkpointer that its page recommends for one machine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from bench.peers.contest import Summarise, Terms, contend
from bench.peers.send import build


@asynccontextmanager
async def opened(terms: Terms) -> AsyncIterator[Summarise]:
    async with AsyncSqliteSaver.from_conn_string(str(terms.store)) as saver:
        yield build(terms, saver)


if __name__ == "__main__":
    contend(opened)
