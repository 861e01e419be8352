"""A model that answers as a test says."""

import asyncio
from collections.abc import Awaitable, Callable

from graphs.models import Answer, Call
from graphs.models.failures import ProviderUnavailable, Transient


class Model:
    """Answers calls as a test says, and counts them."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.peak = self.in_flight = 0
        self.called = asyncio.Event()

    def call(
        self,
        question: str = "q",
        does: Callable[[], Awaitable[Answer | None]] | None = None,
        *,
        model: str = "test:model",
        owner: str = "",
    ) -> Call:
        async def perform(_: int) -> Answer:
            self.calls.append(question)
            self.called.set()
            self.in_flight += 1
            self.peak = max(self.peak, self.in_flight)
            try:
                found = await does() if does else None
            finally:
                self.in_flight -= 1
            return found or Answer(f"answer to {question}", prompt_tokens=3, completion_tokens=2)

        return Call(model=model, identity={"messages": [question]}, perform=perform, owner=owner)

    def failing(self, *errors: Exception) -> Callable[[], Awaitable[None]]:
        """Fail with these errors in turn, then answer."""
        left = list(errors)

        async def does() -> None:
            if left:
                raise left.pop(0)

        return does


def transient() -> Transient:
    return Transient("503", gives_up_as=ProviderUnavailable)
