"""The map-reduce summarisation graph."""

from graphs.summarize.context import CHUNK_TOKENS, Context, Options, context_of
from graphs.summarize.graph import builder, graph
from graphs.summarize.outcome import summarise
from graphs.summarize.plan import DoesNotFit, PlanCost, make_plan, plan_cost
from graphs.summarize.state import (
    Coverage,
    Document,
    DocumentPlan,
    DocumentResult,
    Documents,
    Outcome,
    Output,
    Plan,
    StepReport,
    Summary,
    Usage,
    add_usage,
)

__all__ = [
    "CHUNK_TOKENS",
    "Context",
    "Coverage",
    "Document",
    "DocumentPlan",
    "DocumentResult",
    "Documents",
    "DoesNotFit",
    "Options",
    "Outcome",
    "Output",
    "Plan",
    "PlanCost",
    "StepReport",
    "Summary",
    "Usage",
    "add_usage",
    "builder",
    "context_of",
    "graph",
    "make_plan",
    "plan_cost",
    "summarise",
]
