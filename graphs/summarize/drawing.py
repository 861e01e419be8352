"""The picture of the compiled graph for the README, as Mermaid text: `python -m graphs.summarize.drawing`."""

from collections.abc import Iterator
from typing import Any

from langchain_core.runnables.graph import Edge
from langgraph.graph import END, START

from graphs.summarize.graph import graph, review_graph, section_graph

INSIDE: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (section_graph, ("section", "collapse")),
    (review_graph, ("review",)),
)
_ENDS = {START: "start((start))", END: "done((end))"}


def drawing() -> str:
    """Return the graph from its start to its end; a dotted arrow is a choice, and each Send one way of it. What runs
    inside a node is drawn as a box.
    """
    lines = ["graph LR"]
    lines += [f"  {line}" for line in _arrows(graph.get_graph().edges, "")]
    for inner, owners in INSIDE:
        lines.append(f'  subgraph {inner.name}_graph ["inside {" and ".join(owners)}"]')
        lines += [f"    {line}" for line in _arrows(inner.get_graph().edges, f"{inner.name}_")]
        lines.append("  end")
        lines += [f"  {owner} -.- {inner.name}_graph" for owner in owners]
    return "\n".join(lines)


def _arrows(edges: list[Edge], prefix: str) -> Iterator[str]:
    for edge in sorted(edges, key=lambda edge: (edge.source != START, edge.target == END)):
        arrow = "-.->" if edge.conditional else "-->"
        yield f"{_node(edge.source, prefix)} {arrow} {_node(edge.target, prefix)}"


def _node(name: str, prefix: str) -> str:
    if name in _ENDS:
        return prefix + _ENDS[name]
    return f"{prefix}{name}[{name}]" if prefix else name


if __name__ == "__main__":
    print(drawing())
