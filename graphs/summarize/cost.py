"""What a plan costs, before anything is paid."""

from collections import Counter
from typing import NamedTuple

from graphs.summarize.facet_plan import depth_of_facets, facet_cost
from graphs.summarize.state import Plan

EXPECTED_TOKENS_PER_WORD = 2.0  # of an answer, its numbers in brackets included
EXTRA_CALLS = 3  # of a summary: once for its language, twice for its length


class PlanCost(NamedTuple):
    """What a plan asks for, at most, if each answer can be used as it comes."""

    maps: int  # calls that read a chunk
    merges: int
    verbatim: int  # texts too short to be summarised: no calls
    depth: int  # calls that wait for each other
    prompt_tokens: int
    completion_tokens: int
    expected_tokens: int  # of the answers, if they are as long as asked
    extra_calls: int  # at most, for summaries that miss their language or length
    facets: int = 0

    @property
    def steps(self) -> int:
        """All that is to be done."""
        return self.maps + self.merges + self.verbatim + self.facets


def plan_cost(plan: Plan) -> PlanCost:
    """Return the number of calls and the upper bounds of their tokens."""
    steps = plan["steps"].values()
    kinds = Counter(step["kind"] for step in steps)
    asked = [step for step in steps if step["kind"] != "verbatim"]
    depths: dict[str, int] = {}
    for id, step in plan["steps"].items():  # a merge stands behind its inputs
        beneath = max((depths[lower] for lower in step["inputs"]), default=0)
        depths[id] = beneath + (step["kind"] != "verbatim")
    facets, facet_prompts, facet_answers = facet_cost(plan)
    return PlanCost(
        maps=kinds["map"] + kinds["refine"],
        merges=kinds["merge"],
        verbatim=kinds["verbatim"],
        depth=max(depths.values(), default=0) + depth_of_facets(plan),
        prompt_tokens=sum(step["prompt_tokens"] for step in asked) + facet_prompts,
        completion_tokens=sum(step["max_tokens"] for step in asked) + facet_answers,
        extra_calls=EXTRA_CALLS * sum(step["is_summary"] for step in asked),
        expected_tokens=sum(round(EXPECTED_TOKENS_PER_WORD * step["words"]) for step in asked) + facet_answers // 3,
        facets=facets,
    )
