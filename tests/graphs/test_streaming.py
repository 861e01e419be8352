"""An answer that comes in pieces is judged as one that comes as a whole, and heard while it comes."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from graphs.models import Answer, Call, Calls, ChatModel, model_facts, open_pool
from graphs.models.calls import ATTEMPTS
from graphs.models.failures import AnswerMalformed, CallFailed, CallTimedOut, ModelError, ProviderUnavailable, Transient
from graphs.models.spending import Bill
from graphs.models.streaming import Pieces, said_so_far
from tests.graphs.test_chat import FOR_GOOD, MESSAGES
from tests.model_server import ModelServer

Ask = Callable[..., Awaitable[Answer]]
STREAMED = {"stream": True, "stream_options": {"include_usage": True}}


@pytest.fixture
async def chat(model_server: ModelServer) -> AsyncIterator[ChatModel]:
    async with open_pool() as pool:
        facts = model_facts("openai:gpt-4o-mini")
        yield ChatModel(facts, api_key="test", base_url=model_server.base_url, pool=pool)


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def ask(chat: ChatModel, heard: list[str]) -> Ask:
    """Ask the model server for a stream, impatiently."""

    async def ask(deadline_seconds: float = 5.0, bill: Bill | None = None) -> Answer:
        async def perform(room: int) -> Answer:
            heard.clear()
            return await chat.ask(MESSAGES, 500 * room, bill, heard.append)

        door = Calls(deadline_seconds=deadline_seconds, backoff_seconds=0.001)
        return await door.ask(Call(model=chat.facts.name, identity={"m": MESSAGES}, perform=perform))

    return ask


def asked(model_server: ModelServer) -> list[bool]:
    """Which of the calls asked for a stream."""
    return [bool(call["parameters"].get("stream")) for call in model_server.calls()]


async def test_a_stream_gives_the_answer_and_the_bill_that_a_whole_gives(
    ask: Ask, chat: ChatModel, heard: list[str], model_server: ModelServer
) -> None:
    streamed, whole = Bill(), Bill()
    answer = await ask(bill=streamed)
    assert answer.text == "".join(heard).strip() == (await chat.ask(MESSAGES, 500, whole)).text
    assert len(heard) > 3
    assert streamed == whole
    assert streamed.estimated == 0
    assert STREAMED.items() <= model_server.calls()[0]["parameters"].items()
    assert asked(model_server) == [True, False]


@pytest.mark.parametrize(
    ("kind", "parameters", "failure", "attempts"), FOR_GOOD, ids=[f"{row[0]} {row[1]}" for row in FOR_GOOD]
)
async def test_a_lasting_fault_of_a_stream_ends_as_the_failure_of_a_whole(
    kind: str, parameters: dict[str, Any], failure: type[ModelError], attempts: int, ask: Ask, model_server: ModelServer
) -> None:
    model_server.fault(kind, times=-1, **parameters)
    with pytest.raises(ModelError) as caught:
        await ask()
    assert type(caught.value) is failure
    assert model_server.stats()["calls"] == attempts + (kind == "400")  # which may have been about the stream


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("break_off", {}),
        ("garbage", {}),
        ("garbage", {"line": "data: 7"}),
        ("garbage", {"line": "data: null"}),
        ("garbage", {"line": 'data: {"choices": [{"delta": {"content": 7}}]}'}),
        ("garbage", {"line": 'data: {"choices": ["words"]}'}),
        ("garbage", {"line": "data: {}"}),
        ("garbage", {"line": "data: " + "[" * 100_000}),
        ("garbage", {"line": 'data: {"error": {"message": "out of memory", "code": 500}}'}),
    ],
)
async def test_a_stream_that_breaks_off_or_turns_to_garbage_is_malformed(
    kind: str, parameters: dict[str, Any], ask: Ask, model_server: ModelServer
) -> None:
    model_server.fault(kind, times=-1, **parameters)
    with pytest.raises(AnswerMalformed):
        await ask()
    assert model_server.stats()["calls"] == ATTEMPTS
    model_server.reset()
    model_server.fault(kind, **parameters)
    assert (await ask()).text.startswith("Sentence 0")


@pytest.mark.parametrize("line", [": keep-alive", "event: ping", "id: 7", "words", 'data: {"choices": []}'])
async def test_what_is_no_piece_of_an_answer_is_passed_over(line: str, ask: Ask, model_server: ModelServer) -> None:
    plain = await ask()
    model_server.fault("garbage", line=line)
    assert (await ask()).text == plain.text
    assert model_server.stats()["calls"] == 2


async def test_a_server_that_answers_as_a_whole_is_understood(
    ask: Ask, heard: list[str], model_server: ModelServer
) -> None:
    model_server.fault("plain", times=-1)
    assert (await ask()).text.startswith("Sentence 0")
    assert (heard, asked(model_server)) == ([], [True])


async def test_a_stream_of_another_type_is_understood(ask: Ask, model_server: ModelServer) -> None:
    model_server.fault("misnamed", times=-1)
    assert (await ask()).text.startswith("Sentence 0")
    assert asked(model_server) == [True]


async def test_a_server_that_refuses_streams_is_asked_for_one_once(
    ask: Ask, heard: list[str], model_server: ModelServer
) -> None:
    model_server.fault("no_stream", times=-1)
    bill = Bill()
    for _ in range(3):
        assert (await ask(bill=bill)).text.startswith("Sentence 0")
    assert asked(model_server) == [True, False, False, False]
    assert (bill.calls, heard) == (3, [])


async def test_a_request_that_is_refused_for_another_reason_does_not_end_the_streaming(
    ask: Ask, model_server: ModelServer
) -> None:
    model_server.fault("400", times=2)
    with pytest.raises(CallFailed):
        await ask()
    await ask()
    assert asked(model_server) == [True, False, True]


@pytest.mark.parametrize(("kind", "seconds"), [("drip", 0.02), ("pause", 0.0)])
async def test_a_stream_that_drips_or_pauses_ends_at_its_deadline(
    kind: str, seconds: float, ask: Ask, heard: list[str], model_server: ModelServer
) -> None:
    model_server.hold()
    model_server.fault(kind, times=-1, seconds=seconds)
    with pytest.raises(CallTimedOut):
        await ask(deadline_seconds=0.2)
    assert bool(heard) == (kind == "pause")


async def test_a_stream_without_an_end_is_refused_for_its_size(ask: Ask, model_server: ModelServer) -> None:
    model_server.fault("endless", times=-1, megabytes=20)
    with pytest.raises(AnswerMalformed, match="larger than"):
        await ask(deadline_seconds=30.0)


async def test_a_stream_whose_length_is_a_lie_is_a_fault_of_the_network(ask: Ask, model_server: ModelServer) -> None:
    model_server.fault("truncated", times=-1)
    with pytest.raises(ProviderUnavailable):
        await ask()


async def test_what_is_heard_comes_before_the_end(ask: Ask, heard: list[str], model_server: ModelServer) -> None:
    model_server.hold()
    model_server.fault("pause")
    asking = asyncio.ensure_future(ask())
    async with asyncio.timeout(10):
        while not heard:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert not asking.done()
    model_server.release()
    assert (await asking).text == "".join(heard).strip()


# ---------------------------------------------------------------- the pieces


def stream(*texts: str, end: str = "data: [DONE]\n\n") -> bytes:
    chunks = [json.dumps({"choices": [{"delta": {"content": text}}]}) for text in texts]
    return ("".join(f"data: {chunk}\n\n" for chunk in chunks) + end).encode()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_bytes_may_be_cut_anywhere(size: int, newline: str) -> None:
    texts = ["부두가 ", "1931년에 ", "세워졌다. 🚢"]
    sent = stream(*texts).replace(b"\n", newline.encode())
    heard: list[str] = []
    pieces = Pieces(heard.append)
    for start in range(0, len(sent), size):
        pieces.feed(sent[start : start + size])
    assert pieces.is_done
    assert heard == texts
    assert pieces.completion()["choices"][0]["message"]["content"] == "".join(texts)


def test_a_character_that_a_server_cuts_in_two_is_whole_in_the_end() -> None:
    pieces = Pieces()
    pieces.feed(stream("a \ud83d", "\udea2 b", "\ud83d"))
    assert pieces.completion()["choices"][0]["message"]["content"] == "a 🚢 b\ufffd"


def test_an_end_is_an_end_with_a_reason_or_a_word() -> None:
    for end in ("data: [DONE]", 'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}'):
        pieces = Pieces()
        pieces.feed(stream("words", end=end))  # without a line break
        assert pieces.completion()["choices"][0]["message"]["content"] == "words"
    pieces = Pieces()
    pieces.feed(stream("words", end=""))
    with pytest.raises(Transient):
        pieces.completion()


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("The river rose", "The river rose"),
        ("<", ""),
        ("<thi", ""),
        ("<think>The user wants", ""),
        ("<think>The user wants</think>\n\nThe river", "The river"),
        ("The user wants</think>The river", "The river"),
        ("a < b", "a < b"),
        ("The river <think>hm", "The river "),
        ("The river <think>hm</think>rose", "rose"),  # as of a whole answer
        ("The 🚢", "The 🚢"),
        ("The \ud83d", "The "),
    ],
)
def test_no_thought_is_said_while_it_is_thought(raw: str, said: str) -> None:
    assert said_so_far(list(raw)) == said
