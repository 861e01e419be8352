"""Chat models that speak OpenAI's protocol, asked once, with every fault named.

ChatOpenAI writes the request and reads the answer; what lies between is one POST over the provider's connection pool.
That is a fifth of the CPU that the SDK's own way takes, and leaves status, headers and body to be judged here. Retries
and the total deadline are not here but in `calls`.
"""

import json
import math
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.request import getproxies, proxy_bypass

import aiohttp
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import SecretStr

from graphs.models.calls import Answer
from graphs.models.catalog import ModelFacts
from graphs.models.failures import (
    AnswerCut,
    AnswerEmpty,
    AnswerFiltered,
    AnswerMalformed,
    AnswerRefused,
    CallRejected,
    CallTimedOut,
    ContextOverflow,
    ModelUnknown,
    Overloaded,
    ProviderUnavailable,
    QuotaExhausted,
    Transient,
    Unauthorized,
)
from graphs.models.spending import Bill
from graphs.models.streaming import ANSWER_BYTES, EVENT_STREAM, STREAMING, Hear, Pieces, without_thoughts
from graphs.models.wire import json_bytes

Messages = Sequence[tuple[str, str]]  # (role, content): role is "system", "user" or "assistant"
CONNECTIONS = 1_000  # at most open to one provider; the gate keeps the calls in flight far below
KEEPALIVE_SECONDS = 60.0
DNS_SECONDS = 300  # that an address is remembered
CONNECT_SECONDS = 10.0

# How OpenAI, Azure, vLLM, llama.cpp and Ollama say that a prompt is too long.
_OVERFLOW = re.compile(
    r"context.?length|context window|maximum context|context size|exceed_context"
    r"|too many tokens|prompt (?:is )?too long|input length|request too large",
    re.IGNORECASE,
)
BYTES_PER_TOKEN = 4  # of UTF-8, in about any language: to estimate what a server does not state
STATED_TOKENS = 2**31 - 1  # that a server may state; a larger number is nonsense, and no database's integer
ERROR_CHARACTERS = 300  # of a server's own words that are passed on
SAID_CHARACTERS = 2_000  # of them that are read
_NO_QUOTA = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}


@asynccontextmanager
async def open_pool() -> AsyncIterator[aiohttp.ClientSession]:
    """Open the connection pool of one provider; it belongs to the running event loop."""
    connector = aiohttp.TCPConnector(
        limit=CONNECTIONS, limit_per_host=CONNECTIONS, keepalive_timeout=KEEPALIVE_SECONDS, ttl_dns_cache=DNS_SECONDS
    )
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as pool:
        yield pool


def load_chat() -> None:
    """Load LangChain's chat model ahead of the first `ChatModel`, which loads it else.

    It takes a second and 20 MB, which whoever asks the embedded model alone need not spend.
    """
    import langchain_openai  # noqa: F401


