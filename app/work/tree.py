"""The shape of a plan, as clients draw it."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from graphs.summarize import Plan


class Tree(NamedTuple):
    """What stands above what in a plan."""

    documents: list[dict[str, Any]]  # id, chunks, merges: in the caller's order
    levels: list[int]  # how many merges each level has, from the one right above the chunks
    level_of: Mapping[str, int]  # of each merge, by step
    digest: str  # equal plans have equal ones


def tree_of(plan: Plan) -> Tree:
    """Return the tree of a plan's calls."""
    level_of = {step["id"]: step["level"] for step in plan["steps"].values() if step["kind"] == "merge"}
    within = Counter(plan["steps"][id]["document"] for id in level_of)
    at_level = Counter(level_of.values())
    return Tree(
        documents=[
            {"id": document["id"], "chunks": document["chunks"], "merges": within[document["id"]]}
            for document in plan["documents"]
        ],
        levels=[at_level[level] for level in range(1, max(at_level, default=0) + 1)],
        level_of=level_of,
        digest=_digest(plan),
    )


def _digest(plan: Plan) -> str:
    digest = hashlib.sha256()
    for step in plan["steps"].values():
        digest.update(f"{step['id']} {step['kind']} {step['document']} {step['start']} {step['end']}\n".encode())
    return digest.hexdigest()[:16]
