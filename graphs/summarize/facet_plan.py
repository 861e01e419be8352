"""The calls of facets, as a part of the plan: which there are, and what they cost at most."""

from collections.abc import Callable, Iterator, Sequence

from graphs.facets import (
    ANSWER_TOKENS,
    OFFLINE_FACETS,
    SENTIMENT_LANGUAGES,
    SYNTHESIS,
    WORDS_NOT_DIVIDED,
    FacetPlan,
    FacetStep,
    reads_source,
    source_messages,
    summary_messages,
    translation_language,
)
from graphs.models.catalog import ModelFacts
from graphs.models.chat import Messages
from graphs.summarize.state import DocumentPlan, Plan, Step

LONGER_TRANSLATION = 2  # times its source's tokens: the same text takes twice as many in some languages
SYNTHESIS_TOKENS = 1_000  # of key terms and questions beside the summary, in the prompt of a synthesis
SYNTHESIS_GROWTH = 1.5  # times the summary's words that a synthesis has, which answers questions too

CountMessages = Callable[[Messages], int]


def facet_plans(
    wanted: Sequence[str],
    labels: Sequence[str],
    plan: Plan,
    facts: ModelFacts,
    *,
    count: CountMessages,
    map_tokens: Callable[[str], int],
    most_tokens: tuple[int, int],
) -> list[FacetPlan]:
    """Return the plans of the facets that the model can give.

    `count` counts the tokens of messages, `map_tokens` those of a map's prompt without its material, by language;
    `most_tokens` is what a prompt and an answer may have at most.
    """
    if facts.provider == "embedded":
        return [FacetPlan(name=facet, prompt_tokens={}, max_tokens=0) for facet in wanted if facet in OFFLINE_FACETS]
    languages = sorted({step["language"] for step in plan["steps"].values()})
    most_prompt, most_answer = most_tokens
    longest = max((step["max_tokens"] for step in plan["steps"].values()), default=0)
    plans = []
    for facet in wanted:
        if reads_source(facet):
            empty = {language: count(_empty_source(facet, labels, language)) for language in languages}
            beyond = {language: tokens - map_tokens(language) for language, tokens in empty.items()}
            plans.append(FacetPlan(name=facet, prompt_tokens=beyond, max_tokens=min(most_answer, ANSWER_TOKENS[facet])))
            continue
        beside = SYNTHESIS_TOKENS if facet == SYNTHESIS else 0
        needed = {language: count(_empty_summary(facet, language)) + longest for language in languages}
        tokens = {language: max(least, min(least + beside, most_prompt)) for language, least in needed.items()}
        limit = min(most_answer, LONGER_TRANSLATION * longest)
        plans.append(FacetPlan(name=facet, prompt_tokens=tokens, max_tokens=limit))
    return plans


def most_beyond_map(
    wanted: Sequence[str], labels: Sequence[str], language: str, *, count: CountMessages, map_tokens: int
) -> int:
    """Return how many tokens the longest prompt of a source facet has beyond a map's."""
    prompts = [count(_empty_source(facet, labels, language)) for facet in wanted if reads_source(facet)]
    return max(0, max(prompts, default=0) - map_tokens)


def _empty_source(facet: str, labels: Sequence[str], language: str) -> Messages:
    """Return a prompt without its material and title, the second time asked, which is longer."""
    return source_messages(
        facet, title="", text="", part=99_998, parts=99_999, language=language, labels=labels, again=True
    )


def _empty_summary(facet: str, language: str) -> Messages:
    return summary_messages(facet, summary="", language=language, words=9_999, terms=["."], questions=["."], again=True)


def is_map(step: Step) -> bool:
    """Tell whether a step reads a chunk."""
    return step["kind"] != "merge"


def source_steps(plan: Plan) -> Iterator[FacetStep]:
    """Yield the calls of the facets that are read from the sources: of each facet, one a chunk; of the embedded model's
    one a document, which it reads as a whole.
    """
    facets = [facet for facet in plan.get("facets", []) if reads_source(facet["name"])]
    offline = [facet for facet in facets if not facet["prompt_tokens"]]
    for document in plan["documents"]:
        for facet in offline:
            if document["top"] and speaks(facet["name"], document["language"]):
                yield _whole_step(facet, document)
    for step in plan["steps"].values():
        if is_map(step):
            for facet in facets:
                if facet["prompt_tokens"]:
                    yield _chunk_step(facet, step)


