"""What a chat model wrote is a summary only if it is not longer than its source and fits where the plan has put it."""

from typing import Any

import pytest

from graphs.models import Answer, Bound, ChatModel, ModelFacts
from graphs.models.failures import AnswerCut, AnswerTooLong
from graphs.models.spending import Bill
from graphs.summarize import Document, Documents
from graphs.summarize.authors import ChatAuthor, Payer, step_bound
from graphs.summarize.prompts import Wishes
from graphs.summarize.state import Result, Step

FACTS = ModelFacts("openai:gpt-4o-mini", 8_000, takes_temperature=True, price=(1.0, 2.0))
SOURCE = "The river rose and the town kept dry. " * 50
DOCUMENTS = Documents([Document("a", "River", SOURCE)])


class Chat(ChatModel):
    """Says what a test wants and remembers the room that it was given."""

    def __init__(self, text: str, completion_tokens: int = 10) -> None:
        super().__init__(FACTS, api_key=None, base_url="http://127.0.0.1:9/v1")
        self.answer = Answer(text, completion_tokens=completion_tokens)
        self.rooms: list[int] = []

    async def ask(self, messages: Any, max_tokens: int, bill: Bill | None = None, hear: Any = None) -> Answer:
        self.rooms.append(max_tokens)
        return self.answer


def step(**changes: Any) -> Step:
    values: dict[str, Any] = {
        "id": "0.0", "document": "a", "inputs": [], "start": 0, "end": len(SOURCE), "part": 0, "parts": 1, "level": 0,
        "words": 100, "language": "en", "source_words": 400, "prompt_tokens": 1_000, "max_tokens": 464,
        "is_summary": True, "kind": "map", "is_numbered": True, "variant": 0,
    }  # fmt: skip
    return Step(**values | changes)  # type: ignore[no-any-return, typeddict-item]  # as the plan makes them


def author_of(chat: Chat) -> ChatAuthor:
    return ChatAuthor(chat, DOCUMENTS, wishes=Wishes(), payer=Payer())


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("word " * 401, 10),
        ("a" * 8_000, 10),  # one word, of more characters than its tokens can have
        ("한" * 4_000_000, 10),
        ("river " * 300 + "x" * 4_000, 2_000),  # the server keeps to no limit
        ("뷁" * 300, 10),  # nor does this one, and it states another number
    ],
)
async def test_an_answer_that_is_too_long_in_words_characters_or_tokens_is_no_summary(text: str, tokens: int) -> None:
    call = (await author_of(Chat(text, tokens)).question(step(), [])).call
    with pytest.raises(AnswerTooLong):
        await call.perform(1)


async def test_what_a_model_thinks_beside_a_short_answer_makes_it_no_longer() -> None:
    call = (await author_of(Chat("The town kept dry.", 1_500)).question(step(), [])).call
    assert (await call.perform(4)).text == "The town kept dry."


async def test_the_room_grows_only_as_far_as_the_window() -> None:
    chat = Chat("The town kept dry.")
    call = (await author_of(chat).question(step(prompt_tokens=6_500, max_tokens=1_000), [])).call
    await call.perform(1)
    await call.perform(2)
    with pytest.raises(AnswerCut):
        await call.perform(4)
    assert chat.rooms == [1_000, 1_500]


async def test_the_bound_of_a_call_grows_with_its_room() -> None:
    call = (await author_of(Chat("")).question(step(), [])).call
    assert [call.bound(room).tokens for room in (1, 2, 4)] == [1_464, 1_928, 2_856]
    assert call.bound(1) == step_bound(step(), FACTS) == Bound(1, 1_464, (1_000 + 2 * 464) / 1e6)


async def test_a_merge_that_was_not_planned_so_is_bounded_by_its_own_prompt() -> None:
    below = [
        (
            Result(step="x", document="a", part=0, parts=1, key="", cites=[], words=200),
            Answer("The town kept dry. " * 200),
        )
    ] * 2
    call = (await author_of(Chat("")).question(step(kind="merge", prompt_tokens=50), below)).call
    assert call.bound(1).tokens > 2 * 200 * 4 + 464
