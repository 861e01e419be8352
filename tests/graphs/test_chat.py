"""Every bad answer of an OpenAI-compatible server becomes a typed failure, in time and after the right number of calls."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest

from graphs.models import Answer, Call, Calls, ChatModel, Limits, model_facts, open_pool
from graphs.models.calls import ATTEMPTS
from graphs.models.failures import (
    AnswerCut,
    AnswerEmpty,
    AnswerFiltered,
    AnswerMalformed,
    AnswerRefused,
    AnswerUnusable,
    CallRejected,
    CallTimedOut,
    ContextOverflow,
    ModelError,
    ModelUnknown,
    ProviderUnavailable,
    QuotaExhausted,
    Unauthorized,
)
from graphs.models.spending import Bill
from tests.model_server import ModelServer
from tests.openai_errors import WORDINGS

SOURCE = " ".join(f"Sentence {number} says that the river rose and the town kept dry." for number in range(40))
MESSAGES = [("system", "Summarise."), ("user", SOURCE)]
DEADLINE_SECONDS = 2.0

Ask = Callable[..., Any]


@pytest.fixture
async def ask(model_server: ModelServer) -> AsyncIterator[Ask]:
    """Ask the model server through ChatModel and Calls; as the whole product does, but impatiently."""
    async with open_pool() as pool:

        async def ask(
            model: str = "openai:gpt-4o-mini",
            *,
            base_url: str | None = None,
            calls: Calls | None = None,
            deadline_seconds: float = DEADLINE_SECONDS,
            bill: Bill | None = None,
        ) -> Answer:
            door = calls or Calls(deadline_seconds=deadline_seconds, backoff_seconds=0.001)
            chat = ChatModel(
                model_facts(model), api_key="test", base_url=base_url or model_server.base_url, pool=pool,
                observe=door.gate("openai").observe,
            )  # fmt: skip
            perform = lambda room: chat.ask(MESSAGES, 500 * room, bill)  # noqa: E731
            return await door.ask(Call(model=model, identity={"m": MESSAGES}, perform=perform))

        yield ask


async def until_paused(calls: Calls) -> None:
    async with asyncio.timeout(10):
        while not calls.gate("openai").paused_seconds:  # noqa: ASYNC110  # a gate tells nobody
            await asyncio.sleep(0.005)


async def test_an_answer_comes_with_its_text_and_its_tokens(ask: Ask, model_server: ModelServer) -> None:
    answer = await ask()
    assert answer.text.startswith("Sentence 0 says that")
    assert answer.prompt_tokens == -(-len("Summarise." + SOURCE) // 4)
    assert answer.completion_tokens == -(-len(answer.text) // 4)
    (call,) = model_server.calls()
    assert [(message["role"], message["content"]) for message in call["messages"]] == MESSAGES
    assert call["model"] == "gpt-4o-mini"
    limits = {call["parameters"].get("max_tokens"), call["parameters"].get("max_completion_tokens")}
    assert limits == {500, None}
    assert call["parameters"]["temperature"] == 0


async def test_a_reasoning_model_is_not_sent_a_temperature(ask: Ask, model_server: ModelServer) -> None:
    await ask("openai:o4-mini")
    assert "temperature" not in model_server.calls()[0]["parameters"]


# ---------------------------------------------------------------- given up, or the run with it

FOR_GOOD: list[tuple[str, dict[str, Any], type[ModelError], int]] = [
    ("quota", {}, QuotaExhausted, 1),
    ("401", {}, Unauthorized, 1),
    ("403", {}, Unauthorized, 1),
    ("404_model", {}, ModelUnknown, 1),
    ("400", {}, CallRejected, 1),
    *[("400_context", {"wording": wording}, ContextOverflow, 1) for wording in WORDINGS],
    ("length", {}, AnswerCut, 3),
    ("length", {"empty": True}, AnswerCut, 3),
    ("content_filter", {}, AnswerFiltered, 1),
    ("refusal", {}, AnswerRefused, 1),
    ("empty", {}, AnswerEmpty, ATTEMPTS),
    ("null", {}, AnswerEmpty, ATTEMPTS),
    ("choices_empty", {}, AnswerMalformed, ATTEMPTS),
    ("choices_null", {}, AnswerMalformed, ATTEMPTS),
    ("error_200", {}, AnswerMalformed, ATTEMPTS),
    ("html_200", {}, AnswerMalformed, ATTEMPTS),
    ("broken_json", {}, AnswerMalformed, ATTEMPTS),
    ("500", {}, ProviderUnavailable, ATTEMPTS),
    ("503_html", {}, ProviderUnavailable, ATTEMPTS),
    ("reset", {}, ProviderUnavailable, ATTEMPTS),
    ("truncated", {}, ProviderUnavailable, ATTEMPTS),
]


@pytest.mark.parametrize(
    ("kind", "parameters", "failure", "attempts"), FOR_GOOD, ids=[f"{row[0]} {row[1]}" for row in FOR_GOOD]
)
async def test_a_lasting_fault_ends_as_its_typed_failure(
    kind: str,
    parameters: dict[str, Any],
    failure: type[ModelError],
    attempts: int,
    ask: Ask,
    model_server: ModelServer,
) -> None:
    model_server.fault(kind, times=-1, **parameters)
    with pytest.raises(ModelError) as caught:
        await ask()
    assert type(caught.value) is failure
    assert model_server.stats()["calls"] == attempts


@pytest.mark.parametrize(
    "kind",
    [
        "500",
        "503_html",
        "reset",
        "truncated",
        "empty",
        "null",
        "choices_empty",
        "choices_null",
        "error_200",
        "html_200",
        "broken_json",
    ],
)
async def test_a_passing_fault_costs_one_call_more(kind: str, ask: Ask, model_server: ModelServer) -> None:
    model_server.fault(kind)
    assert (await ask()).text.startswith("Sentence 0")
    assert model_server.stats()["calls"] == 2


# ---------------------------------------------------------------- time


@pytest.mark.parametrize(
    ("kind", "parameters"), [("hang", {}), ("hang", {"headers": True}), ("drip", {"seconds": 0.05})]
)
async def test_a_call_without_an_end_is_ended_at_its_deadline(
    kind: str, parameters: dict[str, Any], ask: Ask, model_server: ModelServer
) -> None:
    model_server.fault(kind, times=-1, **parameters)
    with pytest.raises(CallTimedOut):
        await ask(deadline_seconds=0.2)
    stats = await asyncio.to_thread(model_server.wait_for, lambda counts: counts["in_flight"] == 0)
    assert stats["cancelled"] == stats["calls"] <= ATTEMPTS  # one that a busy server hears of too late is none


@pytest.mark.parametrize("kind", ["429", "503_html"])
async def test_no_call_is_made_before_the_time_that_the_provider_states(
    kind: str, ask: Ask, model_server: ModelServer
) -> None:
    model_server.fault(kind, retry_after=1)
    await ask()
    first, second = model_server.calls()
    assert second["at"] - first["at"] >= 1.0


async def test_waiting_as_the_provider_asks_is_no_failed_attempt(ask: Ask, model_server: ModelServer) -> None:
    model_server.fault("429", times=ATTEMPTS + 1, retry_after=0)
    assert (await ask()).text.startswith("Sentence 0")
    assert model_server.stats()["calls"] == ATTEMPTS + 2


async def test_a_long_wait_is_kept_too(ask: Ask, model_server: ModelServer) -> None:
    model_server.fault("429", retry_after=300)
    calls = Calls(deadline_seconds=DEADLINE_SECONDS)
    asking = asyncio.create_task(ask(calls=calls))
    await until_paused(calls)
    assert 290 < calls.gate("openai").paused_seconds <= 300
    assert model_server.stats()["calls"] == 1
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_a_429_that_states_no_time_holds_everyone_back_all_the_same(ask: Ask, model_server: ModelServer) -> None:
    model_server.fault("429", retry_after=None)
    calls = Calls(deadline_seconds=DEADLINE_SECONDS)
    asking = asyncio.create_task(ask(calls=calls))
    await until_paused(calls)
    assert calls.gate("openai").paused_seconds > 0
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_a_server_that_is_not_there_is_a_provider_unavailable(ask: Ask) -> None:
    with pytest.raises(ProviderUnavailable):
        await ask(base_url="http://127.0.0.1:9/v1")


async def test_a_call_that_nobody_waits_for_closes_its_connection(ask: Ask, model_server: ModelServer) -> None:
    model_server.hold()
    asking = asyncio.create_task(ask())
    await asyncio.to_thread(model_server.wait_for, lambda counts: counts["held"] == 1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    stats = await asyncio.to_thread(model_server.wait_for, lambda counts: counts["in_flight"] == 0)
    assert (stats["cancelled"], stats["finished"]) == (1, 0)


# ---------------------------------------------------------------- answers that look good


@pytest.mark.parametrize("chunked", [False, True])
async def test_an_answer_of_fifty_megabytes_is_refused(chunked: bool, ask: Ask, model_server: ModelServer) -> None:
    model_server.fault("huge", times=-1, chunked=chunked)
    with pytest.raises(AnswerUnusable):
        await ask(deadline_seconds=30.0)


async def test_thoughts_are_no_part_of_the_answer(ask: Ask, model_server: ModelServer) -> None:
    plain = await ask()
    model_server.fault("think")
    assert (await ask()).text == plain.text


@pytest.mark.parametrize("content", ["<think>", "<think>\nThe user wants a summary.", "<think>a</think>  "])
async def test_thoughts_alone_are_no_answer(content: str, ask: Ask, model_server: ModelServer) -> None:
    model_server.fault("say", times=-1, content=content)
    with pytest.raises(AnswerEmpty):
        await ask()


async def test_tokens_that_the_server_does_not_state_are_estimated(ask: Ask, model_server: ModelServer) -> None:
    model_server.fault("no_usage")
    answer = await ask()
    assert answer.text.startswith("Sentence 0")
    assert 0.5 < answer.prompt_tokens / (len(SOURCE) / 4) < 2
    assert 0.5 < answer.completion_tokens / (len(answer.text) / 4) < 2


async def test_many_calls_at_once_go_over_as_many_connections_as_are_in_flight(
    ask: Ask, model_server: ModelServer
) -> None:
    calls = Calls(limits=Limits(most=5), deadline_seconds=DEADLINE_SECONDS)
    model_server.latency(0.01)
    await asyncio.gather(*[ask(f"openai:model-{number}", calls=calls) for number in range(40)])
    stats = model_server.stats()
    assert (stats["finished"], stats["peak"]) == (40, 5)
    assert stats["connections"] <= 5


# ---------------------------------------------------------------- what it cost


async def test_an_answer_without_usage_is_said_to_be_estimated(ask: Ask, model_server: ModelServer) -> None:
    stated, estimated = Bill(), Bill()
    await ask(bill=stated)
    model_server.fault("no_usage")
    await ask(bill=estimated)
    assert (stated.calls, stated.estimated, estimated.calls, estimated.estimated) == (1, 0, 1, 1)
    assert 0.5 < estimated.prompt_tokens / stated.prompt_tokens < 2
    assert stated.usd == pytest.approx((stated.prompt_tokens * 0.15 + stated.completion_tokens * 0.6) / 1e6)


@pytest.mark.parametrize("kind", ["length", "content_filter", "refusal"])
async def test_an_answer_that_cannot_be_used_is_paid_all_the_same(
    kind: str, ask: Ask, model_server: ModelServer
) -> None:
    model_server.fault(kind, times=-1)
    bill = Bill()
    with pytest.raises(AnswerUnusable):
        await ask(bill=bill)
    assert bill.calls == model_server.stats()["calls"]
    assert bill.prompt_tokens > 0


@pytest.mark.parametrize("kind", ["500", "400", "429", "reset", "400_context"])
async def test_what_is_refused_is_not_paid(kind: str, ask: Ask, model_server: ModelServer) -> None:
    model_server.faults({"kind": kind} | ({"retry_after": 0} if kind == "429" else {}))
    bill = Bill()
    with suppress(ModelError):
        await ask(bill=bill)
    assert bill.calls == model_server.stats()["finished"]


async def test_the_price_of_a_model_that_is_not_known_is_none(ask: Ask) -> None:
    bill = Bill()
    await ask("openai:some-model", bill=bill)
    assert (bill.calls, bill.usd) == (1, None)
