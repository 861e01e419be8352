"""A call is tried again where that can help, under a deadline, with more room where its answer was cut."""

import asyncio
import time

import pytest

from graphs.models import Answer, Call, Calls, Limits
from graphs.models.calls import ATTEMPTS
from graphs.models.failures import (
    AnswerCut,
    AnswerRefused,
    CallTimedOut,
    Overloaded,
    ProviderUnavailable,
    QuotaExhausted,
    Transient,
)
from tests.graphs.door.model import Model, transient


async def test_a_transient_fault_is_tried_again(model: Model, calls: Calls) -> None:
    answer = await calls.ask(model.call(does=model.failing(transient(), transient())))
    assert answer.text == "answer to q"
    assert len(model.calls) == 3


async def test_a_call_is_given_up_after_its_last_attempt(model: Model, calls: Calls) -> None:
    with pytest.raises(ProviderUnavailable, match="503") as caught:
        await calls.ask(model.call(does=model.failing(*[transient() for _ in range(ATTEMPTS + 5)])))
    assert len(model.calls) == ATTEMPTS
    assert isinstance(caught.value.__cause__, Transient)


@pytest.mark.parametrize("error", [AnswerRefused(), QuotaExhausted()])
async def test_what_cannot_help_is_not_tried_again(error: Exception, model: Model, calls: Calls) -> None:
    with pytest.raises(type(error)):
        await calls.ask(model.call(does=model.failing(error)))
    assert len(model.calls) == 1


async def test_an_attempt_ends_at_its_deadline(model: Model) -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    calls = Calls(deadline_seconds=0.02, backoff_seconds=0.001)
    with pytest.raises(CallTimedOut, match=r"0\.02 s"):
        await calls.ask(model.call(does=hang))
    assert len(model.calls) == ATTEMPTS
    assert (model.in_flight, calls.gate("test").in_flight) == (0, 0)


async def test_waiting_for_the_gate_does_not_use_up_the_deadline(model: Model) -> None:
    calls = Calls(limits=Limits(most=1), deadline_seconds=0.1, backoff_seconds=0.001)

    async def pause() -> None:
        await asyncio.sleep(0.03)

    answers = await asyncio.gather(*[calls.ask(model.call(f"q{number}", pause)) for number in range(8)])
    assert len(answers) == len(model.calls) == 8


async def test_the_place_is_free_while_a_call_waits_for_its_next_attempt(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_answered = asyncio.Event()
    monkeypatch.setattr("graphs.models.calls.asyncio.sleep", lambda _: is_answered.wait())  # the wait before the retry
    calls = Calls(limits=Limits(most=1))
    retried = asyncio.create_task(calls.ask(model.call("first", model.failing(transient()))))
    await model.called.wait()
    await calls.ask(model.call("second"))
    is_answered.set()
    await retried
    assert model.calls == ["first", "second", "first"]


async def test_a_stated_wait_holds_everyone_back_and_is_no_failed_attempt(model: Model, calls: Calls) -> None:
    waits, ends = ATTEMPTS + 2, list[float]()
    early = list[float]()

    async def limited() -> None:
        if ends and time.monotonic() < ends[-1]:
            early.append(time.monotonic())
        if len(ends) < waits:
            ends.append(time.monotonic() + 0.03)
            raise Overloaded("429", wait_seconds=0.03)

    async def watch() -> None:
        if ends and time.monotonic() < ends[-1]:
            early.append(time.monotonic())

    first = asyncio.create_task(calls.ask(model.call("limited", limited)))
    await model.called.wait()  # and the gate has heard of the pause: both happen at once
    others = [calls.ask(model.call(f"q{number}", watch)) for number in range(10)]
    answers = await asyncio.gather(first, *others)
    assert len(answers) == 11
    assert model.calls.count("limited") == waits + 1
    assert early == []


async def test_an_answer_says_how_long_the_attempt_that_succeeded_took(model: Model, calls: Calls) -> None:
    async def pause() -> None:
        await asyncio.sleep(0.02)

    answer = await calls.ask(model.call(does=pause))
    assert 0.02 <= answer.seconds < 5
    assert (await calls.ask(model.call())).seconds == answer.seconds


# ---------------------------------------------------------------- more room


async def test_an_answer_that_is_cut_is_asked_for_again_with_more_room(calls: Calls) -> None:
    rooms = list[int]()

    async def perform(room: int) -> Answer:
        rooms.append(room)
        if room < 4:
            raise AnswerCut
        return Answer("whole")

    answer = await calls.ask(Call(model="test:model", identity={}, perform=perform))
    assert (answer.text, rooms) == ("whole", [1, 2, 4])


async def test_an_answer_that_is_cut_however_much_room_it_has_is_given_up(calls: Calls) -> None:
    rooms = list[int]()

    async def perform(room: int) -> Answer:
        rooms.append(room)
        raise AnswerCut

    with pytest.raises(AnswerCut):
        await calls.ask(Call(model="test:model", identity={}, perform=perform))
    assert rooms == [1, 2, 4]
