"""The gate: never more calls in flight than allowed, and a pause holds everyone back."""

import asyncio
import time

import pytest

from graphs.models.gate import Gate


async def test_no_more_than_the_limit_are_inside_and_all_get_their_turn() -> None:
    gate = Gate(3)
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
    gate, order = Gate(1), list[int]()

    async def call(number: int) -> None:
        async with gate.turn():
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*[call(number) for number in range(20)])
    assert order == list(range(20))


async def test_an_error_inside_gives_the_place_back() -> None:
    gate = Gate(1)
    for _ in range(3):
        with pytest.raises(KeyError):
            async with gate.turn():
                raise KeyError
    assert gate.in_flight == 0


async def test_one_who_is_cancelled_in_the_queue_or_inside_gives_the_place_back() -> None:
    gate, inside = Gate(1), asyncio.Event()

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


async def test_nobody_starts_before_a_pause_is_over() -> None:
    gate, started = Gate(8), list[float]()

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
    gate = Gate(1)
    gate.pause(0.05)

    async def call() -> float:
        async with gate.turn():
            return time.monotonic()

    waiting = asyncio.create_task(call())
    await asyncio.sleep(0)
    until = time.monotonic() + 0.2
    gate.pause(0.2)
    gate.pause(0.01)
    assert await waiting >= until


@pytest.mark.parametrize("limit", [0, -1])
def test_a_gate_without_a_place_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        Gate(limit)
