"""Chat models that speak OpenAI's protocol, asked once, with every fault named.

Retries and the total deadline are not here but in `calls`: the SDK's own retries are off.
"""

import json
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx2
import openai
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI
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
    ProviderUnavailable,
    QuotaExhausted,
    Transient,
    Unauthorized,
)

Messages = Sequence[tuple[str, str]]  # (role, content): role is "system" or "user"
CONNECTIONS = 1_000  # at most open to one provider; the gate keeps the calls in flight far below
KEEPALIVE_SECONDS = 60.0
CONNECT_SECONDS = 10.0
DEFAULT_PAUSE_SECONDS = 5.0  # on 429 without Retry-After

# How OpenAI, Azure, vLLM, llama.cpp and Ollama say that a prompt is too long.
_OVERFLOW = re.compile(
    r"context.?length|context window|maximum context|context size|exceed_context"
    r"|too many tokens|prompt is too long|input length",
    re.IGNORECASE,
)
_THINKING = re.compile(r"<think>.*?</think>\s*|^.*?</think>\s*|^\s*<think>.*", re.DOTALL)
CHARACTERS_PER_TOKEN = 4  # to estimate what a server does not state
ANSWER_BYTES = 4 * 1024 * 1024  # of one response; the longest summary is a hundredth of it


def open_http_client(deadline_seconds: float) -> httpx2.AsyncClient:
    """Open the connection pool of one provider, over aiohttp; belongs to the running event loop, closed with
    `aclose()`.
    """
    return openai.DefaultAioHttpClient(
        limits=httpx2.Limits(
            max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS, keepalive_expiry=KEEPALIVE_SECONDS
        ),
        timeout=httpx2.Timeout(deadline_seconds, connect=CONNECT_SECONDS),
        trust_env=True,
        event_hooks={"response": [_cap_answer]},
    )


class _Capped(httpx2.AsyncByteStream):
    """A response's body that ends in an error when it grows too large."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = 0
        async for part in self._stream:
            received += len(part)
            if received > ANSWER_BYTES:
                raise AnswerMalformed(f"It is larger than {ANSWER_BYTES:,} bytes.")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _cap_answer(response: httpx2.Response) -> None:
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    response.stream = _Capped(response.stream)


class ChatModel:
    """One chat model behind an OpenAI-compatible address."""

    def __init__(
        self,
        facts: ModelFacts,
        *,
        api_key: str | None,
        base_url: str | None,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        self.facts = facts
        self._chat = ChatOpenAI(
            model=facts.name.partition(":")[2],
            api_key=SecretStr(api_key or "none"),  # local servers take any
            base_url=base_url,
            max_retries=0,
            temperature=0.0 if facts.takes_temperature else None,
            http_async_client=http_client,
        )

    async def ask(self, messages: Messages, max_tokens: int) -> Answer:
        """Ask once. Raises `CallFailed`, `RunStopped` or `Transient`."""
        try:
            message = await self._chat.ainvoke(list(messages), max_tokens=max_tokens)
        except openai.APIStatusError as error:
            raise _status_fault(error) from error
        except openai.APIConnectionError as error:
            raise _connection_fault(error) from error
        except (
            openai.OpenAIError,
            json.JSONDecodeError,
            ValueError,
            TypeError,
            KeyError,
            IndexError,
            AttributeError,
        ) as error:
            # The SDK and LangChain read an answer without checking it: what is no chat completion ends in any of these.
            raise Transient(f"{type(error).__name__}: {error}"[:300], gives_up_as=AnswerMalformed) from error
        return _read(message, prompt_characters=sum(len(content) for _, content in messages))


def _read(message: AIMessage, prompt_characters: int) -> Answer:
    """Return the answer if it may be called one."""
    reason = message.response_metadata.get("finish_reason")
    text = _THINKING.sub("", message.text).strip()
    if message.additional_kwargs.get("refusal"):
        raise AnswerRefused(str(message.additional_kwargs["refusal"])[:300])
    if reason == "content_filter":
        raise AnswerFiltered
    if reason == "length":
        raise AnswerCut
    if not text:
        raise Transient("", gives_up_as=AnswerEmpty)
    usage: dict[str, Any] = dict(message.usage_metadata or {})
    return Answer(
        text,
        prompt_tokens=usage.get("input_tokens") or prompt_characters // CHARACTERS_PER_TOKEN,
        completion_tokens=usage.get("output_tokens") or len(message.text) // CHARACTERS_PER_TOKEN,
    )


def _connection_fault(error: openai.APIConnectionError) -> Exception:
    """Name a failed connection by what first went wrong: the SDK takes a refused one for a time-out."""
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(cause)
    for cause in causes:
        if isinstance(cause, AnswerMalformed):
            return cause
    detail = str(causes[-1])[:300]
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return Transient(detail, gives_up_as=CallTimedOut)
    return Transient(detail, gives_up_as=ProviderUnavailable)


def _status_fault(error: openai.APIStatusError) -> Exception:
    """Name a refusal by its status and its body."""
    status, code, detail = error.status_code, str(error.code or ""), str(error.message)[:300]
    if code == "insufficient_quota" or (status == 429 and "insufficient_quota" in detail):
        return QuotaExhausted(detail)
    if status == 429:
        return Transient(
            detail, gives_up_as=ProviderUnavailable, wait_seconds=_retry_after(error, DEFAULT_PAUSE_SECONDS)
        )
    if status in (401, 403):
        return Unauthorized(detail)
    if status in (400, 413, 422) and (code == "context_length_exceeded" or _OVERFLOW.search(detail)):
        return ContextOverflow(detail)
    if status == 404:
        return ModelUnknown(detail)
    if status in (408, 409) or status >= 500:
        wait_seconds = _retry_after(error, None) if status == 503 else None
        return Transient(detail, gives_up_as=ProviderUnavailable, wait_seconds=wait_seconds)
    if status < 300:
        return Transient(detail, gives_up_as=AnswerMalformed)
    return CallRejected(detail)


def _retry_after(error: openai.APIStatusError, default: float | None) -> float | None:
    stated = error.response.headers.get("retry-after", "")
    try:
        return max(0.0, float(stated))
    except ValueError:  # absent, or a date, which providers do not send
        return default
