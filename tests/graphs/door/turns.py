"""Calls inside a gate, or before it, that a test lets go on."""

from __future__ import annotations

import asyncio

from graphs.models.gate import Gate, Place


async def enter(gate: Gate, number: int, run: str = "") -> list[Turn]:
    """Let so many in, one after the other."""
    turns = [Turn(gate, run) for _ in range(number)]
    for turn in turns:
        await turn.entered.wait()
    return turns


class Turn:
    """One call inside a gate, or before it, that a test lets go on."""

    def __init__(self, gate: Gate, run: str = "", tokens: int = 0) -> None:
        self.entered, self.answer, self.leave = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.place: Place | None = None
        self.task = asyncio.create_task(self._take(gate, run, tokens))

    async def _take(self, gate: Gate, run: str, tokens: int) -> None:
        async with gate.turn(run, tokens) as place:
            self.place = place
            self.entered.set()
            await self.answer.wait()
            place.answered()
            await self.leave.wait()

    async def end(self) -> None:
        self.answer.set()
        self.leave.set()
        await self.task


async def settle() -> None:
    """Let everything happen that needs no time."""
    for _ in range(20):
        await asyncio.sleep(0)


async def abandon(*turns: Turn) -> None:
    for turn in turns:
        turn.task.cancel()
    await asyncio.gather(*[turn.task for turn in turns], return_exceptions=True)


async def refuse(gate: Gate, *turns: Turn, wait_seconds: float | None) -> None:
    for turn in turns:
        assert turn.place
        gate.overloaded(turn.place, wait_seconds)
    await abandon(*turns)
