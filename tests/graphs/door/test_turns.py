"""Runs take turns, and nothing leaks a place."""

from __future__ import annotations

import asyncio
import random

import pytest

from graphs.models import gate as module
from graphs.models.gate import Gate, Limits
from tests.graphs.door.turns import Turn, abandon, enter, settle


async def test_runs_take_turns_and_a_small_one_waits_for_no_large_one() -> None:
    gate, order = Gate(Limits(most=1)), list[str]()

    async def call(run: str, number: int) -> None:
        async with gate.turn(run):
            order.append(f"{run}{number}")
            await asyncio.sleep(0)

    large = [asyncio.create_task(call("L", number)) for number in range(100)]
    await asyncio.sleep(0)
    small = [asyncio.create_task(call("s", number)) for number in range(3)]
    await asyncio.gather(*large, *small)
    assert [order.index(f"s{number}") for number in range(3)] == sorted(order.index(f"s{n}") for n in range(3))
    assert max(order.index(f"s{number}") for number in range(3)) <= 8
    assert [entry for entry in order if entry[0] == "L"] == [f"L{number}" for number in range(100)]
    assert gate.waiting == 0


async def test_a_call_that_goes_ahead_goes_before_its_own_run_alone() -> None:
    gate, order = Gate(Limits(most=1)), list[str]()
    (holder,) = await enter(gate, 1)

    async def call(name: str, run: str, *, ahead: bool = False) -> None:
        async with gate.turn(run, ahead=ahead):
            order.append(name)

    tasks = [asyncio.create_task(call(*given)) for given in (("a1", "a"), ("a2", "a"), ("b1", "b"))]
    await settle()
    tasks.append(asyncio.create_task(call("a0", "a", ahead=True)))
    await settle()
    await holder.end()
    await asyncio.gather(*tasks)
    assert order == ["a0", "b1", "a1", "a2"]


# ---------------------------------------------------------------- nothing leaks


@pytest.mark.parametrize("seed", range(6))
async def test_cancellation_at_any_moment_leaks_no_place(seed: int) -> None:
    rng = random.Random(seed)
    gate = Gate(Limits(most=3, requests_per_minute=100_000, tokens_per_minute=10_000_000))

    async def call(number: int) -> None:
        async with gate.turn(str(number % 4), rng.randrange(100), ahead=number % 9 == 0) as place:
            await asyncio.sleep(rng.random() / 200)
            if number % 7 == 0:
                gate.overloaded(place, rng.choice([0.0, 0.01]))
                return
            if number % 5 == 0:
                raise KeyError
            place.answered()
            await asyncio.sleep(rng.random() / 500)

    tasks = [asyncio.create_task(call(number)) for number in range(150)]
    for task in tasks:
        if rng.random() < 0.7:
            asyncio.get_running_loop().call_later(rng.random() / 10, task.cancel)
    async with asyncio.timeout(20):
        while not all(task.done() for task in tasks):
            await asyncio.wait(tasks, timeout=0.5)
            for task in tasks:
                task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (gate.in_flight, gate.unsettled, gate.waiting, gate.tokens_in_flight) == (0, 0, 0, 0)
    gate.pause(0.0)
    async with asyncio.timeout(5), gate.turn() as place:
        place.answered()


async def test_one_who_is_let_in_and_cancelled_at_the_same_moment_gives_the_place_back() -> None:
    gate = Gate(Limits(most=1))
    (holder,) = await enter(gate, 1)
    waiting = Turn(gate)
    await settle()
    holder.answer.set()
    holder.leave.set()
    while gate.waiting:  # noqa: ASYNC110  # to the very step in which it is let in
        await asyncio.sleep(0)
    assert not waiting.entered.is_set()
    await abandon(waiting)
    assert gate.in_flight == 0


async def test_answers_on_their_way_into_the_ledger_are_bounded() -> None:
    gate = Gate(Limits(most=4))
    turns = [Turn(gate) for _ in range(20)]
    for turn in turns:
        turn.answer.set()
    await settle()
    assert (gate.in_flight, gate.unsettled, gate.waiting) == (0, 8, 12)
    turns[0].leave.set()
    await settle()
    assert (gate.unsettled, gate.waiting) == (8, 11)
    for turn in turns:
        turn.leave.set()
    await asyncio.gather(*[turn.task for turn in turns])
    assert (gate.in_flight, gate.unsettled) == (0, 0)


async def test_while_memory_is_tight_one_call_at_a_time_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIGHT_SECONDS", 0.01)
    is_tight = True
    gate = Gate(Limits(most=4), is_tight=lambda: is_tight)
    turns = [Turn(gate) for _ in range(6)]
    for turn in turns[:3]:
        await turn.entered.wait()
        await asyncio.sleep(0.03)
        assert gate.in_flight == 1
        await turn.end()
    is_tight = False
    async with asyncio.timeout(5):
        for turn in turns[3:]:
            await turn.entered.wait()
    assert gate.in_flight == 3
    await abandon(*turns)


def test_a_gate_serves_a_second_event_loop() -> None:
    gate = Gate(Limits(most=2))

    async def use() -> None:
        gate.pause(0.02)
        turns = [Turn(gate) for _ in range(6)]
        await turns[0].entered.wait()
        await turns[0].end()
        await turns[1].entered.wait()  # and the others are cancelled with the loop

    for _ in range(3):
        asyncio.run(use())
        assert (gate.in_flight, gate.waiting) == (0, 0)
