"""How a step gets its answer: by one call, or by smaller ones where the model's window is smaller than the plan was
told.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from graphs.models.calls import Answer
from graphs.models.failures import CallFailed, ContextOverflow
from graphs.models.spending import Bill
from graphs.summarize.context import Context
from graphs.summarize.prompts import says_nothing_relevant
from graphs.summarize.state import Result, Step, Usage
from graphs.text.sentences import split_sentences

HALVINGS = 4  # a chunk is cut into sixteen pieces at most

Below = Sequence[tuple[Result, Answer]]


@dataclass(slots=True)
class Tally:
    """What the calls of one step cost."""

    bill: Bill = field(default_factory=Bill)
    remembered: int = 0

    @property
    def usage(self) -> Usage:
        """The bill, as the run adds it up."""
        return Usage(
            calls=self.bill.calls,
            remembered=self.remembered,
            prompt_tokens=self.bill.prompt_tokens,
            completion_tokens=self.bill.completion_tokens,
            estimated=self.bill.estimated,
            cost_usd=self.bill.usd,
        )


async def answer_step(step: Step, below: Below, context: Context, tally: Tally, halvings: int = 0) -> Answer:
    """Return the answer to a step: of a map without `below`, of a merge of what is `below` with it.

    Raises `CallFailed` and `RunStopped`.
    """
    author = context.author
    call = await (author.merge_call(step, below) if below else author.map_call(step))
    try:
        answer = await context.calls.ask(call)
    except ContextOverflow:
        tally.bill.add(call.bill)
        pieces = _half_merges(step, below) if below else _half_maps(step, context)
        if halvings == HALVINGS or len(pieces) < 2:
            raise
    except CallFailed:
        tally.bill.add(call.bill)
        raise
    else:
        tally.bill.add(call.bill)
        tally.remembered += not call.bill.calls
        return answer
    found = await asyncio.gather(
        *[
            _pass_on(part) if len(part) == 1 else answer_step(piece, part, context, tally, halvings + 1)
            for piece, part in pieces
        ],
        return_exceptions=True,  # each piece comes to its end: what it pays for is counted here, and kept
    )
    answers: list[Answer] = []
    for answered in found:
        if isinstance(answered, BaseException):
            raise answered
        answers.append(answered)
    parts = [
        (_result(piece, answer), answer)
        for (piece, _), answer in zip(pieces, answers, strict=True)
        if not (context.focus and says_nothing_relevant(answer.text))
    ]
    if len(parts) < 2:
        return parts[0][1] if parts else answers[0]
    return await answer_step(step, parts, context, tally, halvings + 1)


async def _pass_on(part: Below) -> Answer:
    return part[0][1]


def _half_maps(step: Step, context: Context) -> list[tuple[Step, Below]]:
    """Cut a chunk at the sentence border nearest to its middle, or at its middle if it is one sentence."""
    text = context.documents[step["document"] or ""].text[step["start"] : step["end"]]
    middle = len(text) // 2
    border = min((start for start, _ in split_sentences(text)[1:]), key=lambda at: abs(at - middle), default=middle)
    at = step["start"] + border
    spans = [(step["start"], at), (at, step["end"])]
    share = 1 / max(1, len(text))
    return [(_smaller(step, share * (end - start), start, end), ()) for start, end in spans if start < end]


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
    smaller["is_summary"] = False
    return smaller


def _result(step: Step, answer: Answer) -> Result:
    return Result(step=step["id"], document=step["document"], part=step["part"], parts=step["parts"], key=answer.key)