def speaks(facet: str, language: str) -> bool:
    """Tell whether the embedded model finds a facet in texts of a language."""
    if facet == "key_terms":
        return language not in WORDS_NOT_DIVIDED
    return facet != "sentiment" or language in SENTIMENT_LANGUAGES


def summary_steps(plan: Plan, wanted: Sequence[str]) -> Iterator[FacetStep]:
    """Yield the calls of the facets that are made of summaries, which the steps `wanted` write."""
    for facet in plan.get("facets", []):
        if reads_source(facet["name"]):
            continue
        for id in dict.fromkeys(wanted):
            step = plan["steps"][id]
            if not is_already(facet["name"], step):
                yield _summary_step(facet, step)


def is_already(facet: str, step: Step) -> bool:
    """Tell whether a translation is wanted into the language that the summary is written in."""
    return translation_language(facet).lower() == step["language"].lower()


def wanted_summaries(plan: Plan, scope: str) -> list[str]:
    """Return the steps that write the summaries which the caller wants."""
    documents = [document["top"] for document in plan["documents"] if document["top"]] if scope != "batch" else []
    return list(dict.fromkeys([*documents, *([plan["final"]] if plan["final"] else [])]))


def facet_cost(plan: Plan) -> tuple[int, int, int]:
    """Return the number of calls of all facets, and the tokens of their prompts and answers at most."""
    calls = prompt_tokens = completion_tokens = 0
    maps = [step for step in plan["steps"].values() if is_map(step)]
    summaries = [plan["steps"][id] for id in plan.get("summaries", [])]
    for facet in plan.get("facets", []):
        tokens = facet["prompt_tokens"]
        if reads_source(facet["name"]) and not tokens:
            documents = [document for document in plan["documents"] if document["top"]]
            calls += sum(speaks(facet["name"], document["language"]) for document in documents)
        elif reads_source(facet["name"]):
            calls += len(maps)
            prompt_tokens += sum(step["prompt_tokens"] + tokens[step["language"]] for step in maps)
            completion_tokens += len(maps) * facet["max_tokens"]
        else:
            own = [step for step in summaries if not is_already(facet["name"], step)]
            calls += len(own)
            prompt_tokens += sum(tokens[step["language"]] for step in own)
            completion_tokens += len(own) * facet["max_tokens"]
    return calls, prompt_tokens, completion_tokens


def depth_of_facets(plan: Plan) -> int:
    """Return how many calls of facets wait for each other behind the last summary."""
    names = [facet["name"] for facet in plan.get("facets", [])]
    of_sources = any(map(reads_source, names))
    return int(of_sources and plan.get("facets_wait", False)) + int(not all(map(reads_source, names)))


def _chunk_step(facet: FacetPlan, step: Step) -> FacetStep:
    return FacetStep(
        id=f"{facet['name']}/{step['id']}",
        facet=facet["name"],
        document=step["document"],
        start=step["start"],
        end=step["end"],
        part=step["part"],
        parts=step["parts"],
        language=step["language"],
        prompt_tokens=step["prompt_tokens"] + facet["prompt_tokens"][step["language"]],
        max_tokens=facet["max_tokens"],
    )


def _whole_step(facet: FacetPlan, document: DocumentPlan) -> FacetStep:
    return FacetStep(
        id=f"{facet['name']}/{document['top']}",
        facet=facet["name"],
        document=document["id"],
        start=0,
        end=document["characters"],
        part=0,
        parts=1,
        language=document["language"],
        prompt_tokens=0,
        max_tokens=0,
    )


def _summary_step(facet: FacetPlan, step: Step) -> FacetStep:
    return FacetStep(
        id=f"{facet['name']}/{step['id']}",
        facet=facet["name"],
        document=step["document"],
        start=step["start"],
        end=step["end"],
        part=0,
        parts=1,
        language=step["language"],
        prompt_tokens=facet["prompt_tokens"][step["language"]],
        max_tokens=facet["max_tokens"],
        summary=step["id"],
    )