class ChatModel:
    """One chat model behind an OpenAI-compatible address.

    Without a `pool` each call opens a connection of its own, in whatever event loop it is asked. `observe` is handed
    the headers of each answer.
    """

    def __init__(
        self,
        facts: ModelFacts,
        *,
        api_key: str | None,
        base_url: str | None,
        pool: aiohttp.ClientSession | None = None,
        observe: Callable[[Mapping[str, str]], None] | None = None,
    ) -> None:
        self.facts = facts
        self._pool = pool
        self._observe = observe
        self._streams = True  # as long as the server has not refused to
        from langchain_openai import ChatOpenAI

        self._chat = ChatOpenAI(
            model=facts.name.partition(":")[2],
            api_key=SecretStr(api_key or "none"),  # local servers take any
            base_url=base_url,
            max_retries=0,
            temperature=0.0 if facts.takes_temperature else None,
        )
        sdk = self._chat.root_async_client
        self._url = str(sdk.base_url.join("chat/completions"))
        self._proxy = _proxy(sdk.base_url.scheme, sdk.base_url.host)
        headers = {**sdk.default_headers, **sdk.auth_headers, "User-Agent": "precis"}
        self._headers = {
            name: value
            for name, value in headers.items()
            if isinstance(value, str) and not name.startswith("X-Stainless")  # what the SDK tells of this machine
        }

    def identity(self, messages: Messages) -> dict[str, Any]:
        """Return what an answer depends on, for its key in the ledger; one name may mean another model elsewhere."""
        return {"address": self._url, "messages": [list(message) for message in messages]}

    async def ask(
        self, messages: Messages, max_tokens: int, bill: Bill | None = None, hear: Hear | None = None
    ) -> Answer:
        """Ask once, and add to the bill what the answer cost. Raises `CallFailed`, `RunStopped` or `Transient`.

        With `hear`, the server is asked to answer in pieces. One that refuses is asked without, then and from then on;
        one that answers as a whole all the same is not heard.
        """
        written: list[BaseMessage] = [_ROLES[role](content=content) for role, content in messages]
        # The two methods with an underscore are those that other providers' packages override; their cost is 50 us.
        request = self._chat._get_request_payload(written, max_tokens=max_tokens)  # noqa: SLF001
        if hear is None or not self._streams:
            return self._judged(await self._said(request), messages, bill)
        try:
            return self._judged(await self._said(request | STREAMING, hear), messages, bill)
        except ContextOverflow:
            raise
        except CallRejected:  # what it does not take may be the asking for pieces
            answer = self._judged(await self._said(request), messages, bill)
            self._streams = False
            return answer

    async def _said(self, request: dict[str, Any], hear: Hear | None = None) -> bytes | dict[str, Any]:
        """Return what a server answers with: the body of a completion, or one put together from its pieces."""
        pieces = None if hear is None else Pieces(hear)
        status, headers, body = await self._post(json_bytes(request), pieces)
        if self._observe:
            self._observe(headers)
        if status != 200:
            raise _status_fault(status, headers, body)
        if pieces is None or not (pieces.has_begun or body.startswith(b"data:")):
            return body
        pieces.feed(body)  # of a stream that is not called one
        return pieces.completion()

    def _judged(self, said: bytes | dict[str, Any], messages: Messages, bill: Bill | None) -> Answer:
        """Return the answer that a completion holds, and add to the bill what it cost."""
        try:
            said = json.loads(said) if isinstance(said, bytes) else said
            (generation,) = self._chat._create_chat_result(said).generations[:1]  # noqa: SLF001
            refusal = said["choices"][0]["message"].get("refusal")  # LangChain reads it from the SDK's classes alone
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
            # LangChain reads an answer without checking it: what is no chat completion ends in any of these.
            raise Transient(f"{type(error).__name__}: {_words(error)}", gives_up_as=AnswerMalformed) from error
        message = generation.message
        if not isinstance(message, AIMessage):
            raise Transient(f"Its role is {message.type}.", gives_up_as=AnswerMalformed)
        reason = (generation.generation_info or {}).get("finish_reason")
        paid = self._paid(message, messages)
        if bill is not None:
            bill.add(paid)
        text = _storable(without_thoughts(message.text)).strip()
        if refusal:
            raise AnswerRefused(_words(refusal))
        if reason == "content_filter":
            raise AnswerFiltered
        if reason == "length":
            raise AnswerCut
        if not text:
            raise Transient("", gives_up_as=AnswerEmpty)
        return Answer(text, prompt_tokens=paid.prompt_tokens, completion_tokens=paid.completion_tokens)

    async def _post(self, request: bytes, pieces: Pieces | None) -> tuple[int, Mapping[str, str], bytes]:
        """Return the status, headers and body of one answer; of one that comes in pieces no body, they take it in."""
        try:
            async with (
                nullcontext(self._pool) if self._pool else open_pool() as session,
                session.post(self._url, data=request, headers=self._headers, proxy=self._proxy) as response,
            ):
                if pieces is None or response.status != 200 or response.content_type != EVENT_STREAM:
                    return response.status, response.headers, await _body(response)
                async for part in response.content.iter_any():
                    pieces.feed(part)
                    if pieces.is_done:
                        break
                return response.status, response.headers, b""
        except TimeoutError as error:  # of the connection; the call's own deadline is kept by whoever asks
            raise Transient(_words(error), gives_up_as=CallTimedOut) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:  # ValueError: an address that is none
            raise Transient(_words(error), gives_up_as=ProviderUnavailable) from error

    def _paid(self, message: AIMessage, asked: Messages) -> Bill:
        """Return what an answer cost, whether it can be used or not."""
        usage: dict[str, Any] = dict(message.usage_metadata or {})
        stated = [_stated_tokens(usage.get(name)) for name in ("input_tokens", "output_tokens")]
        is_estimated = not stated[0] or (not stated[1] and bool(message.text))
        prompt_tokens = stated[0] or _estimated_tokens(*(content for _, content in asked))
        completion_tokens = stated[1] or _estimated_tokens(message.text)
        usd = self.facts.usd(prompt_tokens, completion_tokens)
        return Bill(1, prompt_tokens, completion_tokens, int(is_estimated), usd)


