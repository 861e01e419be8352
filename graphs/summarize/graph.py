"""The topology of a run: plan, sections of chunks by Send, gather, collapse, reduce; facets beside the sections, and
behind the last merge those that retell the summaries.
"""

from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from graphs.cancellation import broken_off_once
from graphs.summarize import facets, nodes, review
from graphs.summarize.context import Context
from graphs.summarize.outcome import collect, conclude
from graphs.summarize.review import ReviewState, first_review
from graphs.summarize.scoring import score
from graphs.summarize.state import Input, Output, SectionOutput, SectionState, State

section_builder = StateGraph(SectionState, context_schema=Context)
section_builder.add_node(nodes.map_chunk)
section_builder.add_node(nodes.join)
section_builder.add_node(nodes.merge)
section_builder.add_conditional_edges(START, nodes.map_or_merge, ["map_chunk", "join"])
section_builder.add_edge("map_chunk", "join")
section_builder.add_conditional_edges("join", nodes.merge_or_leave, ["merge", END])
section_builder.add_edge("merge", "join")
# checkpointer=False: behind a Send it would inherit the run's and write a checkpoint a chunk; the ledger keeps the
# chunks.
section_graph = section_builder.compile(checkpointer=False, name="section")


async def section(state: SectionState, runtime: Runtime[Context]) -> SectionOutput:
    """Run the chunks of one section, and the merges right above them, in a graph of their own."""
    async with runtime.context.section():
        # A refined document takes two supersteps a chunk. Version 1 would also put together what each task has added,
        # for whoever looks out for interrupts.
        limit: RunnableConfig = {"recursion_limit": 2 * len(state["todo"]) + 10}
        finished: Any = await broken_off_once(
            section_graph.ainvoke(state, limit, context=runtime.context, version="v2")
        )
    return nodes.leave(finished.value)


review_builder = StateGraph(ReviewState, context_schema=Context)
review_builder.add_node(review.attribute)
review_builder.add_node(review.verify)
review_builder.add_node(review.repair)
review_builder.add_edge(START, "attribute")
review_builder.add_conditional_edges("attribute", review.verify_or_end, ["verify", END])
review_builder.add_conditional_edges("verify", review.repair_or_end, ["repair", END])
review_builder.add_edge("repair", "verify")
review_graph = review_builder.compile(checkpointer=False, name="review")


async def review_summaries(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Review the summaries, judge what was reached against `min_coverage`, and hand out the texts."""
    if runtime.context.head_start:
        await runtime.context.head_start.prepared()
    drafts = await collect(state, runtime.context)
    reviewed: Any = await broken_off_once(review_graph.ainvoke(first_review(drafts.values()), context=runtime.context))
    nodes.tell_review(reviewed["usage"], runtime.context)
    finished = dict(zip(drafts, reviewed["drafts"], strict=True))
    outcome = conclude(state, finished, runtime.context)
    await score(outcome, state["plan"], runtime.context)
    return {**outcome, "usage": reviewed["usage"]}


builder = StateGraph(State, input_schema=Input, output_schema=Output, context_schema=Context)
builder.add_node(nodes.plan)
builder.add_node(nodes.single)
builder.add_node(section)
builder.add_node(nodes.gather)
builder.add_node("collapse", section)
builder.add_node(nodes.reduce)
builder.add_node("review", review_summaries)
builder.add_node(facets.facet)
builder.add_node(facets.retell)
builder.add_node(facets.finish)
builder.add_edge(START, "plan")
builder.add_conditional_edges("plan", facets.start, ["single", "section", "facet", "review"])
builder.add_edge("section", "gather")
builder.add_conditional_edges("gather", nodes.collapse_or_reduce, ["collapse", "reduce", "review"])
builder.add_edge("collapse", "gather")
builder.add_edge("single", "review")
builder.add_edge("reduce", "review")
builder.add_conditional_edges("review", facets.retell_or_finish, ["retell", "finish", END])
builder.add_edge("retell", "finish")
builder.add_edge("finish", END)

graph = builder.compile(name="summarize")
