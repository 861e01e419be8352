"""On the wire: no prompt is longer than its bound, and a run that was stopped ends as if it had not been."""

from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from graphs.models.failures import Unauthorized
from graphs.summarize import Document, Documents, builder, make_plan
from graphs.summarize.authors import REQUEST_TOKENS
from graphs.text.tokens import token_counter
from tests.graphs.injections import INJECTIONS
from tests.graphs.summaries import ContextOf, batch, prompts_of, run, story
from tests.model_server import ModelServer

# What OpenAI's protocol adds to the texts of a prompt: 3 tokens and the role a message, 3 for the answer's start.
MESSAGE_TOKENS, START_TOKENS = 4, 3

SHAPES: list[dict[str, Any]] = [
    {"strategy": "map_reduce", "window_tokens": 6_000, "chunk_tokens": 300, "length": "short"},
    {"strategy": "map_reduce", "window_tokens": 4_096, "chunk_tokens": 3_000, "style": "report", "variants": 2},
    {
        "strategy": "refine",
        "window_tokens": 8_192,
        "chunk_tokens": 300,
        "focus": "How many boats?",
        "audience": "Children",
    },
    {"strategy": "auto", "window_tokens": 8_192, "chunk_tokens": 1_000, "length": "long", "style": "executive"},
    {"strategy": "auto", "window_tokens": 128_000, "chunk_tokens": 3_000, "language": "ko", "group_by": "topic"},
    {"strategy": "map_reduce", "window_tokens": 1_000_000, "chunk_tokens": 150, "words": 400},
]


def hostile_batch() -> Documents:
    """Documents of many languages and sizes, with titles, headings and numbers that cost many tokens."""
    korean = "등대지기는 정오 전에 배가 항구로 들어오는 것을 보았다. " * 40
    pieces = [
        story("Ansan", 60),
        korean,
        "1. 2. 3. [4]. " * 200,
        "뷁쉟 " * 300,
        " ".join(INJECTIONS.values()),
        story("Busan", 5),
    ]
    titles = ["The town of Ansan", "보고서 " * 60, "", "🧿" * 150, INJECTIONS["chatml"], "a\nb\tc " * 80]
    texts = [f"# {title}\n\n{text}" for title, text in zip(titles, pieces, strict=True)]
    return Documents(Document(f"d{place}", titles[place], text) for place, text in enumerate(texts))


@pytest.mark.parametrize("shape", SHAPES)
async def test_no_prompt_on_the_wire_is_longer_than_its_bound(
    shape: dict[str, Any], context_of: ContextOf, model_server: ModelServer
) -> None:
    context = context_of(hostile_batch(), model="openai:gpt-4o", **shape)
    plan = make_plan(context.documents, context, context.facts, context.chunk_tokens)
    await run(context)
    calls = model_server.calls(2_000)
    assert len(calls) == model_server.stats()["calls"] > 5
    counter = token_counter("openai:gpt-4o")
    bounds: dict[str, list[int]] = {}
    for step in plan["steps"].values():
        bounds.setdefault("merge" if step["kind"] == "merge" else "chunk", []).append(step["prompt_tokens"])
    for call in calls:
        texts = [message["content"] for message in call["messages"]]
        size = sum(counter.count(texts)) + MESSAGE_TOKENS * len(texts) + START_TOKENS
        room = call["parameters"].get("max_tokens") or call["parameters"]["max_completion_tokens"]
        assert size + room <= shape["window_tokens"]
        kind = "merge" if "\nPartial summary 1: " in texts[1] else "chunk"
        again = (len(texts) - 2) // 2 * (room + REQUEST_TOKENS)  # the draft and what was said of it
        assert size <= max(bounds[kind]) + again, texts[1:]


@pytest.mark.parametrize(
    "settings",
    [
        {"style": "report", "variants": 2, "verify": "llm", "unsupported": "remove"},
        {"strategy": "refine", "style": "bullets", "focus": "How many boats?"},
        {"words": 40, "group_by": "topic", "verify": "llm", "scope": "both", "language": "ko"},
    ],
)
async def test_a_run_that_was_stopped_and_resumed_ends_byte_for_byte_as_one_that_was_not(
    settings: dict[str, Any], tmp_path: Path, context_of: ContextOf, model_server: ModelServer
) -> None:
    def documents() -> Documents:
        return batch(Ansan=30, Busan=3, Chuncheon=30, Daegu=1)

    undisturbed = await run(context_of(documents(), **settings))
    calls = model_server.stats()["finished"]
    order = [result["id"] for result in undisturbed["results"]]
    assert order == ["Ansan", "Busan", "Chuncheon", "Daegu"]
    last = prompts_of(model_server)[-1][:400]
    for match in ("qChuncheon0014", "qAnsan0029", last):
        model_server.reset()
        for mark in ("qAnsan0003", "qChuncheon0001"):
            model_server.fault("delay", match=mark, seconds=0.05)
        async with AsyncSqliteSaver.from_conn_string(
            str(tmp_path / f"{len(match)}{match[:8].strip('<-')}.db")
        ) as saver:
            compiled: Any = builder.compile(checkpointer=saver)
            config: Any = {"configurable": {"thread_id": "t"}}
            context = context_of(documents(), **settings)
            model_server.fault("401", match=match)
            with pytest.raises(Unauthorized):
                await compiled.ainvoke({}, config, context=context)
            output = await compiled.ainvoke(None, config, context=context)
        for part in ("status", "summary", "variants", "results", "coverage"):
            assert output[part] == undisturbed[part], part
        stats = model_server.stats()
        assert stats["repeats"] <= context.calls.limits.most  # those that were in flight
        assert stats["finished"] - stats["repeats"] == calls
