"""A pause that the provider asks for holds everyone back, and so do its limits per minute."""

from __future__ import annotations

import asyncio

import pytest

from graphs.models import gate as module
from graphs.models.gate import Gate, Limits
from tests.graphs.door.turns import Turn, abandon, enter, refuse, settle


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
