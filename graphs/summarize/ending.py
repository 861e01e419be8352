"""Work that is over when whoever waits for it goes on, however often that one is cancelled."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


async def ended(work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns. Cancelled meanwhile, it cancels the work once, and is over when that has ended.

    LangGraph cancels a node more than once when another one has failed. A graph inside of it, struck again while it
    ends its own nodes, would leave these behind, and they would ask on for a run that is over.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.cancel()
        while not task.done():
            with suppress(asyncio.CancelledError):  # it is on its way out already
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # nobody asks for it any more
        raise
