"""What a server says, in all its words, headers and redirects, is named; and it is reached as the environment says."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from email.utils import formatdate
from typing import Any

import pytest
from aiohttp import web
from multidict import CIMultiDict

from graphs.models import Call, Calls, ChatModel, Limits, model_facts, open_pool
from graphs.models.chat import retry_after_seconds
from graphs.models.failures import (
    AnswerFiltered,
    AnswerMalformed,
    CallRejected,
    ContextOverflow,
    ModelError,
    ModelUnknown,
    Overloaded,
    ProviderUnavailable,
    QuotaExhausted,
    Transient,
    Unauthorized,
)
from graphs.models.spending import Bill
from tests.model_server import ModelServer

MESSAGES = [("system", "Summarise."), ("user", "The river rose and the town kept dry.")]


class Words:
    """A server that says the same to everyone."""

    def __init__(self) -> None:
        self.status, self.body, self.headers = 200, b"", dict[str, str]()
        self.requests: list[tuple[str, str, str]] = []  # method, path, body

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append((request.method, request.path, (await request.read()).decode()))
        if request.path.startswith("/moved"):
            return web.json_response(GOOD)
        return web.Response(status=self.status, body=self.body, headers=self.headers)


GOOD = {"choices": [{"message": {"role": "assistant", "content": "Fine."}, "finish_reason": "stop"}]}


@pytest.fixture
async def words() -> AsyncIterator[tuple[Words, ChatModel]]:
    server = Words()
    app = web.Application(client_max_size=1 << 26)
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base_url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    async with open_pool() as pool:
        yield server, ChatModel(model_facts("openai:gpt-4o-mini"), api_key="test", base_url=base_url, pool=pool)
    await runner.cleanup()


async def fault_of(words: tuple[Words, ChatModel], status: int, body: Any, **headers: str) -> ModelError:
    server, chat = words
    server.status, server.headers = status, {name.replace("_", "-"): value for name, value in headers.items()}
    server.body = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(ModelError) as caught:
        await chat.ask(MESSAGES, 100)
    return caught.value


LARGE = "Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Requested 41036."
REFUSALS: list[tuple[int, Any, type[ModelError], str]] = [
    (429, {"error": {"message": "Slow down", "code": "rate_limit_exceeded"}}, Overloaded, "Slow down"),
    (429, {"error": {"message": "No credit", "type": "insufficient_quota", "code": None}}, QuotaExhausted, "No credit"),
    (429, {"error": "insufficient_quota: no credit"}, QuotaExhausted, "no credit"),
    (400, {"error": {"message": "Hard limit", "code": "billing_hard_limit_reached"}}, QuotaExhausted, "Hard limit"),
    (402, {"error": {"message": "Insufficient Balance"}}, QuotaExhausted, "Insufficient Balance"),
    (429, {"error": {"message": LARGE, "type": "tokens", "code": "rate_limit_exceeded"}}, ContextOverflow, "Requested"),
    (413, b"<html><h1>413 Request Entity Too Large</h1></html>", ContextOverflow, "413"),
    (400, {"message": "Input is bad", "object": "error", "code": 400}, CallRejected, "Input is bad"),
    (400, {"detail": [{"loc": ["body"], "msg": "nonsense"}]}, CallRejected, "nonsense"),
    (400, {"error": "something else"}, CallRejected, "something else"),
    (400, {"error": None, "message": "said beside"}, CallRejected, "said beside"),
    (400, [{"error": {"code": 400, "message": "in a list"}}], CallRejected, "in a list"),
    (400, [], CallRejected, ""),
    (400, b"", CallRejected, ""),
    (400, b"\xff\xfe\x00", CallRejected, ""),
    (400, {"error": {"message": {"nested": "deep"}}}, CallRejected, "deep"),
    (400, {"error": {"message": "filtered", "code": "content_filter"}}, AnswerFiltered, "filtered"),
    (404, {"error": "model 'x' not found"}, ModelUnknown, "not found"),
    (404, b"404 page not found", ModelUnknown, "404 page"),
    (403, {"error": {"message": "no access", "code": "model_not_found"}}, ModelUnknown, "no access"),
    (403, b"<html>Forbidden</html>", Unauthorized, "Forbidden"),
    (408, b"", Transient, ""),
    (409, {"error": {"message": "busy"}}, Transient, "busy"),
    (502, b"<html>Bad Gateway</html>", Transient, "Bad Gateway"),
    (529, {"error": {"type": "overloaded_error", "message": "Overloaded"}}, Overloaded, "Overloaded"),
    (204, b"", Transient, ""),
    (418, b"teapot", CallRejected, "teapot"),
]


@pytest.mark.parametrize(("status", "body", "failure", "said"), REFUSALS)
async def test_a_refusal_is_named_by_its_status_and_its_words(
    status: int, body: Any, failure: type[ModelError], said: str, words: tuple[Words, ChatModel]
) -> None:
    fault = await fault_of(words, status, body)
    assert type(fault) is failure
    assert said in fault.detail
    assert len(fault.detail) <= 310


def nested(depth: int) -> bytes:
    return b'{"choices":' + b"[" * depth + b"]" * depth + b"}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"5",
        b'"text"',
        b"[]",
        b"{}",
        b'{"choices": [5]}',
        b'{"choices": "text"}',
        b'{"choices": [{}]}',
        b'{"choices": [{"message": null}]}',
        b'{"choices": [{"message": []}]}',
        b'{"choices": [{"message": {"role": "assistant", "content": 5}}]}',
        b'{"choices": [{"message": {"role": "user", "content": "Fine."}}]}',
        b'{"choices": [{"message": {"role": "assistant", "content": "Fine."}}], "usage": {"prompt_tokens": "many"}}',
        pytest.param(nested(100_000), id="deep"),
        pytest.param(b'{"choices": [{"index": ' + b"9" * 10_000 + b"}]}", id="endless number"),
        b"\xff\xfe\xfd",
    ],
)
async def test_what_is_no_chat_completion_is_malformed(body: bytes, words: tuple[Words, ChatModel]) -> None:
    fault = await fault_of(words, 200, body)
    assert isinstance(fault, Transient)
    assert fault.gives_up_as is AnswerMalformed


async def test_a_deep_error_body_is_an_error_all_the_same(words: tuple[Words, ChatModel]) -> None:
    assert isinstance(await fault_of(words, 500, nested(100_000)), Transient)


@pytest.mark.parametrize(
    ("content", "text"), [("half \ud800 a pair", "half ? a pair"), ("nul\0 byte", "nul byte"), ("whole 😀", "whole 😀")]
)
async def test_an_answer_holds_nothing_that_a_database_cannot_keep(
    content: str, text: str, words: tuple[Words, ChatModel]
) -> None:
    server, chat = words
    server.body = json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]}).encode()
    assert (await chat.ask(MESSAGES, 100)).text == text


async def test_the_words_of_an_error_hold_nothing_that_a_database_cannot_keep(words: tuple[Words, ChatModel]) -> None:
    fault = await fault_of(words, 400, b'{"error": {"message": "half \\ud800 and \\u0000"}}')
    assert fault.detail == "half ? and "


@pytest.mark.parametrize("tokens", [10**30, 2**31, -5, 0, "12", [12], 1.5])
async def test_tokens_that_no_answer_can_have_cost_are_estimated(tokens: Any, words: tuple[Words, ChatModel]) -> None:
    server, chat = words
    said = {"choices": [{"message": {"role": "assistant", "content": "The river rose."}}]}
    usage = {"prompt_tokens": tokens, "completion_tokens": tokens, "total_tokens": 24}
    server.body = json.dumps(said | {"usage": usage}).encode()
    bill = Bill()
    answer = await chat.ask(MESSAGES, 100, bill)
    assert answer.completion_tokens == 4
    assert 0.5 < answer.prompt_tokens / (sum(len(content) for _, content in MESSAGES) / 4) < 2
    assert bill.estimated == 1


@pytest.mark.parametrize("text", ["a</think>" + "<think>" * 300_000, "x " + "<think>" * 300_000, "<think>" * 300_000])
async def test_many_thoughts_that_never_end_do_not_hold_up_the_service(
    text: str, words: tuple[Words, ChatModel]
) -> None:
    server, chat = words
    server.body = json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()
    async with asyncio.timeout(30):  # minutes, when each search goes to the end
        with suppress(ModelError):
            await chat.ask(MESSAGES, 100)


# ---------------------------------------------------------------- how long to wait

SOON = 5.0  # an HTTP date has whole seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"Retry-After": "0.5"}, 0.5),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9),
        ({"retry-after-ms": "nan", "retry-after": "9"}, 9),
        ({"retry-after": "-5"}, 0),
        ({"retry-after": "99999999999"}, 99_999_999_999),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e999"}, None),
        ({"retry-after": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"}, None),
        ({"retry-after": "Mon, 99 Foo 2030 25:61:61 GMT"}, None),
        ({"retry-after": "Fri, 31 Dec 2030 23:59:59 +9999"}, None),
    ],
)
def test_the_time_to_wait_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    found = retry_after_seconds(CIMultiDict(headers))
    assert found == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize("ahead", [30, 3_600, 86_400 * 365])
def test_the_time_to_wait_may_be_a_date(ahead: float) -> None:
    date = formatdate(time.time() + ahead, usegmt=True)
    found = retry_after_seconds({"retry-after": date})
    assert found is not None
    assert ahead - SOON < found <= ahead + 1


@pytest.mark.parametrize(
    ("status", "stated", "failure", "seconds"),
    [
        (429, "12", Overloaded, 12),
        (503, "12", Overloaded, 12),
        (503, "nonsense", Transient, None),
        (500, "12", Transient, None),
        (429, "nonsense", Overloaded, None),
    ],
)
async def test_a_503_that_states_a_time_is_an_overload_and_no_fault(
    status: int, stated: str, failure: type[ModelError], seconds: float | None, words: tuple[Words, ChatModel]
) -> None:
    fault = await fault_of(words, status, b"", retry_after=stated)
    assert type(fault) is failure
    assert getattr(fault, "wait_seconds", None) == seconds


async def test_a_server_that_always_states_no_wait_is_asked_seldom(words: tuple[Words, ChatModel]) -> None:
    server, chat = words
    server.status, server.headers = 429, {"Retry-After": "0"}
    calls = Calls(limits=Limits(most=16))
    asked = [
        asyncio.create_task(
            calls.ask(Call(model="openai:x", identity={"n": number}, perform=lambda _: chat.ask(MESSAGES, 100)))
        )
        for number in range(50)
    ]
    await asyncio.wait(asked, timeout=1.0)
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    assert 2 <= len(server.requests) <= 16 + 6


# ---------------------------------------------------------------- on the way


@pytest.mark.parametrize("status", [307, 308])
async def test_a_redirect_that_keeps_the_request_is_followed(status: int, words: tuple[Words, ChatModel]) -> None:
    server, chat = words
    server.status, server.headers = status, {"Location": "/moved/v1/chat/completions"}
    assert (await chat.ask(MESSAGES, 100)).text == "Fine."
    (first, second) = server.requests
    assert (second[0], second[2]) == ("POST", first[2])


async def test_redirects_without_an_end_are_a_provider_unavailable(words: tuple[Words, ChatModel]) -> None:
    fault = await fault_of(words, 307, b"", Location="/v1/chat/completions")
    assert isinstance(fault, Transient)
    assert fault.gives_up_as is ProviderUnavailable


@pytest.mark.parametrize("location", ["ftp://elsewhere/x", "http://", "http://[broken"])
async def test_a_redirect_to_nowhere_is_a_provider_unavailable(location: str, words: tuple[Words, ChatModel]) -> None:
    fault = await fault_of(words, 307, b"", Location=location)
    assert isinstance(fault, Transient)
    assert fault.gives_up_as is ProviderUnavailable


def proxied(monkeypatch: pytest.MonkeyPatch, base_url: str, **environment: str) -> ChatModel:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return ChatModel(model_facts("openai:fake"), api_key="test", base_url=base_url)


@pytest.mark.parametrize("form", ["http://{}", "{}", "http://user:secret@{}"])
async def test_the_proxy_of_the_environment_is_used(
    form: str, monkeypatch: pytest.MonkeyPatch, words: tuple[Words, ChatModel]
) -> None:
    server, direct = words
    server.body = json.dumps(GOOD).encode()
    address = direct._url.split("/")[2]
    chat = proxied(monkeypatch, "http://models.example/v1", http_proxy=form.format(address))
    assert (await chat.ask(MESSAGES, 100)).text == "Fine."
    assert len(server.requests) == 1


async def test_no_proxy_names_the_hosts_that_are_reached_without(
    monkeypatch: pytest.MonkeyPatch, model_server: ModelServer
) -> None:
    chat = proxied(monkeypatch, model_server.base_url, http_proxy="http://127.0.0.1:9", no_proxy="127.0.0.1")
    assert (await chat.ask(MESSAGES, 100)).text


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "http://127.0.0.1:9", "http://[broken"])
async def test_a_proxy_that_does_not_work_is_a_provider_unavailable(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = proxied(monkeypatch, "http://models.example/v1", http_proxy=proxy)
    with pytest.raises(Transient) as caught:
        await chat.ask(MESSAGES, 100)
    assert caught.value.gives_up_as is ProviderUnavailable


async def test_the_providers_headers_reach_the_gate(words: tuple[Words, ChatModel]) -> None:
    server, chat = words
    seen = list[dict[str, str]]()
    chat._observe = lambda headers: seen.append(dict(headers))
    server.body, server.headers = json.dumps(GOOD).encode(), {"x-ratelimit-limit-requests": "60"}
    await chat.ask(MESSAGES, 100)
    assert seen[0]["x-ratelimit-limit-requests"] == "60"
    assert {name.lower() for name in seen[0]} >= {"content-type"}
