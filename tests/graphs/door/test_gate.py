"""The gate: never more calls in flight than allowed, and these follow what the provider bears."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from graphs.models.gate import Gate, Limits
from tests.graphs.door.turns import Turn, abandon, enter, settle


async def test_no_more_than_the_limit_are_inside_and_all_get_their_turn() -> None:
    gate = Gate(Limits(most=3))
    peak = finished = 0

    async def call() -> None:
        nonlocal peak, finished
        async with gate.turn():
            peak = max(peak, gate.in_flight)
            await asyncio.sleep(0)
            finished += 1

    await asyncio.gather(*[call() for _ in range(50)])
    assert (peak, finished, gate.in_flight) == (3, 50, 0)


async def test_turns_are_taken_in_the_order_of_asking() -> None:
    gate, order = Gate(Limits(most=1)), list[int]()

    async def call(number: int) -> None:
        async with gate.turn():
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*[call(number) for number in range(20)])
    assert order == list(range(20))


async def test_an_error_inside_gives_the_place_back() -> None:
    gate = Gate(Limits(most=1))
    for _ in range(3):
        with pytest.raises(KeyError):
            async with gate.turn():
                raise KeyError
    assert gate.in_flight == 0


async def test_one_who_is_cancelled_in_the_queue_or_inside_gives_the_place_back() -> None:
    gate, inside = Gate(Limits(most=1)), asyncio.Event()

    async def call() -> None:
        async with gate.turn():
            inside.set()
            await asyncio.Event().wait()

    tasks = [asyncio.create_task(call()) for _ in range(5)]
    await inside.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(5), gate.turn():
        assert gate.in_flight == 1


async def test_one_who_is_cancelled_at_the_head_of_the_queue_holds_up_nobody() -> None:
    gate = Gate(Limits(most=4))
    kinds = {"limit": "1000", "remaining": "10", "reset": "60m0s"}
    gate.observe({f"x-ratelimit-{name}-tokens": value for name, value in kinds.items()})
    large, small = Turn(gate, tokens=900), Turn(gate, tokens=5)
    await settle()
    assert gate.waiting == 2  # for most of an hour
    await abandon(large)
    async with asyncio.timeout(5):
        await small.entered.wait()
    await small.end()


async def test_nobody_starts_before_a_pause_is_over() -> None:
    gate, started = Gate(Limits(most=8)), list[float]()

    async def call() -> None:
        async with gate.turn():
            started.append(time.monotonic())

    until = time.monotonic() + 0.2
    gate.pause(0.2)
    assert 0 < gate.paused_seconds <= 0.2
    await asyncio.gather(*[call() for _ in range(20)])
    assert len(started) == 20
    assert min(started) >= until
    assert gate.paused_seconds == 0


async def test_a_pause_reaches_those_who_wait_for_an_earlier_one_and_never_shortens_it() -> None:
    gate = Gate(Limits(most=1))
    gate.pause(0.4)

    async def call() -> float:
        async with gate.turn():
            return time.monotonic()

    waiting = asyncio.create_task(call())
    await asyncio.sleep(0)
    until = time.monotonic() + 0.5
    gate.pause(0.5)
    gate.pause(0.01)
    assert await waiting >= until


@pytest.mark.parametrize(
    "limits", [{"most": 0}, {"most": -1}, {"least": 0}, {"most": 4, "start": 5}, {"most": 4, "least": 3, "start": 2}]
)
def test_limits_that_let_nothing_through_are_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="1 <= least <= start <= most"):
        Limits(**limits)


async def test_a_refusal_halves_the_calls_in_flight_once_for_all_under_way_together() -> None:
    gate = Gate(Limits(most=16, least=2))
    turns = await enter(gate, 16)
    for turn in turns:
        assert turn.place
        gate.overloaded(turn.place, 0.0)
    assert gate.limit == 8
    await abandon(*turns)
    for limit in (4, 2, 2):
        (probe,) = await enter(gate, 1)
        assert probe.place
        gate.overloaded(probe.place, 0.0)
        assert gate.limit == limit
        await abandon(probe)


async def test_good_answers_let_the_calls_in_flight_grow_again_up_to_the_most() -> None:
    gate = Gate(Limits(most=32, start=1))
    seen = []
    for _ in range(16 * 32):
        (turn,) = await enter(gate, 1)
        await turn.end()
        seen.append(gate.limit)
    assert seen == sorted(seen)
    assert seen[0] == 1 + 2  # a sixteenth of the most in a round of one
    assert seen[-1] == 32


async def test_a_good_answer_to_a_call_from_before_a_refusal_lets_nothing_grow() -> None:
    gate = Gate(Limits(most=16))
    turns = await enter(gate, 3)
    assert turns[0].place
    gate.overloaded(turns[0].place, 0.0)
    await abandon(turns[0])
    for turn in turns[1:]:
        await turn.end()
    assert gate.limit == 8
