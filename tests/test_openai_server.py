"""The test model server is what the other tests believe it is."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import openai
import pytest
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from tests.model_server import ROOT, ModelServer
from tests.openai_answers import request_key
from tests.openai_errors import ERRORS, WORDINGS
from tests.openai_faults import BODIES, KINDS, STREAMS

SOURCE = " ".join(f"Sentence number {number} says that the river rose and the town kept dry." for number in range(40))


@pytest.fixture(scope="module")
def process() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture
def server(process: ModelServer) -> ModelServer:
    process.reset()
    return process


@pytest.fixture
async def client(server: ModelServer) -> AsyncIterator[httpx.AsyncClient]:
    # An SSL context costs 50 ms a client and plain HTTP needs none.
    async with httpx.AsyncClient(base_url=server.base_url, timeout=10, trust_env=False, verify=False) as client:
        yield client


@pytest.fixture
async def chat(server: ModelServer, client: httpx.AsyncClient) -> ChatOpenAI:
    return ChatOpenAI(
        model="gpt-4o-mini",
        base_url=server.base_url,
        api_key=SecretStr("test"),
        max_retries=0,
        timeout=5,
        http_async_client=client,
        http_socket_options=(),
    )


def request(text: str = SOURCE, **parameters: Any) -> dict[str, Any]:
    messages = [{"role": "system", "content": "Summarise."}, {"role": "user", "content": text}]
    return {"model": "gpt-4o-mini", "messages": messages, **parameters}


async def post(client: httpx.AsyncClient, text: str = SOURCE, **parameters: Any) -> httpx.Response:
    return await client.post("/chat/completions", json=request(text, **parameters))


async def test_the_same_messages_get_the_same_answer_and_others_another(chat: ChatOpenAI) -> None:
    first, again, other = await chat.ainvoke(SOURCE), await chat.ainvoke(SOURCE), await chat.ainvoke(SOURCE + " End.")
    assert first.text == again.text != other.text
    assert first.text.startswith("Sentence number 0 says that")
    assert "number 39" in first.text
    assert len(first.text) < len(SOURCE)
    assert first.usage_metadata is not None
    assert first.usage_metadata["input_tokens"] == -(-len(SOURCE) // 4)
    assert first.usage_metadata["output_tokens"] == -(-len(first.text) // 4)
    assert first.response_metadata["finish_reason"] == "stop"


async def test_an_answer_keeps_within_max_tokens_and_the_source(client: httpx.AsyncClient) -> None:
    bounded = (await post(client, max_tokens=10)).json()["choices"][0]["message"]["content"]
    assert 0 < len(bounded) <= 40
    for text in ("", "Hi.", "A short text. It has two sentences.", "하나. 둘. 셋."):
        assert len((await post(client, text)).json()["choices"][0]["message"]["content"]) <= len(text)


async def test_an_answer_is_about_the_text_between_tags(client: httpx.AsyncClient) -> None:
    answer = await post(client, f"Be brief. Write Korean.\n<document id='1'>\n{SOURCE}\n</document>")
    assert answer.json()["choices"][0]["message"]["content"].startswith("Sentence number 0")


async def test_a_stream_carries_the_same_text_and_its_usage_last(chat: ChatOpenAI) -> None:
    whole = await chat.ainvoke(SOURCE)
    chunks = [chunk async for chunk in chat.astream(SOURCE, stream_usage=True)]
    assert "".join(chunk.text for chunk in chunks) == whole.text
    assert len(chunks) > 3
    assert [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata] == [whole.usage_metadata]


async def test_a_429_says_when_to_come_back(server: ModelServer, chat: ChatOpenAI) -> None:
    server.fault("429", retry_after=7)
    with pytest.raises(openai.RateLimitError) as caught:
        await chat.ainvoke(SOURCE)
    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.code == "rate_limit_exceeded"
    await chat.ainvoke(SOURCE)
    stats = server.stats()
    assert (stats["calls"], stats["finished"], stats["repeats"]) == (2, 1, 0)
    assert stats["by_fault"] == {"429": 1}


async def test_a_hanging_call_ends_when_the_client_leaves(server: ModelServer, client: httpx.AsyncClient) -> None:
    server.fault("hang")
    with pytest.raises(httpx.ReadTimeout):
        await client.post("/chat/completions", json=request(), timeout=1)
    stats = server.wait_for(lambda counts: counts["in_flight"] == 0)
    assert (stats["cancelled"], stats["finished"]) == (1, 0)
    assert server.calls()[-1]["outcome"] == "cancelled"


async def test_a_hold_stops_after_exactly_so_many_answers(server: ModelServer, client: httpx.AsyncClient) -> None:
    server.hold(after=3)
    calls = [asyncio.create_task(post(client, f"{SOURCE} {number}")) for number in range(8)]
    while server.stats()["held"] < 5:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert server.stats()["finished"] == 3
    server.release()
    assert [answer.status_code for answer in await asyncio.gather(*calls)] == [200] * 8
    stats = server.stats()
    assert (stats["finished"], stats["in_flight"], stats["held"]) == (8, 0, 0)
    assert 5 <= stats["peak"] <= 8
    assert 1 <= stats["connections"] <= 8


async def test_equal_requests_are_counted_as_repeats_once_one_has_finished(
    server: ModelServer, client: httpx.AsyncClient
) -> None:
    before = time.monotonic()
    server.latency(0.5)
    await asyncio.gather(post(client), post(client))
    assert server.stats()["repeats"] == 0
    await post(client)
    stats = server.stats()
    assert stats["repeats"] == 1
    assert stats["by_key"] == {request_key("gpt-4o-mini", request()["messages"]): 3}
    assert before < stats["first_at"] < stats["last_at"] < time.monotonic()
    last = server.calls(limit=1)[0]
    assert last["messages"] == request()["messages"]
    assert last["ended_at"] - last["at"] >= 0.5


async def test_a_fault_waits_for_the_messages_it_is_meant_for(server: ModelServer, client: httpx.AsyncClient) -> None:
    server.fault("500", times=-1, match="number 7 of 9")
    answers = [await post(client, f"number {number} of 9") for number in (6, 7, 7)]
    server.clear_faults()
    answers.append(await post(client, "number 7 of 9"))
    assert [answer.status_code for answer in answers] == [200, 500, 500, 200]


async def test_shares_of_faults_add_up_and_hit_the_same_calls_after_a_reset(
    server: ModelServer, client: httpx.AsyncClient
) -> None:
    async def statuses() -> list[int]:
        server.faults({"kind": "429", "times": -1, "share": 0.3}, {"kind": "500", "times": -1, "share": 0.2})
        return [(await post(client)).status_code for _ in range(200)]

    first = await statuses()
    assert 45 <= first.count(429) <= 75
    assert 25 <= first.count(500) <= 55
    assert first.count(200) == 200 - first.count(429) - first.count(500)
    server.reset()
    assert await statuses() == first


async def test_a_fault_begins_and_ends_in_its_time(server: ModelServer, client: httpx.AsyncClient) -> None:
    at = server.faults({"kind": "500", "times": -1, "begin_seconds": 0.3, "end_seconds": 0.6})
    failed = []
    while time.monotonic() < at + 0.9:
        if (await post(client)).status_code == 500:
            failed.append(server.calls(1)[0])
        await asyncio.sleep(0.01)
    assert at + 0.3 <= failed[0]["answered_at"]
    assert failed[-1]["at"] < at + 0.6
    assert (await post(client)).status_code == 200
    assert server.stats()["by_fault"] == {"500": len(failed)}


async def test_the_log_says_when_each_refusal_left_and_what_it_asked_for(
    server: ModelServer, client: httpx.AsyncClient
) -> None:
    server.latency(0.1)
    server.fault("429", retry_after=3)
    before = time.monotonic()
    await post(client)
    await post(client)
    refused, answered = server.calls()
    assert before <= refused["at"] <= refused["answered_at"] - 0.09 <= refused["ended_at"] - 0.09
    assert refused["retry_after"] == "3"
    assert answered["at"] <= answered["answered_at"] - 0.09
    assert "retry_after" not in answered


async def test_a_model_can_carry_its_fault_in_its_name(client: httpx.AsyncClient) -> None:
    answer = await post(client, model="fault-429:retry_after=3")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
    assert (await post(client, model="fault-typo")).json()["error"]["code"] == "model_not_found"


@pytest.mark.parametrize("kind", sorted(set(ERRORS) - {"no_stream"}))
async def test_an_error_has_its_status(server: ModelServer, client: httpx.AsyncClient, kind: str) -> None:
    server.fault(kind)
    answer = await post(client)
    assert answer.status_code == ERRORS[kind][0]
    assert answer.json()["error"]["message"]
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("wording", WORDINGS)
async def test_an_overflow_is_a_bad_request_in_every_wording(
    server: ModelServer, chat: ChatOpenAI, wording: str
) -> None:
    server.fault("400_context", wording=wording, window=100)
    with pytest.raises(openai.BadRequestError, match="context"):
        await chat.ainvoke(SOURCE)


@pytest.mark.parametrize("kind", ["reset", "truncated"])
async def test_a_connection_breaks(server: ModelServer, client: httpx.AsyncClient, kind: str) -> None:
    server.fault(kind)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await post(client)
    stats = server.wait_for(lambda counts: counts["in_flight"] == 0)
    assert (stats["cancelled"], stats["by_fault"]) == (0, {kind: 1})


async def test_a_dripping_answer_outlives_a_timeout_per_read(server: ModelServer, client: httpx.AsyncClient) -> None:
    server.fault("drip", seconds=0.002)
    started = time.monotonic()
    answer = await client.post("/chat/completions", json=request("Hi."), timeout=0.5)
    assert answer.json()["choices"][0]["message"]["content"] == "Hi."
    assert time.monotonic() - started > 0.8


ODD = {
    "empty": ("", "stop"),
    "null": (None, "stop"),
    "refusal": (None, "stop"),
    "length": ("Sentence number 0", "length"),
    "content_filter": ("Sentence number 0", "content_filter"),
    "think": ("<think>", "stop"),
    "echo_long": (SOURCE, "stop"),
    "say": ("[1, 2]", "stop"),
}


@pytest.mark.parametrize("kind", ODD)
async def test_an_odd_reply_is_a_200(server: ModelServer, client: httpx.AsyncClient, kind: str) -> None:
    server.fault(kind, content="[1, 2]")
    choice = (await post(client)).json()["choices"][0]
    start, finish_reason = ODD[kind]
    assert choice["finish_reason"] == finish_reason
    assert choice["message"]["content"] == start or choice["message"]["content"].startswith(start)
    assert bool(choice["message"]["refusal"]) == (kind == "refusal")


async def test_odd_bodies_are_what_they_are_called(server: ModelServer, client: httpx.AsyncClient) -> None:
    for kind in ("choices_empty", "choices_null", "no_usage", "error_200", "html_200", "503_html", "broken_json"):
        server.fault(kind)
    answers = [await post(client) for _ in range(7)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 200, 503, 200]
    assert answers[0].json()["choices"] == []
    assert answers[1].json()["choices"] is None
    assert "usage" not in answers[2].json()
    assert list(answers[3].json()) == ["error"]
    assert [answer.headers["content-type"] for answer in answers[4:6]] == ["text/html"] * 2
    with pytest.raises(ValueError, match="line 1"):
        answers[6].json()


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_huge_answer_has_its_megabytes(server: ModelServer, client: httpx.AsyncClient, chunked: bool) -> None:
    server.fault("huge", megabytes=3, chunked=chunked)
    answer = await post(client)
    assert len(answer.json()["choices"][0]["message"]["content"]) == 3 << 20
    assert ("content-length" in answer.headers) != chunked


@pytest.mark.parametrize(
    "kind", sorted(KINDS - {"hang", "drip", "huge", "reset", "truncated"} - set(ERRORS) - set(STREAMS))
)
async def test_a_stream_meets_the_same_faults(server: ModelServer, client: httpx.AsyncClient, kind: str) -> None:
    server.fault(kind, seconds=0, content="said")
    answer = await post(client, stream=True)
    assert answer.status_code == (503 if kind == "503_html" else 200)
    assert ("data: [DONE]" in answer.text) == (kind not in BODIES)


async def test_a_server_without_streams_refuses_those_alone(server: ModelServer, client: httpx.AsyncClient) -> None:
    server.fault("no_stream", times=-1)
    assert [(await post(client, stream=stream)).status_code for stream in (True, False, True)] == [400, 200, 400]


async def test_a_stream_can_pause_in_the_middle(server: ModelServer, client: httpx.AsyncClient) -> None:
    server.hold()
    server.fault("pause")
    async with client.stream("POST", "/chat/completions", json=request(stream=True)) as answer:
        coming = answer.aiter_text()
        first = await anext(coming)
        assert "data: " in first
        assert server.stats()["held"] == 1
        server.release()
        rest = "".join([part async for part in coming])
    assert "data: [DONE]" in rest


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"model": "m"}',
        b'{"model": "m", "messages": []}',
        b'{"model": "m", "messages": [{"role": "nobody"}]}',
        b'{"model": "m", "messages": [{"role": "user", "content": 1}]}',
        b'{"model": "m", "max_tokens": 0, "messages": [{"role": "user", "content": "Hi"}]}',
    ],
)
async def test_a_malformed_request_is_refused(server: ModelServer, client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/chat/completions", content=body)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
    assert server.stats()["malformed"] == 1


def test_an_unknown_fault_is_refused(server: ModelServer) -> None:
    with pytest.raises(ValueError, match="unknown fault"):
        server.fault("nonsense")
    with pytest.raises(ValueError, match="unknown wording"):
        server.fault("400_context", wording="nonsense")
    with pytest.raises(ValueError, match="share"):
        server.fault("500", share=1.5)
    with pytest.raises(ValueError, match="begins before it ends"):
        server.fault("500", begin_seconds=2, end_seconds=1)


async def test_models_are_listed(client: httpx.AsyncClient) -> None:
    assert "gpt-4o-mini" in [row["id"] for row in (await client.get("/models")).json()["data"]]


def test_the_process_ends_on_sigterm_and_without_its_parent(server: ModelServer) -> None:
    with ModelServer() as other:
        os.kill(other.pid, signal.SIGTERM)
        assert other._process.wait(5) == 0
    script = "from tests.model_server import ModelServer; import os; print(ModelServer().url, flush=True); os._exit(9)"
    url = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    ).stdout.strip()
    deadline = time.monotonic() + 5
    while _answers(url) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _answers(url)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url + "/v1/models", trust_env=False, verify=False).is_success
    except httpx.TransportError:
        return False
