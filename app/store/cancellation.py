"""Work on a database that goes on to its end when whoever waits for it is cancelled.

A cancellation in the middle of a statement leaves the drivers in a state that nobody gets them out of: a transaction
stays open and keeps all others from writing, or the lock on the first connection is held for good.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, TypeVar

Result = TypeVar("Result")
Kind = TypeVar("Kind")


async def to_its_end(work: Coroutine[Any, Any, Result]) -> Result:
    """Return what `work` returns. Cancelled meanwhile, it is over with a `CancelledError` when the work is done."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError:
                continue  # it is on its way out already
        if not task.cancelled():
            task.exception()  # nobody asks for it any more
        raise


def uncancelled(*names: str) -> Callable[[type[Kind]], type[Kind]]:
    """Return a decorator of classes: calls of these inherited coroutine methods go on to their end."""

    def decorate(kind: type[Kind]) -> type[Kind]:
        for name in names:
            setattr(kind, name, _going_on(getattr(kind, name)))
        return kind

    return decorate


def _going_on(method: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Coroutine[Any, Any, Any]]:
    @wraps(method)
    async def call(*given: Any, **named: Any) -> Any:
        return await to_its_end(method(*given, **named))

    return call
