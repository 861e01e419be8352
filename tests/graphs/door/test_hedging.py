"""A second call for a straggler: the first answer wins, few calls have one, nothing stays behind."""

import asyncio
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from graphs.models import Answer, Call, Calls, Limits
from graphs.models.failures import AnswerRefused, Overloaded, QuotaExhausted
from graphs.models.spending import Spending
from tests.graphs.door.model import transient


class After(NamedTuple):
    """So many seconds after the same question was asked a second time."""

    seconds: float


class Stragglers:
    """Calls of which the first to a question can be slow, behind a gate that knows how long calls take."""

    def __init__(self, most: int = 8) -> None:
        self.calls = Calls(limits=Limits(most=most, hedge=True), backoff_seconds=0.001, deadline_seconds=5)
        self.asked: dict[str, int] = {}
        self.again: dict[str, asyncio.Event] = {}
        self.cancelled: list[str] = []

    def call(self, question: str, *turns: Any) -> Call:
        """Each turn is a number of seconds or `After`, an error to raise, or both."""
        again = self.again[question] = asyncio.Event()

        async def perform(_: int) -> Answer:
            turn = self.asked[question] = self.asked.get(question, 0) + 1
            does = turns[turn - 1] if turn <= len(turns) else 0
            seconds, error = does if type(does) is tuple else (does, None)
            if turn == 2:
                again.set()
            try:
                if isinstance(seconds, After):
                    await again.wait()
                    seconds = seconds.seconds
                await asyncio.sleep(seconds)
            except asyncio.CancelledError:
                self.cancelled.append(f"{question} {turn}")
                raise
            if error:
                raise error
            return Answer(f"answer {turn}")

        return Call(model="test:model", identity={"q": question}, perform=perform)

    async def warm(self, number: int) -> None:
        """Make so many calls, and let the gate take them for quick ones, however busy the machine is."""
        await asyncio.gather(*[self.calls.ask(self.call(f"warm {index}")) for index in range(number)])
        latencies = self.calls.gate("test")._latencies
        assert len(latencies) == number
        latencies.extend([0.001] * number)
        while len(latencies) > number:
            latencies.popleft()


async def test_the_first_answer_of_a_hedged_call_wins_and_the_other_is_cancelled() -> None:
    stragglers = Stragglers()
    await stragglers.warm(100)
    assert (await stragglers.calls.ask(stragglers.call("slow", 30, 0))).text == "answer 2"
    assert stragglers.cancelled == ["slow 1"]
    assert (await stragglers.calls.ask(stragglers.call("first after all", After(0), 30))).text == "answer 1"
    assert stragglers.cancelled == ["slow 1", "first after all 2"]
    gate = stragglers.calls.gate("test")
    assert (gate.in_flight, gate.unsettled, gate.waiting, gate.hedges) == (0, 0, 0, 2)


@pytest.mark.parametrize(
    ("first", "second"), [((After(0), QuotaExhausted()), 0.1), (After(0.1), (0, QuotaExhausted()))]
)
async def test_a_failure_of_one_waits_for_the_other(first: Any, second: Any) -> None:
    stragglers = Stragglers()
    await stragglers.warm(100)
    answer = await stragglers.calls.ask(stragglers.call("slow", first, second))
    assert answer.text.startswith("answer")
    assert stragglers.asked["slow"] == 2


async def test_when_both_fail_the_call_has_failed() -> None:
    stragglers = Stragglers()
    await stragglers.warm(100)
    with pytest.raises(AnswerRefused):
        await stragglers.calls.ask(stragglers.call("slow", (After(0), AnswerRefused()), (0, AnswerRefused())))
    assert stragglers.calls.gate("test").in_flight == 0


async def test_calls_that_hold_all_places_do_not_wait_for_a_place_of_their_second_ones() -> None:
    stragglers = Stragglers(most=2)
    await stragglers.warm(100)
    gate = stragglers.calls.gate("test")
    going_on = asyncio.Event()

    def call(question: str) -> Call:
        asked = 0

        async def perform(_: int) -> Answer:
            nonlocal asked
            asked += 1
            if asked == 1:
                await going_on.wait()
                raise transient()
            return Answer(f"answer {asked}")

        return Call(model="test:model", identity={"q": question}, perform=perform)

    asking = [asyncio.create_task(stragglers.calls.ask(call(question))) for question in ("a", "b")]
    async with asyncio.timeout(30):
        while gate.waiting < 2:  # noqa: ASYNC110  # the second ones, of which nobody tells
            await asyncio.sleep(0.001)
        going_on.set()
        assert [answer.text for answer in await asyncio.gather(*asking)] == ["answer 2", "answer 2"]
    assert (gate.in_flight, gate.waiting, gate.unsettled) == (0, 0, 0)


async def test_a_hedge_that_is_refused_for_overload_makes_everyone_wait() -> None:
    stragglers = Stragglers()
    await stragglers.warm(100)
    slow = stragglers.call("slow", After(0.1), (0.0, Overloaded("429", wait_seconds=60)))
    await stragglers.calls.ask(slow)
    assert stragglers.calls.gate("test").paused_seconds > 50


async def test_a_twentieth_of_the_calls_are_hedged_at_most() -> None:
    stragglers = Stragglers()
    await stragglers.warm(40)
    await asyncio.gather(*[stragglers.calls.ask(stragglers.call(f"slow {n}", 0.05, 0.05)) for n in range(60)])
    gate = stragglers.calls.gate("test")
    assert 1 <= gate.hedges <= 0.05 * gate.calls


async def test_no_call_is_hedged_unless_the_operator_wants_it() -> None:
    stragglers = Stragglers()
    stragglers.calls.limits = Limits(most=8)
    await stragglers.warm(40)
    await stragglers.calls.ask(stragglers.call("slow", 0.1))
    assert stragglers.asked["slow"] == 1


async def test_a_hedged_call_that_is_cancelled_leaves_nothing_behind() -> None:
    stragglers = Stragglers()
    await stragglers.warm(100)
    asking = asyncio.create_task(stragglers.calls.ask(stragglers.call("slow", 30, 30)))
    async with asyncio.timeout(5):
        while stragglers.asked.get("slow") != 2:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.001)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    gate = stragglers.calls.gate("test")
    async with asyncio.timeout(60):
        while gate.in_flight:  # noqa: ASYNC110  # likewise
            await asyncio.sleep(0.001)
    assert sorted(stragglers.cancelled) == ["slow 1", "slow 2"]
    assert (gate.in_flight, gate.waiting) == (0, 0)


async def test_a_run_with_a_budget_pays_for_no_second_call() -> None:
    stragglers = Stragglers()
    await stragglers.warm(100)
    await stragglers.calls.ask(replace(stragglers.call("slow", 0.1), spending=Spending(calls=5)))
    assert stragglers.asked["slow"] == 1
