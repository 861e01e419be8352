"""What happens at each place of the graph. A node returns only what it adds, and never raises for a step: it records a
failure.
"""

import asyncio
import hashlib
from collections.abc import Coroutine, Sequence
from typing import Any, Literal

from langgraph.runtime import Runtime
from langgraph.types import Send

from graphs.evidence.marks import read_marks
from graphs.models.calls import Answer
from graphs.models.failures import CallFailed
from graphs.summarize.asking import answer_step, result_of
from graphs.summarize.budget import check_budget, hold_back
from graphs.summarize.context import Context
from graphs.summarize.documents import Document
from graphs.summarize.plan import Begin, begin_nothing, make_plan
from graphs.summarize.prompts import says_nothing_relevant
from graphs.summarize.review import measure_ahead
from graphs.summarize.state import (
    NO_USAGE,
    Failure,
    InputDocument,
    Plan,
    Result,
    SectionOutput,
    SectionState,
    State,
    Step,
    StepReport,
    StepTask,
    Usage,
)
from graphs.summarize.written import Tally, Written

# ---------------------------------------------------------------- the run


async def plan(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Choose chunks, sections, the tree of merges and the budgets of every call."""
    context = runtime.context
    for position, given in enumerate(state.get("documents") or []):
        context.documents.add(_document(given, position))
    begin = _beginner(context)
    planned = await asyncio.to_thread(make_plan, context.documents, context, context.facts, context.chunk_tokens, begin)
    hold_back(planned, context)
    await check_budget(planned, context)
    if context.head_start:
        context.head_start.prepare(context.documents.frequent_terms())
    return {"plan": planned, "level": 0}


def _beginner(context: Context) -> Begin:
    """Return what has steps begun from the thread that plans them. A budget is checked against the whole plan before
    the first call, and the embedded model reads the whole batch first.
    """
    head_start = context.head_start
    if head_start is None or context.spending.is_limited or context.facts.provider == "embedded":
        return begin_nothing
    loop = asyncio.get_running_loop()

    def do(step: Step, tally: Tally) -> Coroutine[Any, Any, Written]:
        return answer_step(step, (), context, tally)

    def begin(steps: Sequence[Step]) -> None:
        loop.call_soon_threadsafe(head_start.begin, steps, do)

    return begin


def start(state: State) -> list[Send] | Literal["review"]:
    """Route: one call is enough, for each variant of the summary, or a Send per section."""
    plan = state["plan"]
    if not plan["steps"]:
        return "review"
    if plan["final"] and not plan["steps"][plan["final"]]["inputs"]:
        return _final_sends("single", plan, [])
    return [_section_send("section", plan, ids, []) for ids in plan["sections"]]


async def single(state: StepTask, runtime: Runtime[Context]) -> SectionOutput:
    """Write the summary of a batch of one document in one call."""
    return await _take(state, runtime.context, "map")


async def gather(state: State) -> dict[str, int]:
    """Join what the sections or the last collapse wrote, and count the level."""
    return {"level": state["level"] + 1}


def collapse_or_reduce(state: State) -> list[Send] | Literal["review"]:
    """Route: a Send per pack of merges of the next level, or per variant of the last merge, or on to the review
    when no summary of the batch is wanted.
    """
    plan = state["plan"]
    done = state["level"] - 1
    if done < len(plan["levels"]):
        return [_section_send("collapse", plan, ids, state["steps"]) for ids in plan["levels"][done]]
    return _final_sends("reduce", plan, state["steps"]) if plan["final"] else "review"


async def reduce(state: StepTask, runtime: Runtime[Context]) -> SectionOutput:
    """Write the summary of the batch: the last merge."""
    return await _take(state, runtime.context, "reduce")


# ---------------------------------------------------------------- a section


def map_or_merge(state: SectionState) -> list[Send] | Literal["join"]:
    """Route: a Send per chunk; without chunks, on to the merges."""
    maps = [step for step in state["todo"] if not step["inputs"]]
    return [Send("map_chunk", StepTask(todo=step, given=[])) for step in maps] or "join"


async def map_chunk(state: StepTask, runtime: Runtime[Context]) -> SectionOutput:
    """Summarise one chunk."""
    return await _take(state, runtime.context, "map")


async def join(state: SectionState) -> dict[str, Any]:
    """Join the chunks of the section before they are merged."""
    return {}


def merge_or_leave(state: SectionState) -> list[Send] | Literal["__end__"]:
    """Route: a Send per merge whose inputs are there and that has not been done, until none is left."""
    done = {result["step"] for result in state["steps"]}
    known = state["given"] + state["steps"]
    there = {result["step"] for result in known}
    open_merges = [step for step in state["todo"] if step["inputs"] and step["id"] not in done]
    merges = [step for step in open_merges if there.issuperset(step["inputs"])]
    return [Send("merge", StepTask(todo=step, given=_given(step, known))) for step in merges] or "__end__"


async def merge(state: StepTask, runtime: Runtime[Context]) -> SectionOutput:
    """Merge one group of partial summaries."""
    return await _take(state, runtime.context, "collapse")


def leave(section: SectionState) -> SectionOutput:
    """Return what the run needs of a finished section: summaries, and partials that were not merged inside it."""
    merged = {lower for step in section["todo"] for lower in step["inputs"]}
    summaries = {step["id"] for step in section["todo"] if step["is_summary"]}
    return SectionOutput(
        steps=[result for result in section["steps"] if result["step"] not in merged - summaries],
        failures=section["failures"],
        skipped=section["skipped"],
        usage=section["usage"],
    )


def tell_review(usage: Usage, context: Context) -> None:
    """Tell the observer what the review of the summaries has cost, if it has asked a model."""
    if usage == NO_USAGE:
        return
    report = StepReport(
        step="review",
        kind="review",
        document=None,
        part=0,
        start=0,
        end=0,
        is_summary=False,
        status="succeeded",
        key=None,
        error=None,
        message=None,
        text=None,
        seconds=0.0,
        usage=usage,
    )
    context.report(report)


# ---------------------------------------------------------------- one step


Kind = Literal["map", "collapse", "reduce"]


async def _take(task: StepTask, context: Context, kind: Kind) -> SectionOutput:
    """Do one step: ask the model, or pass on what needs no call; report it."""
    step = task["todo"]
    kind = kind if step["kind"] == "merge" else "map"
    below = [result for result in task["given"] if result["key"]]
    if step["kind"] == "merge" and len(below) < 2:  # no call
        context.spending.forgo(step["id"])
        return await _pass_on(step, below, context, kind)
    begun = context.head_start.take(step) if context.head_start else None
    tally = begun.tally if begun else Tally()
    try:
        answers = await context.calls.recall(str(result["key"]) for result in below)
        given = [(result, answers[str(result["key"])]) for result in below]
        written = await (begun.written() if begun else answer_step(step, given, context, tally))
    except CallFailed as error:
        context.report(_report(step, kind, "failed", error=error, usage=tally.usage))
        failure = Failure(step=step["id"], document=step["document"], error=error.code, message=str(error))
        return _added(step, _without_answer(step, below), failure=failure, usage=tally.usage)
    if context.focus and says_nothing_relevant(written.answer.text):
        context.report(_report(step, kind, "skipped", answer=written.answer, usage=tally.usage))
        return _added(step, _without_answer(step, below), usage=tally.usage, skipped=True)
    context.report(_report(step, kind, "succeeded", answer=written.answer, usage=tally.usage))
    if context.head_start and step["is_summary"] and not written.answer.spans:
        context.head_start.prepare(measure_ahead(step, written, context))
    return _added(step, result_of(step, written), usage=tally.usage)


async def _pass_on(step: Step, below: Sequence[Result], context: Context, kind: Kind) -> SectionOutput:
    """Hand on the one thing that a merge has to merge, or nothing."""
    if not below:  # all of it failed or was not relevant, and is recorded there
        context.report(_report(step, kind, "skipped"))
        return _added(step, result_of(step, None))
    key = str(below[0]["key"])
    passed_on = (await context.calls.recall([key]))[key]
    context.report(_report(step, kind, "succeeded", answer=passed_on, usage=NO_USAGE))
    return _added(step, _so_far(step, below))


def _without_answer(step: Step, below: Sequence[Result]) -> Result:
    """Return what a step gives whose own call gave nothing: one that continues a summary, that summary."""
    return _so_far(step, below) if step["kind"] == "refine" else result_of(step, None)


def _so_far(step: Step, below: Sequence[Result]) -> Result:
    """Return what a step gives that adds nothing to what is beneath it."""
    result = result_of(step, None)
    if below:
        result["key"], result["cites"], result["words"] = below[0]["key"], below[0]["cites"], below[0]["words"]
    return result


def _added(
    step: Step,
    result: Result,
    *,
    failure: Failure | None = None,
    skipped: bool = False,
    usage: Usage = NO_USAGE,
) -> SectionOutput:
    return SectionOutput(
        steps=[result],
        failures=[failure] if failure else [],
        skipped=[step["id"]] if skipped else [],
        usage=usage,
    )


def _report(
    step: Step,
    kind: Kind,
    status: Literal["succeeded", "failed", "skipped"],
    *,
    answer: Answer | None = None,
    error: CallFailed | None = None,
    usage: Usage = NO_USAGE,
) -> StepReport:
    return StepReport(
        step=step["id"],
        kind=kind,
        document=step["document"],
        part=step["part"],
        start=step["start"],
        end=step["end"],
        is_summary=step["is_summary"] and not step["variant"],
        status=status,
        key=answer.key if answer else None,
        error=error.code if error else None,
        message=str(error) if error else None,
        text=read_marks(answer.text).text if answer and step["is_summary"] and not step["variant"] else None,
        seconds=round(answer.seconds, 3) if answer else 0.0,
        usage=usage,
    )


def _given(step: Step, results: Sequence[Result]) -> list[Result]:
    """Return the results of a step's inputs, in the order of the inputs."""
    by_step = {result["step"]: result for result in results}
    return [by_step[lower] for lower in step["inputs"] if lower in by_step]


def _final_sends(node: str, plan: Plan, results: Sequence[Result]) -> list[Send]:
    """Return a Send for the last step and for each variant of it."""
    steps = [plan["steps"][id] for id in (plan["final"], *plan["variants"])]
    return [Send(node, StepTask(todo=step, given=_given(step, results))) for step in steps]


def _section_send(node: str, plan: Plan, ids: Sequence[str], results: Sequence[Result]) -> Send:
    todo = [plan["steps"][id] for id in ids]
    inside = set(ids)
    by_step = {result["step"]: result for result in results}
    given = [by_step[lower] for step in todo for lower in step["inputs"] if lower not in inside and lower in by_step]
    return Send(node, SectionState(todo=todo, given=given, steps=[], failures=[], skipped=[], usage=NO_USAGE))


def _document(given: InputDocument, position: int) -> Document:
    text = given["text"]
    id = given.get("id") or hashlib.sha256(f"{position}:{text}".encode("utf-8", "surrogatepass")).hexdigest()[:12]
    title = given.get("title") or f"Document {position + 1}"
    return Document(id=id, title=title, text=text, group=given.get("group", "").strip())
