"""The gate: never more calls in flight than allowed, and a pause holds everyone back."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

import pytest

from graphs.models import gate as module
from graphs.models.gate import Gate, Limits, Place


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


@pytest.mark.parametrize(
    "limits", [{"most": 0}, {"most": -1}, {"least": 0}, {"most": 4, "start": 5}, {"most": 4, "least": 3, "start": 2}]
)
def test_limits_that_let_nothing_through_are_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="1 <= least <= start <= most"):
        Limits(**limits)


# ---------------------------------------------------------------- calls in flight follow the provider


async def enter(gate: Gate, number: int, run: str = "") -> list[Turn]:
    """Let so many in, one after the other."""
    turns = [Turn(gate, run) for _ in range(number)]
    for turn in turns:
        await turn.entered.wait()
    return turns


class Turn:
    """One call inside a gate, or before it, that a test lets go on."""

    def __init__(self, gate: Gate, run: str = "", tokens: int = 0) -> None:
        self.entered, self.answer, self.leave = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.place: Place | None = None
        self.task = asyncio.create_task(self._take(gate, run, tokens))

    async def _take(self, gate: Gate, run: str, tokens: int) -> None:
        async with gate.turn(run, tokens) as place:
            self.place = place
            self.entered.set()
            await self.answer.wait()
            place.answered()
            await self.leave.wait()

    async def end(self) -> None:
        self.answer.set()
        self.leave.set()
        await self.task


async def settle() -> None:
    """Let everything happen that needs no time."""
    for _ in range(20):
        await asyncio.sleep(0)


async def abandon(*turns: Turn) -> None:
    for turn in turns:
        turn.task.cancel()
    await asyncio.gather(*[turn.task for turn in turns], return_exceptions=True)


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


# ---------------------------------------------------------------- pauses


async def refuse(gate: Gate, *turns: Turn, wait_seconds: float | None) -> None:
    for turn in turns:
        assert turn.place
        gate.overloaded(turn.place, wait_seconds)
    await abandon(*turns)


async def test_a_burst_of_refusals_without_a_time_is_one_short_pause() -> None:
    gate = Gate(Limits(most=16))
    await refuse(gate, *await enter(gate, 16), wait_seconds=None)
    assert 0.5 < gate.paused_seconds <= 1


async def test_refusals_without_a_time_make_the_pauses_longer_up_to_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate()
    pauses = []
    for _ in range(1_200):  # more than a float's exponent holds
        gate._open_at = 0.0
        (turn,) = await enter(gate, 1)
        await refuse(gate, turn, wait_seconds=None)
        pauses.append(round(gate.paused_seconds))
    assert pauses[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert pauses[-1] == 60


async def test_a_provider_that_states_no_wait_and_refuses_again_is_not_asked_without_end() -> None:
    gate = Gate()
    pauses = []
    for _ in range(8):
        gate._open_at = 0.0
        (turn,) = await enter(gate, 1)
        await refuse(gate, turn, wait_seconds=0.0)
        pauses.append(round(gate.paused_seconds, 1))
    assert pauses[0] <= 0.1
    assert pauses == sorted(pauses)
    assert pauses[-1] == 1.0


async def test_a_stated_pause_is_kept_whatever_its_length() -> None:
    for stated in (2.5, 300.0, 86_400.0, 1e12):
        gate = Gate()
        (turn,) = await enter(gate, 1)
        await refuse(gate, turn, wait_seconds=stated)
        assert stated - 1 < gate.paused_seconds <= stated
        waiting = Turn(gate)
        await settle()
        assert not waiting.entered.is_set()
        await abandon(waiting)


async def test_after_a_pause_one_call_alone_tries_the_provider() -> None:
    gate = Gate(Limits(most=8))
    gate.pause(0.02)
    turns = [Turn(gate) for _ in range(8)]
    await turns[0].entered.wait()
    await settle()
    assert gate.in_flight == 1
    turns[0].answer.set()
    await settle()
    assert gate.in_flight == 7
    await abandon(*turns)


async def test_a_probe_that_fails_for_a_reason_of_its_own_is_followed_by_another() -> None:
    gate = Gate(Limits(most=8))
    gate.pause(0.01)
    turns = [Turn(gate) for _ in range(4)]
    for number in range(3):
        await turns[number].entered.wait()
        await settle()
        assert gate.in_flight == 1
        await abandon(turns[number])
    await turns[3].entered.wait()
    await turns[3].end()
    more = await enter(gate, 8)
    await abandon(*more)


async def test_a_slow_probe_does_not_hold_the_others_back_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROBE_SECONDS", 0.05)
    gate = Gate(Limits(most=4))
    gate.pause(0.01)
    async with asyncio.timeout(5):
        await abandon(*await enter(gate, 4))


# ---------------------------------------------------------------- per minute


async def test_calls_and_tokens_per_minute_are_bounded_by_the_settings() -> None:
    requests = Gate(Limits(most=64, requests_per_minute=30))
    tokens = Gate(Limits(most=64, tokens_per_minute=3_000))
    for gate, size in ((requests, 0), (tokens, 100)):
        turns = [Turn(gate, tokens=size) for _ in range(40)]
        await settle()
        assert gate.calls == 3  # a tenth of a minute's at once
        assert gate.in_flight == 3
        await abandon(*turns)
        assert (gate.in_flight, gate.tokens_in_flight, gate.waiting) == (0, 0, 0)
    assert [requests.per_minute, tokens.per_minute] == [(27.0, None), (None, 2_700.0)]


async def test_a_minutes_limit_lets_the_next_in_when_it_is_time() -> None:
    gate = Gate(Limits(most=200, requests_per_minute=1_200))
    async with asyncio.timeout(10):
        turns = await enter(gate, 125)  # 120 at once, the others 18 a second
    await abandon(*turns)


async def test_the_providers_headers_tighten_the_limits_and_loosen_none() -> None:
    gate = Gate(Limits(most=64, requests_per_minute=600))
    headers = {"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "2"}
    gate.observe(headers)
    assert gate.per_minute == (60.0, None)
    turns = [Turn(gate) for _ in range(10)]
    await settle()
    assert gate.calls == 2
    gate.observe({"x-ratelimit-limit-requests": "100000", "x-ratelimit-remaining-requests": "99999"})
    assert gate.per_minute == (540.0, None)
    gate.observe({})
    await abandon(*turns)


async def test_the_providers_tokens_are_counted_too() -> None:
    gate = Gate(Limits(most=64))
    gate.observe({"x-ratelimit-limit-tokens": "6000", "x-ratelimit-remaining-tokens": "1000"})
    turns = [Turn(gate, tokens=400) for _ in range(10)]
    await settle()
    assert gate.calls == 2
    await abandon(*turns)


# ---------------------------------------------------------------- fair turns


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
