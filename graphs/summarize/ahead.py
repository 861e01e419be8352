"""A head start: chunks are summarised while the rest of the batch is still being planned, and what the end of the run
will ask for is worked out while models are being asked.

The calls that read a document are known as soon as that document is, and hang on no other. So they need not wait for
the plan: some milliseconds a megabyte, before which a model would have nothing to do. The graph asks for each step when
its turn comes, and finds it done, under way, or still to do.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from graphs.models.calls import Calls
from graphs.models.failures import CallFailed
from graphs.summarize.state import Step
from graphs.summarize.written import Tally, Written

Do = Callable[[Step, Tally], Coroutine[Any, Any, Written]]

UNDER_WAY = 2  # times the calls that may be in flight: enough to keep the gate busy, and few prompts in memory


@dataclass(slots=True)
class Begun:
    """A step that was begun ahead, and what it costs."""

    # None: it has ended well. A task that has ended, with all that belongs to it, is ten times what it has written.
    _task: asyncio.Task[Written] | None
    tally: Tally
    _written: Written | None = None

    async def written(self) -> Written:
        """Return what was written, when it is there. Raises what the step has raised."""
        if self._task is not None:
            return await self._task
        assert self._written is not None
        return self._written

    def ended(self, task: asyncio.Task[Written]) -> None:
        """Keep what was written, and let go of the rest."""
        if not task.cancelled() and task.exception() is None:
            self._task, self._written = None, task.result()

    def end(self) -> list[asyncio.Task[Written]]:
        """Break the step off, if it is under way; return its task."""
        if self._task is None:
            return []
        self._task.cancel()
        return [self._task]


class HeadStart:
    """What of one run is begun before the graph asks for it; leaving it ends what nobody has asked for."""

    def __init__(self, calls: Calls) -> None:
        self._most = UNDER_WAY * calls.limits.most
        self._waiting: dict[str, tuple[Step, Do]] = {}
        self._begun: dict[str, Begun] = {}
        self._under_way = 0
        self._is_open = True
        self._preparing: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        for task in self._preparing:
            task.cancel()
        steps = [task for begun in self._begun.values() for task in begun.end()]
        await asyncio.gather(*steps, *self._preparing, return_exceptions=True)

    def begin(self, steps: Iterable[Step], do: Do) -> None:
        """Begin steps that read a chunk, in this order, a few at a time."""
        if self._is_open:
            self._waiting |= {step["id"]: (step, do) for step in steps}
            self._go_on()

    def take(self, step: Step) -> Begun | None:
        """Return a step that was begun, once; None for one that whoever asks is to do."""
        self._waiting.pop(step["id"], None)
        return self._begun.pop(step["id"], None)

    def prepare(self, work: Coroutine[Any, Any, Any]) -> None:
        """Begin to work out what the end of the run will ask for, while models are being asked."""
        task = asyncio.create_task(work)
        self._preparing.add(task)
        task.add_done_callback(self._prepared)

    async def prepared(self) -> None:
        """Return when all of that is there. Raises what it has raised."""
        await asyncio.gather(*self._preparing)

    def _prepared(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and task.exception() is None:
            self._preparing.discard(task)  # one that failed stays, for prepared() to raise

    def _go_on(self) -> None:
        while self._waiting and self._under_way < self._most:
            step, do = self._waiting.pop(next(iter(self._waiting)))
            tally = Tally()
            task = asyncio.create_task(do(step, tally))
            begun = self._begun[step["id"]] = Begun(task, tally)
            self._under_way += 1
            task.add_done_callback(begun.ended)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Written]) -> None:
        self._under_way -= 1
        if task.cancelled() or not isinstance(task.exception(), CallFailed | None):
            self._close()  # what stops a run is told by the step itself
        self._go_on()

    def _close(self) -> None:
        self._is_open = False
        self._waiting.clear()
