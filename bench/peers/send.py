"""LangGraph's map-reduce tutorial: one `Send` per chunk, a list that grows by `operator.add`, one merge.

Only the semaphore is added. `max_concurrency` would be the tutorial's way, but it also holds back the checkpointer.
"""

import asyncio
import operator
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypedDict
from uuid import uuid4

from langchain_core.runnables import RunnableConfig
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from bench.peers.contest import MAP_PROMPT, MERGE_PROMPT, MODEL, Summarise, Terms, contend


class State(TypedDict):
    """The graph's state, texts and all, as the tutorial has it."""

    chunks: list[str]
    partials: Annotated[list[str], operator.add]
    summary: str


class ChunkState(TypedDict):
    """What a `Send` carries."""

    chunk: str


def build(terms: Terms, checkpointer: BaseCheckpointSaver[Any] | None) -> Summarise:
    """Return the graph as a function, every call of which is a thread of its own."""
    model = ChatOpenAI(model=MODEL, base_url=terms.base_url)
    semaphore = asyncio.Semaphore(terms.calls)

    def map_chunks(state: State) -> list[Send]:
        return [Send("summarise_chunk", {"chunk": chunk}) for chunk in state["chunks"]]

    async def summarise_chunk(state: ChunkState) -> dict[str, Any]:
        async with semaphore:
            answer = await model.ainvoke(MAP_PROMPT + state["chunk"])
        return {"partials": [str(answer.text)]}

    async def merge(state: State) -> dict[str, Any]:
        answer = await model.ainvoke(MERGE_PROMPT + "\n\n".join(state["partials"]))
        return {"summary": str(answer.text)}

    builder = StateGraph(State)
    builder.add_node("summarise_chunk", summarise_chunk)
    builder.add_node("merge", merge)
    builder.add_conditional_edges(START, map_chunks, ["summarise_chunk"])
    builder.add_edge("summarise_chunk", "merge")
    builder.add_edge("merge", END)
    graph = builder.compile(checkpointer=checkpointer)

    async def summarise(chunks: list[str]) -> str:
        config: RunnableConfig = {"configurable": {"thread_id": str(uuid4())}}
        output = await graph.ainvoke({"chunks": chunks, "partials": [], "summary": ""}, config)
        return str(output["summary"])

    return summarise


@asynccontextmanager
async def opened(terms: Terms) -> AsyncIterator[Summarise]:
    yield build(terms, checkpointer=None)


if __name__ == "__main__":
    contend(opened)
