"""What the tests of the whole graph share: batches whose sentences can be told apart, and a look at what was asked."""

import re
from collections.abc import Callable
from typing import Any

from graphs.summarize import Context, Document, Documents, Output, graph
from tests.model_server import ModelServer

Settings = dict[str, Any]
ContextOf = Callable[..., Context]

CHUNK_TOKENS = 100
EMBEDDED: Settings = {"model": "embedded:extractive", "chunk_tokens": CHUNK_TOKENS, "meaning": False}


def story(town: str, sentences: int) -> str:
    """A text of which every sentence is told apart by a word of its own, such as qAnsan0017."""
    return " ".join(
        f"In year {number} the town of {town} counted {number * 7 + 3} boats and wrote q{town}{number:04} into its book."
        for number in range(sentences)
    )


def batch(**sentences: int) -> Documents:
    return Documents(Document(town, f"The town of {town}", story(town, count)) for town, count in sentences.items())


async def run(context: Context, compiled: Any = graph, **config: Any) -> Output:
    output: Output = await compiled.ainvoke({}, context=context, **config)
    return output


def prompts_of(server: ModelServer) -> list[str]:
    """The user's part of every call, in the order of their arrival."""
    return [call["messages"][-1]["content"] for call in server.calls(1_000)]


def is_merge(prompt: str) -> bool:
    return bool(re.search(r"^Partial summary 1: ", prompt, re.MULTILINE))


def chunk_in(prompt: str) -> str:
    """The chunk that a map's prompt holds, without what it says of the document."""
    return prompt.partition("\n\n")[2]


def marks(text: str) -> list[str]:
    return re.findall(r"q[A-Z][a-z]+\d{4}", text)
