"""Work that is over when whoever waits for it goes on, however often that one is cancelled.

A cancellation that strikes in the middle of what cannot bear it leaves something behind: a transaction that stays open,
a lock that nobody lets go of, calls for a run that has ended.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

Result = TypeVar("Result")


async def to_its_end(work: Coroutine[Any, Any, Result]) -> Result:
    """Return what `work` returns. Cancelled meanwhile, it lets the work come to its end first."""
    return await _over(asyncio.create_task(work), is_broken_off=False)


async def broken_off_once(work: Coroutine[Any, Any, Result]) -> Result:
    """Return what `work` returns. Cancelled meanwhile, it cancels the work, once, and lets that come to its end first.

    LangGraph cancels a node more than once when another one has failed. A graph inside of it, struck again while it
    ends its own nodes, would leave these behind, and they would ask on for a run that is over.
    """
    return await _over(asyncio.create_task(work), is_broken_off=True)


async def _over(task: asyncio.Task[Result], *, is_broken_off: bool) -> Result:
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if is_broken_off:
            task.cancel()
        while not task.done():
            with suppress(asyncio.CancelledError):  # it is on its way out already
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # nobody asks for it any more
        raise
