"""Methods that go on to their end when whoever waits for them is cancelled.

A cancellation in the middle of a statement leaves the drivers in a state that nobody gets them out of: a transaction
stays open and keeps all others from writing, or the lock on the first connection is held for good.
"""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, TypeVar

from graphs.cancellation import to_its_end

Kind = TypeVar("Kind")


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
