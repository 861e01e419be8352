"""The topology of a run: plan, sections of chunks by Send, gather, collapse, reduce; facets beside the sections, and
behind the last merge those that retell the summaries.
"""

from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from graphs.summarize import facets, nodes
from graphs.summarize.context import Context
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
        finished: Any = await section_graph.ainvoke(state, context=runtime.context)
    return nodes.leave(finished)


builder = StateGraph(State, input_schema=Input, output_schema=Output, context_schema=Context)
builder.add_node(nodes.plan)
builder.add_node(nodes.single)
builder.add_node(section)
builder.add_node(nodes.gather)
builder.add_node("collapse", section)
builder.add_node(nodes.reduce)
builder.add_node(facets.facet)
builder.add_node(facets.retell)
builder.add_node(facets.finish)
builder.add_edge(START, "plan")
builder.add_conditional_edges("plan", facets.start, ["single", "section", "facet", "finish"])
builder.add_edge("section", "gather")
builder.add_conditional_edges("gather", facets.after_gather, ["collapse", "reduce", "retell", "finish"])
builder.add_edge("collapse", "gather")
builder.add_conditional_edges("single", facets.retell_or_finish, ["retell", "finish"])
builder.add_conditional_edges("reduce", facets.retell_or_finish, ["retell", "finish"])
builder.add_edge("retell", "finish")
builder.add_edge("finish", END)

graph = builder.compile(name="summarize")
