"""What a plan may cost, against what its run is allowed."""

import asyncio
from collections.abc import Iterable

from graphs.models.calls import Answer
from graphs.models.failures import BudgetTooSmall
from graphs.models.spending import Bound
from graphs.summarize.asking import result_of
from graphs.summarize.authors import Question, step_bound
from graphs.summarize.context import Context
from graphs.summarize.prompts import says_nothing_relevant
from graphs.summarize.state import Plan, Result, Step
from graphs.summarize.written import Written

CALLS_AT_ONCE = 50  # that are formulated before others get their turn: each takes 0.1 ms


async def check_budget(plan: Plan, context: Context) -> None:
    """Compare a plan with the run's budget before the first call, leaving out what the ledger remembers.

    Raises `BudgetTooSmall`.
    """
    budget = context.spending
    if not budget.is_limited:
        return
    if budget.usd is not None and context.facts.price is None:
        raise BudgetTooSmall(f"The price of {context.facts.name} is not known, so its cost cannot be limited.")
    to_pay = await _unknown(plan, context)
    needed = sum((_least(step, context) for step in to_pay), start=budget.spent)
    if not needed.fits(budget.calls, budget.tokens, budget.usd):
        raise BudgetTooSmall(f"It needs {_shown(needed)}, answers not counted.")
    maps = [step_bound(step, context.facts) for step in to_pay if step["kind"] != "merge"]
    first = min(maps, key=lambda bound: bound.tokens, default=Bound())
    needed = budget.spent + budget.held_back + first
    if not needed.fits(budget.calls, budget.tokens, budget.usd):
        raise BudgetTooSmall(f"Its merges and one chunk alone may need {_shown(needed)}.")


def hold_back(plan: Plan, context: Context, done: Iterable[Result] = ()) -> None:
    """Keep back what the merges of a plan that are not done may cost, so that the maps leave enough for them."""
    if not context.spending.is_limited:
        return
    finished = {result["step"] for result in done}
    merges = (step for step in plan["steps"].values() if step["inputs"] and step["id"] not in finished)
    context.spending.hold_back({step["id"]: step_bound(step, context.facts) for step in merges})


async def _unknown(plan: Plan, context: Context) -> list[Step]:
    """Return the steps whose calls the ledger does not remember, one of each kind; nothing is held back for others."""
    answers: dict[str, tuple[Result, Answer] | None] = {}  # by step; None: it has nothing to give
    unknown: dict[str, Step] = {}
    levels = sorted({step["level"] for step in plan["steps"].values()})
    for level in levels:
        steps = [step for step in plan["steps"].values() if step["level"] == level]
        asked: dict[str, Question] = {}  # by step
        for number, step in enumerate(steps):
            if number % CALLS_AT_ONCE == 0:
                await asyncio.sleep(0)
            if any(lower not in answers for lower in step["inputs"]):
                unknown[step["id"]] = step
                continue
            given = [below for lower in step["inputs"] if (below := answers[lower])]
            if step["kind"] == "merge" and len(given) < 2:  # no call
                answers[step["id"]] = given[0] if given else None
                continue
            asked[step["id"]] = await context.author.question(step, given)
        known = await context.calls.ledger.find(list({question.call.key for question in asked.values()}))
        for id, question in asked.items():
            step, key = plan["steps"][id], question.call.key
            if step["kind"] == "verbatim":
                answers[id] = _known(step, question, await question.call.perform(1))
            elif key not in known:
                unknown.setdefault(key, step)
            elif context.focus and says_nothing_relevant(known[key].text):
                answers[id] = answers[step["inputs"][0]] if step["kind"] == "refine" else None
            else:
                answers[id] = _known(step, question, known[key])
    for id in answers:
        context.spending.forgo(id)
    return list(unknown.values())


def _known(step: Step, question: Question, answer: Answer) -> tuple[Result, Answer]:
    return result_of(step, Written(answer, question.cites(answer))), answer


def _least(step: Step, context: Context) -> Bound:
    """Return what a step costs at least, as far as the plan can tell: its prompt."""
    if context.facts.provider == "embedded":
        return Bound(1)
    return Bound(1, step["prompt_tokens"], context.facts.usd(step["prompt_tokens"], 0) or 0.0)


def _shown(bound: Bound) -> str:
    usd = f", {bound.usd:.4f} US dollars" if bound.usd else ""
    return f"{bound.calls:,} calls with {bound.tokens:,} tokens{usd}"
