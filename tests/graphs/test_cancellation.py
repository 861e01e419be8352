"""What makes a run stop ends all of it: nothing asks on for a run that is over."""

import asyncio

import pytest

from graphs.cancellation import broken_off_once
from graphs.models import Answer
from graphs.models.calls import Call
from tests.graphs.summaries import ContextOf, batch, run
from tests.model_server import ModelServer


async def test_when_one_node_fails_the_calls_of_the_others_are_broken_off(
    context_of: ContextOf, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LangGraph cancels them more than once, and chunks are asked for in a graph inside that has an end of its own."""
    model_server.hold(after=1)  # the first call to a model goes alone
    context = context_of(batch(Ansan=20), facets=["entities"])
    ask = context.calls.ask

    async def failing(call: Call) -> Answer:
        if call.step == "entities/0.0":
            await asyncio.to_thread(model_server.wait_for, lambda counts: counts["held"] >= 2)
            raise RuntimeError("the door is gone")
        return await ask(call)

    monkeypatch.setattr(context.calls, "ask", failing)
    with pytest.raises(RuntimeError, match="the door is gone"):
        await run(context)
    gate = context.calls.gate("openai")
    assert (gate.in_flight, gate.waiting) == (0, 0)
    await asyncio.to_thread(model_server.wait_for, lambda counts: counts["in_flight"] == 0)


async def test_however_often_it_is_cancelled_the_work_is_cancelled_once_and_ends() -> None:
    begun, cleared_up = asyncio.Event(), asyncio.Event()
    cancels = 0

    async def work() -> None:
        nonlocal cancels
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancels += 1
            for _ in range(10):
                await asyncio.sleep(0)
            cleared_up.set()
            raise

    waiting = asyncio.create_task(broken_off_once(work()))
    await begun.wait()
    while not waiting.done():
        waiting.cancel()
        await asyncio.sleep(0)
    assert waiting.cancelled()
    assert cleared_up.is_set()
    assert cancels == 1


async def test_work_that_is_not_cancelled_returns_or_raises_what_it_would() -> None:
    async def work(fails: bool) -> str:
        await asyncio.sleep(0)
        if fails:
            raise KeyError("x")
        return "done"

    assert await broken_off_once(work(fails=False)) == "done"
    with pytest.raises(KeyError):
        await broken_off_once(work(fails=True))
