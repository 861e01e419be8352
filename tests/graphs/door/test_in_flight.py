"""What is asked twice at once is asked once, and never more at once than allowed."""

import asyncio

import pytest

from graphs.models import Answer, Call, Calls, ChatModel, Limits, MemoryLedger, model_facts
from graphs.models.failures import AnswerRefused
from tests.graphs.door.model import Model
from tests.model_server import ModelServer


async def test_equal_calls_in_flight_are_one(model: Model, calls: Calls) -> None:
    release = asyncio.Event()

    async def wait() -> None:
        await release.wait()

    asked = [asyncio.create_task(calls.ask(model.call(does=wait))) for _ in range(50)]
    await model.called.wait()
    release.set()
    answers = await asyncio.gather(*asked)
    assert model.calls == ["q"]
    assert {answer.text for answer in answers} == {"answer to q"}
    assert sum(not answer.remembered for answer in answers) == 1  # it is paid once, and billed once


async def test_a_failure_reaches_everyone_who_waits(model: Model, calls: Calls) -> None:
    asked = [calls.ask(model.call(does=model.failing(AnswerRefused()))) for _ in range(5)]
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(result) for result in results] == [AnswerRefused] * 5
    assert model.calls == ["q"]


async def test_one_waiter_who_leaves_does_not_take_the_call_from_the_others(model: Model, calls: Calls) -> None:
    release = asyncio.Event()

    async def wait() -> None:
        await release.wait()

    first, *others = [asyncio.create_task(calls.ask(model.call(does=wait))) for _ in range(3)]
    await model.called.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    release.set()
    assert [(await other).text for other in others] == ["answer to q"] * 2
    assert model.calls == ["q"]


async def test_a_call_that_nobody_waits_for_is_aborted_and_can_be_made_again(model: Model) -> None:
    ledger = MemoryLedger()
    calls = Calls(ledger, limits=Limits(most=1))
    aborted, may_end = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            aborted.set()
            await may_end.wait()  # the connection takes its time to close

    asked = [asyncio.create_task(calls.ask(model.call(does=hang))) for _ in range(3)]
    await model.called.wait()
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    async with asyncio.timeout(5):
        await aborted.wait()
        again = asyncio.create_task(calls.ask(model.call()))  # must not join the one that is being aborted
        may_end.set()
        assert (await again).text == "answer to q"
    assert model.calls == ["q", "q"]
    assert len(ledger.answers) == 1
    assert calls.gate("test").in_flight == 0


async def test_no_more_calls_are_in_flight_than_allowed(model: Model, calls: Calls) -> None:
    async def pause() -> None:
        await asyncio.sleep(0.001)

    await asyncio.gather(*[calls.ask(model.call(f"q{number}", pause)) for number in range(60)])
    assert model.peak == 4
    assert len(model.calls) == 60


async def test_providers_have_gates_of_their_own(model: Model) -> None:
    calls = Calls(limits=Limits(most=1))
    calls.gate("slow").pause(3_600)
    async with asyncio.timeout(5):
        assert (await calls.ask(model.call(model="quick:model"))).text == "answer to q"


def test_the_door_works_in_a_second_event_loop(model_server: ModelServer) -> None:
    calls = Calls(limits=Limits(most=2))
    chat = ChatModel(model_facts("openai:gpt-4o-mini"), api_key="test", base_url=model_server.base_url)

    async def ask(number: int) -> Answer:
        messages = [("user", f"Question {number}")]
        call = Call(model="openai:fake", identity={"m": messages}, perform=lambda _: chat.ask(messages, 100))
        return await calls.ask(call)

    async def ask_all(first: int) -> list[Answer]:
        calls.gate("openai").pause(0.01)  # a timer that belongs to this loop
        abandoned = asyncio.create_task(ask(-1))
        answers = await asyncio.gather(*[ask(first + number) for number in range(8)])
        abandoned.cancel()
        return answers

    for first in (0, 8, 8):
        assert len(asyncio.run(ask_all(first))) == 8
    assert calls.gate("openai").in_flight == 0
    model_server.wait_for(lambda counts: counts["in_flight"] == 0)
    assert 16 <= model_server.stats()["calls"] <= 16 + 3
