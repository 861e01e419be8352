"""Whoever waits for a run is woken, and nothing stays of those who no longer do."""

import asyncio
import gc

from app.work.notifier import Notifier, wait


async def test_all_who_wait_are_woken() -> None:
    notifier = Notifier()
    waiting = [asyncio.create_task(wait(notifier.waiter("run"), 60)) for _ in range(3)]
    await asyncio.sleep(0)
    notifier.notify("run")
    _, still_waiting = await asyncio.wait(waiting, timeout=5)
    assert not still_waiting


async def test_a_notification_between_the_taking_and_the_waiting_is_not_lost() -> None:
    notifier = Notifier()
    waiter = notifier.waiter("run")
    notifier.notify("run")
    assert notifier.waiter("run") is not waiter  # it is for what comes next
    async with asyncio.timeout(5):
        await wait(waiter, 60)


async def test_who_waits_for_the_end_of_a_run_is_not_woken_by_its_steps() -> None:
    notifier = Notifier()
    step, end = notifier.waiter("run"), notifier.waiter("run", of_end=True)
    notifier.notify("run")
    assert (step.is_set(), end.is_set()) == (True, False)
    step = notifier.waiter("run")
    notifier.notify("run", has_ended=True)
    assert (step.is_set(), end.is_set()) == (True, True)


async def test_those_who_leave_without_a_notification_leave_nothing() -> None:
    notifier = Notifier()

    async def ask(number: int) -> None:  # about a run that has ended: nothing will be told of it
        await wait(notifier.waiter(f"run {number}"), 0)

    await asyncio.gather(*[asyncio.create_task(ask(number)) for number in range(100)])
    stays = notifier.waiter("another")
    gc.collect()
    assert notifier.waited_for == 1
    notifier.notify_all()
    assert stays.is_set()
    assert notifier.waited_for == 0
