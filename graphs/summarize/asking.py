"""How a step gets its answer: by one call, or by smaller ones where the model's window is smaller than the plan was
told; a summary that is in the wrong language or of the wrong length is asked for again.
"""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from graphs.models.calls import Answer
from graphs.models.failures import CallFailed, ContextOverflow
from graphs.models.spending import Bill
from graphs.summarize.authors import VERBATIM, Below, Question
from graphs.summarize.context import Context
from graphs.summarize.fitting import best_draft, next_request
from graphs.summarize.prompts import says_nothing_relevant
from graphs.summarize.state import Cited, Result, Step, Usage, usage_of
from graphs.text.chunking import HALVINGS, halves

T = TypeVar("T")


class Written(NamedTuple):
    """An answer, and what its numbers mean."""

    answer: Answer
    cites: list[Cited]


@dataclass(slots=True)
class Tally:
    """What the calls of one step cost."""

    bill: Bill = field(default_factory=Bill)
    remembered: int = 0

    @property
    def usage(self) -> Usage:
        """The bill, as the run adds it up."""
        return usage_of(self.bill, self.remembered)


async def all_of(asked: Iterable[Awaitable[T]]) -> list[T]:
    """Return what all give, in order; what makes the run stop ends the others at once."""
    tasks = [asyncio.ensure_future(one) for one in asked]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def answer_step(step: Step, below: Below, context: Context, tally: Tally, halvings: int = 0) -> Written:
    """Return the answer to a step, given what is beneath it.

    Raises `CallFailed` and `RunStopped`.
    """
    asked = await context.author.question(step, below)
    try:
        answer = await ask(asked, context, tally)
    except ContextOverflow:
        pieces = _half_merges(step, below) if step["kind"] == "merge" else _half_chunks(step, context)
        if halvings == HALVINGS or len(pieces) < 2:
            raise
    else:
        if step["is_summary"] and not (context.focus and says_nothing_relevant(answer.text)):
            answer = await _fit(asked, answer, context, tally)
        return Written(answer, asked.cites(answer))
    if step["kind"] == "refine" and below:
        return await _refine_by_pieces(step, below, [piece for piece, _ in pieces], context, tally, halvings + 1)
    found = await asyncio.gather(
        *[
            _pass_on(part) if len(part) == 1 else answer_step(piece, part, context, tally, halvings + 1)
            for piece, part in pieces
        ],
        return_exceptions=True,  # each piece comes to its end: what it pays for is counted here, and kept
    )
    written: list[Written] = []
    for answered in found:
        if isinstance(answered, BaseException):
            raise answered
        written.append(answered)
    relevant = [
        (piece, answered)
        for (piece, _), answered in zip(pieces, written, strict=True)
        if not (context.focus and says_nothing_relevant(answered.answer.text))
    ]
    if len(relevant) < 2:
        return relevant[0][1] if relevant else written[0]
    parts = [(result_of(piece, answered), answered.answer) for piece, answered in relevant]
    return await answer_step({**step, "kind": "merge"}, parts, context, tally, halvings + 1)


async def _refine_by_pieces(
    step: Step, below: Below, pieces: Sequence[Step], context: Context, tally: Tally, halvings: int
) -> Written:
    """Take the pieces of a chunk into the summary so far, one after the other: each writes all of it, the last one as
    it was asked of the whole chunk.
    """
    written: Written | None = None
    for smaller in pieces:
        so_far = [(result_of(step, written), written.answer)] if written else below
        piece: Step = {**smaller, "words": step["words"], "source_words": step["source_words"]}
        piece["is_summary"] = step["is_summary"] and piece["end"] == step["end"]
        piece["is_final"] = step.get("is_final", False) and piece["end"] == step["end"]
        answered = await answer_step(piece, so_far, context, tally, halvings)
        if not (context.focus and says_nothing_relevant(answered.answer.text)):
            written = answered
    return written or answered


async def ask(asked: Question, context: Context, tally: Tally) -> Answer:
    """Ask, and count what it costs, also when it fails."""
    try:
        answer = await context.calls.ask(asked.call)
    finally:
        tally.bill.add(asked.call.bill)
    tally.remembered += not asked.call.bill.calls and asked.call.model != VERBATIM
    return answer


async def _fit(asked: Question, answer: Answer, context: Context, tally: Tally) -> Answer:
    """Have a summary written again that is in another language or much longer or shorter than it should be; return the
    best that was written.
    """
    drafts = [answer]
    while asked.step is not None and (request := next_request(drafts, asked.step)):
        again = context.author.follow_up(asked, drafts[-1], request)
        if again is None:
            break
        try:
            drafts.append(await ask(again, context, tally))
        except CallFailed:  # what is there is a summary already
            break
    return best_draft(drafts, asked.step) if asked.step else answer


async def _pass_on(part: Below) -> Written:
    ((result, answer),) = part
    return Written(answer, result["cites"])


def _half_chunks(step: Step, context: Context) -> list[tuple[Step, Below]]:
    spans = halves(context.documents[step["document"] or ""].text, step["start"], step["end"])
    share = 1 / max(1, step["end"] - step["start"])
    return [(_smaller(step, share * (end - start), start, end), ()) for start, end in spans]


def _half_merges(step: Step, below: Below) -> list[tuple[Step, Below]]:
    if len(below) < 3:
        return []
    middle = (len(below) + 1) // 2
    return [(_smaller(step, 0.5, step["start"], step["end"]), half) for half in (below[:middle], below[middle:])]


def _smaller(step: Step, share: float, start: int, end: int) -> Step:
    """Return a step for a share of another's material, with at least half of its words; its prompt is shorter too, by
    how much is not known.
    """
    smaller = step.copy()
    smaller["start"], smaller["end"] = start, end
    smaller["words"] = max(1, round(step["words"] * max(share, 0.5)))
    smaller["source_words"] = max(1, round(step["source_words"] * share))
    smaller["is_summary"] = smaller["is_final"] = False
    return smaller


def result_of(step: Step, written: Written | None) -> Result:
    """Return a step's result; without an answer, one that has nothing to give."""
    result = Result(
        step=step["id"],
        document=step["document"],
        part=step["part"],
        parts=step["parts"],
        key=written.answer.key if written else None,
        cites=written.cites if written else [],
        words=step["words"],
    )
    if "group" in step:
        result["group"] = step["group"]
    return result
