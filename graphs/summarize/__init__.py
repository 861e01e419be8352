"""The map-reduce summarisation graph."""

from graphs.summarize.ahead import HeadStart
from graphs.summarize.bounds import DoesNotFit
from graphs.summarize.budget import hold_back
from graphs.summarize.context import CHUNK_TOKENS, Budget, Context, Options, context_of
from graphs.summarize.cost import PlanCost, plan_cost
from graphs.summarize.documents import Document, Documents
from graphs.summarize.facet_results import facet_warnings
from graphs.summarize.graph import builder, graph
from graphs.summarize.plan import make_plan
from graphs.summarize.state import (
    NO_USAGE,
    Coverage,
    DocumentPlan,
    DocumentResult,
    GroupResult,
    Outcome,
    Output,
    Plan,
    StepReport,
    Summary,
    Usage,
    add_usage,
    usage_of,
)
from graphs.summarize.writing import Writing

__all__ = [
    "CHUNK_TOKENS",
    "NO_USAGE",
    "Budget",
    "Context",
    "Coverage",
    "Document",
    "DocumentPlan",
    "DocumentResult",
    "Documents",
    "DoesNotFit",
    "GroupResult",
    "HeadStart",
    "Options",
    "Outcome",
    "Output",
    "Plan",
    "PlanCost",
    "StepReport",
    "Summary",
    "Usage",
    "Writing",
    "add_usage",
    "builder",
    "context_of",
    "facet_warnings",
    "graph",
    "hold_back",
    "make_plan",
    "plan_cost",
    "usage_of",
]
