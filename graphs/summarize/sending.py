"""Which Send takes which steps of a plan."""

import math
from collections.abc import Container, Mapping, Sequence

from graphs.summarize.context import SECTION_STEPS
from graphs.summarize.state import Step


def sections_of(steps: Mapping[str, Step], finals: Container[str], *, whole: bool) -> list[list[str]]:
    """Pack steps into sections of about SECTION_STEPS Sends at once: every merge that has no more chunks beneath it
    stands with all of them, so that most documents are finished inside one section. The last step stands alone, and so
    do its variants. `whole`: a document stays together whatever its length, because each call waits for the one before.
    """
    most = len(steps) if whole else max(SECTION_STEPS, math.isqrt(len(steps)))
    above = {lower: step["id"] for step in steps.values() for lower in step["inputs"] if not step["variant"]}
    sizes: dict[str, int] = {}  # of a step: the chunks beneath it, whose steps stand before it
    for id, step in steps.items():
        sizes[id] = sum(sizes[lower] for lower in step["inputs"]) or 1
    tops: dict[str, str | None] = {}  # the highest step that a step shares a section with; None: it is in none
    for id in reversed(list(steps)):
        is_inside = id not in finals and sizes[id] <= most
        tops[id] = (tops.get(above.get(id, "")) or id) if is_inside else None
    trees: dict[str, list[str]] = {}
    for id in steps:
        if (top := tops[id]) is not None:
            trees.setdefault(top, []).append(id)
    sections: list[list[str]] = []
    room = 0
    for top, tree in trees.items():
        if sizes[top] > room:
            sections.append([])
            room = most
        sections[-1] += tree
        room -= sizes[top]
    return sections


def levels_of(
    steps: Mapping[str, Step], sections: Sequence[Sequence[str]], finals: Container[str]
) -> list[list[list[str]]]:
    """Return the merges that no section holds, without the last, by level and packed for one Send each."""
    placed = {id for section in sections for id in section}
    by_level: dict[int, list[str]] = {}
    for step in steps.values():
        if step["id"] not in placed and step["id"] not in finals:
            by_level.setdefault(step["level"], []).append(step["id"])
    return [
        [ids[start : start + SECTION_STEPS] for start in range(0, len(ids), SECTION_STEPS)]
        for _, ids in sorted(by_level.items())
    ]