_ROLES: dict[str, type[SystemMessage | HumanMessage | AIMessage]] = {
    "system": SystemMessage,
    "user": HumanMessage,
    "assistant": AIMessage,
}


def _proxy(scheme: str, host: str) -> str | None:
    """Return the proxy that the environment names for a host; aiohttp would look, and for .netrc too, at every call."""
    proxy = None if proxy_bypass(host) else getproxies().get(scheme)
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """Return an answer's bytes. Raises `AnswerMalformed` when they are too many."""
    parts: list[bytes] = []
    received = 0
    async for part in response.content.iter_any():
        received += len(part)
        if received > ANSWER_BYTES:
            response.close()
            raise AnswerMalformed(f"It is larger than {ANSWER_BYTES:,} bytes.")
        parts.append(part)
    return b"".join(parts)


def _status_fault(status: int, headers: Mapping[str, str], body: bytes) -> Exception:
    """Name a refusal by its status and its body."""
    codes, said = _said(body)
    detail = _words(said)
    if status == 402 or codes & _NO_QUOTA or (status == 429 and "insufficient_quota" in said):
        return QuotaExhausted(detail)
    if status == 413 or (
        status in (400, 422, 429) and ("context_length_exceeded" in codes or _OVERFLOW.search(said))
    ):  # with 429: larger than all that the provider allows a minute
        return ContextOverflow(detail)
    stated = retry_after_seconds(headers)
    if status == 429 or (status == 503 and stated is not None) or status == 529:  # 529: overloaded, outside the RFCs
        return Overloaded(detail, wait_seconds=stated)
    if status == 404 or "model_not_found" in codes:
        return ModelUnknown(detail)
    if status in (401, 403):
        return Unauthorized(detail)
    if status == 400 and "content_filter" in codes:  # Azure's, of the prompt
        return AnswerFiltered(detail)
    if status in (408, 409) or status >= 500:
        return Transient(detail, gives_up_as=ProviderUnavailable)
    if status < 300:
        return Transient(detail, gives_up_as=AnswerMalformed)
    return CallRejected(detail)


def _said(body: bytes) -> tuple[set[str], str]:
    """Return code and type, and the message, of an error body: OpenAI's form, older vLLM's without `error`, Google's in
    a list, or any text.
    """
    text = body.decode(errors="replace")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return set(), " ".join(text[:SAID_CHARACTERS].split())
    data = data[0] if isinstance(data, list) and data else data
    error = (data.get("error") or data) if isinstance(data, dict) else data
    if not isinstance(error, dict):
        return set(), str(error)[:SAID_CHARACTERS]
    return {str(error.get("code")), str(error.get("type"))}, str(error.get("message") or error)[:SAID_CHARACTERS]


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Return how long a provider asks to wait, from `retry-after-ms` or `Retry-After` in seconds or as a date; None if
    it does not say.
    """
    for name, unit in (("retry-after-ms", 1_000), ("retry-after", 1)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    try:
        return max(0.0, parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _stated_tokens(stated: object) -> int:
    """Return a number of tokens as a server states it, 0 where that is none: LangChain hands on whatever it says."""
    return stated if isinstance(stated, int) and 0 < stated <= STATED_TOKENS else 0


def _estimated_tokens(*texts: str) -> int:
    return -(-sum(len(text.encode(errors="replace")) for text in texts) // BYTES_PER_TOKEN)


def _storable(text: str) -> str:
    """Return a text without what JSON can say and a database cannot keep: NUL, and half a surrogate pair."""
    return text.replace("\0", "").encode(errors="replace").decode()


def _words(said: object) -> str:
    return _storable((str(said) or type(said).__name__)[:ERROR_CHARACTERS])
