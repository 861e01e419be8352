"""The facets' places in the graph: packs of calls beside the sections, and what retells the summaries behind them."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Literal

from langgraph.runtime import Runtime
from langgraph.types import Send

from graphs.facets import SYNTHESIS, Done, FacetResult, FacetStep, Given, reads_source
from graphs.summarize import nodes
from graphs.summarize.asking import all_of
from graphs.summarize.context import Context
from graphs.summarize.facet_plan import SYNTHESIS_GROWTH, source_steps, summary_steps
from graphs.summarize.facet_results import facets_of, read_sources, summary_texts, synthesis_material
from graphs.summarize.state import (
    NO_USAGE,
    FacetOutput,
    FacetTask,
    Outcome,
    State,
    StepReport,
    Usage,
    add_usage,
)
from graphs.summarize.written import Tally
from graphs.text.words import count_words

PACK_STEPS = 100  # calls of one Send: as many as a section has

Route = list[Send | str]


def start(state: State) -> Route:
    """Route: to the summaries, and beside them a Send per pack of facets that need only the sources."""
    plan = state["plan"]
    found = nodes.start(state)
    route: Route = [found] if isinstance(found, str) else [*found]
    if plan.get("facets_wait"):
        return route
    return route + [Send("facet", FacetTask(todo=pack)) for pack in _packs(source_steps(plan))]


async def facet(state: FacetTask, runtime: Runtime[Context]) -> FacetOutput:
    """Ask for one pack of facets."""
    return await _take_pack(state["todo"], {}, runtime.context)


def retell_or_finish(state: State, runtime: Runtime[Context]) -> Literal["retell", "finish", "__end__"]:
    """Route: to the facets that are left, or to the end."""
    if not runtime.context.facets:
        return "__end__"
    plan = state["plan"]
    names = [facet["name"] for facet in plan.get("facets", [])]
    waits = plan.get("facets_wait", False)
    return "retell" if any(waits or not reads_source(name) for name in names) else "finish"


async def retell(state: State, runtime: Runtime[Context]) -> FacetOutput:
    """Ask for the facets that are made of the summaries, and before them for those that waited for these."""
    plan, context = state["plan"], runtime.context
    asked = FacetOutput(facet_results=[], usage=NO_USAGE)
    if plan.get("facets_wait"):
        asked = await _take_all(list(source_steps(plan)), {}, context)
    written = summary_texts(state)
    steps = [step for step in summary_steps(plan, plan.get("summaries", [])) if _summary_of(step) in written]
    results = [*state.get("facet_results", []), *asked["facet_results"]]
    given = await _given(steps, written, state, results, context)
    retold = await _take_all(steps, given, context)
    return FacetOutput(
        facet_results=asked["facet_results"] + retold["facet_results"],
        usage=add_usage(asked["usage"], retold["usage"]),
    )


async def finish(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Hand out the facets beside the texts."""
    outcome = Outcome(
        status=state["status"],
        summary=state["summary"],
        variants=state["variants"],
        results=state["results"],
        coverage=state["coverage"],
    )
    found = await facets_of(state, outcome, runtime.context)
    return {"results": found["results"], "facets": found["facets"]}


async def _given(
    steps: Sequence[FacetStep],
    written: Mapping[str, str],
    state: State,
    results: Sequence[FacetResult],
    context: Context,
) -> dict[str, Given]:
    """Return what each step of a summary is made of, by the step's id."""
    material: dict[str, tuple[list[str], list[str]]] = {}
    if any(step["facet"] == SYNTHESIS for step in steps):
        material = synthesis_material(await read_sources(state["plan"], results, context), state["plan"])
    given = {}
    for step in steps:
        summary = written[_summary_of(step)]
        terms, questions = material.get(_summary_of(step), ((), ())) if step["facet"] == SYNTHESIS else ((), ())
        given[step["id"]] = Given(summary, round(SYNTHESIS_GROWTH * count_words(summary)), terms, questions)
    return given


def _summary_of(step: FacetStep) -> str:
    return step.get("summary", "")


def _packs(steps: Iterable[FacetStep]) -> Iterable[list[FacetStep]]:
    left = iter(steps)
    while pack := list(islice(left, PACK_STEPS)):
        yield pack


async def _take_all(steps: Sequence[FacetStep], given: Mapping[str, Given], context: Context) -> FacetOutput:
    """Ask for any number of facets, a pack at a time where the gate would not bear more."""
    outputs = await all_of(_take_pack(pack, given, context) for pack in _packs(steps))
    total = NO_USAGE
    for output in outputs:
        total = add_usage(total, output["usage"])
    return FacetOutput(facet_results=[result for output in outputs for result in output["facet_results"]], usage=total)


async def _take_pack(steps: Sequence[FacetStep], given: Mapping[str, Given], context: Context) -> FacetOutput:
    async with context.section():
        taken = await all_of(_take(step, given.get(step["id"]), context) for step in steps)
    total = NO_USAGE
    for _, usage in taken:
        total = add_usage(total, usage)
    return FacetOutput(facet_results=[result for result, _ in taken], usage=total)


async def _take(step: FacetStep, given: Given | None, context: Context) -> tuple[FacetResult, Usage]:
    """Do one step and report it; a failure stands alone."""
    done = await context.desk.take(step, given)
    usage = Tally(done.bill, done.remembered).usage
    context.report(_report(step, done, usage))
    error = done.error
    result = FacetResult(
        step=step["id"],
        keys=[] if error else [answer.key for answer in done.answers],
        error=error.code if error else None,
        message=str(error) if error else None,
    )
    return result, usage


def _report(step: FacetStep, done: Done, usage: Usage) -> StepReport:
    return StepReport(
        step=step["id"],
        kind="facet",
        facet=step["facet"],
        document=step["document"],
        part=step["part"],
        start=step["start"],
        end=step["end"],
        is_summary=False,
        status="failed" if done.error else "succeeded",
        key=done.answers[0].key if done.answers else None,
        error=done.error.code if done.error else None,
        message=str(done.error) if done.error else None,
        text=None,
        seconds=round(sum(answer.seconds for answer in done.answers), 3),
        usage=usage,
    )
