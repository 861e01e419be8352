"""The plan: every call of a run is known, bounded and reachable before the first is made."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs.models.calls import Answer
from graphs.models.catalog import EMBEDDED, model_facts
from graphs.models.chat import ChatModel, Messages
from graphs.summarize.asking import result_of
from graphs.summarize.authors import ChatAuthor, Payer
from graphs.summarize.bounds import FAN_IN, DoesNotFit
from graphs.summarize.context import SECTION_STEPS, Options
from graphs.summarize.cost import plan_cost
from graphs.summarize.documents import Document, Documents
from graphs.summarize.grouping import sources_of
from graphs.summarize.plan import make_plan
from graphs.summarize.prompts import Style
from graphs.summarize.state import Cited, Plan, Step
from graphs.summarize.written import Written
from graphs.text.language import detect_language
from graphs.text.sentences import split_sentences
from graphs.text.tokens import TokenCounter, token_counter

SENTENCES = {
    "en": "The keeper of lamp {0} saw ship number {0} come into the harbour before noon.",
    "ko": "등대지기는 {0}번 등불 아래에서 {0}번 배가 정오 전에 항구로 들어오는 것을 보았다.",
    "ja": "灯台守は{0}番の灯の下で{0}番の船が正午前に港へ入るのを見た。",
    "de": "Der Wärter der Lampe {0} sah das Schiff Nummer {0} vor Mittag in den Hafen einlaufen.",
}
# Titles that cost many tokens a character, and plain ones.
TITLES = ["Annual report", "", "보고서 " * 60, "뷁" * 120, "\N{CUNEIFORM SIGN A}" * 200, "🧿" * 150, "a\nb\tc " * 80]
# Of groups, dealt out to the documents of a batch in turn.
LABELS = st.lists(st.sampled_from(["", "", "Ministry", "Council", *TITLES[2:6]]), min_size=1, max_size=5)
# Answers of which each token is known, so that one of exactly so many tokens can be made.
FILLERS = [" word", "\n\n-", "뷁", " [7]", "[3-9]"]
# What OpenAI's protocol adds to the texts of a prompt: 3 tokens and the role a message, 3 for the answer's start.
PROTOCOL_TOKENS = 2 * (3 + 1) + 3

SHAPES = st.lists(
    st.tuples(st.sampled_from(sorted(SENTENCES)), st.integers(1, 260), st.sampled_from(TITLES)), min_size=1, max_size=9
) | st.lists(
    st.tuples(st.sampled_from(sorted(SENTENCES)), st.integers(1, 4), st.sampled_from(TITLES)), min_size=33, max_size=70
)
OPTIONS = st.builds(
    Options,
    strategy=st.sampled_from(["auto", "map_reduce", "refine"]),
    style=st.sampled_from(get_args(Style)),
    audience=st.none() | st.just("Children of ten years"),
    instructions=st.none() | st.just("숫자를 모두 적어 주세요. " * 40),
    group_by=st.sampled_from(["auto", "order", "topic"]),
    variants=st.sampled_from([1, 1, 3]),
    scope=st.sampled_from(["document", "batch", "both"]),
    language=st.sampled_from(["auto", "en", "ko", "zh-Hant-TW", "tlh-abcdefgh-12345678"]),
    length=st.sampled_from(["short", "medium", "long"]),
    words=st.none() | st.integers(10, 5_000),
    focus=st.none() | st.sampled_from(["Who paid?", "누가 돈을 냈는가? " * 20, "뷁" * 400]),
)
MODELS = st.sampled_from(["openai:gpt-4o", "openai:gpt-4", "openai:qwen3:8b"])
WINDOWS = st.sampled_from([2_000, 3_000, 4_096, 8_192, 32_000, 128_000, 1_000_000])
CHUNKS = st.sampled_from([100, 150, 400, 1_000, 3_000])


def batch(shapes: list[tuple[str, int, str]], labels: Sequence[str] = ("",)) -> Documents:
    return Documents(
        Document(
            id=f"d{position}",
            title=title,
            text=" ".join(SENTENCES[language].format(number) for number in range(count)),
            group=labels[position % len(labels)],
        )
        for position, (language, count, title) in enumerate(shapes)
    )


def author_of(model: str, documents: Documents, options: Options) -> ChatAuthor:
    chat = ChatModel(model_facts(model), api_key="none", base_url="http://127.0.0.1:9/v1")
    return ChatAuthor(chat, documents, wishes=options.wishes, payer=Payer())


def text_of(tokens: int, filler: str, counter: TokenCounter) -> str:
    """The longest text of a filler that has at most so many tokens."""
    (unit,) = counter.count([filler * 100])
    times = max(1, tokens * 100 // unit)
    while counter.count([filler * times])[0] > tokens and times > 1:
        times -= 1
    return filler * times


def prompt_size(messages: Messages, counter: TokenCounter) -> int:
    return sum(counter.count([content for _, content in messages])) + PROTOCOL_TOKENS


async def sizes_at_worst(
    plan: Plan, author: ChatAuthor, counter: TokenCounter, filler: str, cited: int = 39
) -> list[tuple[Step, int]]:
    """Return each step with the tokens of its prompt when every answer beneath is as long as it may be."""
    longest: dict[int, str] = {}
    found = []
    for step in plan["steps"].values():
        below = []
        if step["inputs"]:
            for lower in (plan["steps"][id] for id in step["inputs"]):
                limit = lower["max_tokens"]
                if limit not in longest:
                    longest[limit] = text_of(limit, filler, counter)
                cites = [Cited(number=number, document="d0", start=0, end=1) for number in range(1, cited + 1)]
                written = Written(Answer(longest[limit], key="k"), cites)
                below.append((result_of(lower, written), written.answer))
        if step["kind"] != "verbatim":
            question = await author.question(step, below)
            found.append((step, prompt_size(question.messages, counter)))
    return found


class Case(NamedTuple):
    """A batch, and how it is to be summarised."""

    shapes: list[tuple[str, int, str]]
    labels: list[str]
    options: Options
    model: str
    window: int
    chunk_tokens: int
    filler: str  # of the answers


CASES = st.builds(Case, SHAPES, LABELS, OPTIONS, MODELS, WINDOWS, CHUNKS, st.sampled_from(FILLERS))


async def assert_bounded(case: Case) -> None:
    """Assert that each level of a batch's plan shrinks, and that no prompt can exceed its bound or the window."""
    documents = batch(case.shapes, case.labels)
    try:
        plan = make_plan(documents, case.options, model_facts(case.model, case.window), case.chunk_tokens)
    except DoesNotFit:  # a focus too long for so small a window
        return
    assert_sound(plan, documents)
    author = author_of(case.model, documents, case.options)
    for step, size in await sizes_at_worst(plan, author, token_counter(case.model), case.filler):
        assert size <= step["prompt_tokens"], step
        assert step["prompt_tokens"] + step["max_tokens"] <= case.window, step


@given(CASES)
@settings(deadline=None, max_examples=25)
async def test_no_prompt_exceeds_the_bound_of_its_step_however_long_the_answers_beneath(case: Case) -> None:
    await assert_bounded(case)


@pytest.mark.parametrize("filler", ["[1-8][9-16][200-207]", " [701][702]", "[1-8] a [300-307] b"])
@pytest.mark.parametrize("model", ["openai:gpt-4o", "openai:qwen3:8b"])
@pytest.mark.parametrize("strategy", ["map_reduce", "refine"])
async def test_partials_full_of_numbers_stay_within_the_bounds_also_when_the_numbers_grow_to_thousands(
    filler: str, model: str, strategy: Any
) -> None:
    documents = batch([("en", 60, "Report")] * 40)
    options = Options(strategy=strategy, length="long")
    plan = make_plan(documents, options, model_facts(model, 128_000), 400)
    author = author_of(model, documents, options)
    for step, size in await sizes_at_worst(plan, author, token_counter(model), filler, cited=800):
        assert size <= step["prompt_tokens"], step


@given(SHAPES, LABELS, OPTIONS, MODELS, WINDOWS, CHUNKS)
@settings(deadline=None, max_examples=40)
def test_a_prompt_and_its_answer_fit_the_models_window(
    shapes: list[tuple[str, int, str]], labels: list[str], options: Options, model: str, window: int, chunk_tokens: int
) -> None:
    try:
        plan = make_plan(batch(shapes, labels), options, model_facts(model, window), chunk_tokens)
    except DoesNotFit:
        return
    for step in plan["steps"].values():
        assert step["prompt_tokens"] + step["max_tokens"] <= window, step


def tops_of(plan: Plan) -> list[str]:
    tops = [document["top"] for document in plan["documents"] if document["top"]]
    return [plan["final"]] if plan["final"] else tops


def without_variants(plan: Plan) -> Plan:
    steps = {id: step for id, step in plan["steps"].items() if not step["variant"]}
    assert [id for id in plan["steps"] if id not in steps] == plan["variants"]
    return {**plan, "steps": steps, "variants": []}


def walk(plan: Plan, id: str, above: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield a step and all beneath it, a step once for every way that leads to it."""
    assert id not in above, "a merge has itself beneath it"
    yield id
    for lower in plan["steps"][id]["inputs"]:
        yield from walk(plan, lower, (*above, id))


def merging_depth(parts: int) -> int:
    """Return how many merges stand above each other at most: of four that are cut by contents, three are left at worst."""
    return math.ceil(math.log(parts, 4 / 3)) + 1 if parts > 1 else 0


def depth_of(plan: Plan, id: str) -> int:
    step = plan["steps"][id]
    return (step["kind"] != "verbatim") + max((depth_of(plan, lower) for lower in step["inputs"]), default=0)


def first_leaves(plan: Plan) -> dict[str, int]:
    """Return for each step the place in the source's order of the first chunk beneath it."""
    found: dict[str, int] = {}
    for place, (id, step) in enumerate(plan["steps"].items()):  # a merge stands behind its inputs
        found[id] = min((found[lower] for lower in step["inputs"]), default=place)
    return found


def sends_of(plan: Plan) -> list[list[str]]:
    """Return the steps of every Send, in the order of the graph."""
    last = [[plan["final"], *plan["variants"]]] if plan["final"] else []
    return [*plan["sections"], *[ids for level in plan["levels"] for ids in level], *last]


def assert_sound(plan: Plan, documents: Documents) -> None:
    steps = plan["steps"]
    # Every step is beneath exactly one of the wanted summaries, once.
    single_steps = without_variants(plan)["steps"]
    assert Counter(id for top in tops_of(plan) for id in walk(plan, top)) == Counter(dict.fromkeys(single_steps, 1))
    # Every step is sent once.
    sent = Counter(id for ids in sends_of(plan) for id in ids)
    single = plan["final"] and not steps[plan["final"]]["inputs"]
    assert sent == Counter(dict.fromkeys(steps, 1)), "a step is in no Send or in two"
    assert not single or (not plan["sections"] and not plan["levels"])
    # A merge stands behind its inputs: all of them in its own section, or all in earlier supersteps.
    done: set[str] = set()
    for level in [plan["sections"], *plan["levels"], [[plan["final"]] if plan["final"] else []]]:
        for ids in level:
            for place, id in enumerate(ids):
                within = set(ids[:place]) if level is plan["sections"] else done
                assert within.issuperset(steps[id]["inputs"])
        done |= {id for ids in level for id in ids}
    order = first_leaves(plan)
    # A group's summary rests on all documents of the group and on no other.
    for group in plan.get("groups", []):
        tops = [document["top"] for document in plan["documents"] if document["id"] in group["documents"]]
        beneath = {steps[id]["document"] for id in walk(plan, group["top"])} - {None} if group["top"] else set()
        assert beneath == {steps[top]["document"] for top in tops if top}
        assert {documents[id].group for id in group["documents"]} == {group["name"]}
    # Merges shrink: more than one input, fewer than FAN_IN, one level above the highest.
    for step in steps.values():
        if step["inputs"]:
            assert (2 if step["kind"] == "merge" else 1) <= len(step["inputs"]) <= FAN_IN
            assert step["level"] == 1 + max(steps[lower]["level"] for lower in step["inputs"])
            assert step["inputs"] == sorted(step["inputs"], key=order.__getitem__)
    cost = plan_cost(plan)
    read = sum(document["chunks"] for document in plan["documents"])
    assert len(without_variants(plan)["steps"]) == read + sum(step["kind"] == "merge" for step in single_steps.values())
    assert cost.steps == cost.maps + cost.merges + cost.verbatim == len(steps)
    assert cost.depth == max((depth_of(plan, top) for top in tops_of(plan)), default=0)
    asked = [step for step in steps.values() if step["kind"] != "verbatim"]
    assert cost.prompt_tokens == sum(step["prompt_tokens"] for step in asked)
    assert cost.completion_tokens == sum(step["max_tokens"] for step in asked)


@given(SHAPES, LABELS, OPTIONS, MODELS, WINDOWS, CHUNKS)
@settings(deadline=None, max_examples=40)
def test_every_step_is_reached_and_sent_exactly_once_and_the_depth_is_the_stated_one(
    shapes: list[tuple[str, int, str]], labels: list[str], options: Options, model: str, window: int, chunk_tokens: int
) -> None:
    documents = batch(shapes, labels)
    try:
        plan = make_plan(documents, options, model_facts(model, window), chunk_tokens)
    except DoesNotFit:
        return
    assert_sound(plan, documents)


@given(SHAPES, LABELS, OPTIONS, WINDOWS, CHUNKS)
@settings(deadline=None, max_examples=40)
def test_every_round_of_merges_leaves_fewer_partials_and_counts_each_source_once(
    shapes: list[tuple[str, int, str]], labels: list[str], options: Options, window: int, chunk_tokens: int
) -> None:
    try:
        plan = make_plan(batch(shapes, labels), options, model_facts("openai:gpt-4o", window), chunk_tokens)
    except DoesNotFit:
        return
    steps = plan["steps"]
    for document in plan["documents"]:
        # Halved at least in every round.
        if options.strategy != "refine":
            assert depth_of(plan, document["top"]) <= 1 + math.ceil(math.log2(document["chunks"]))
        assert steps[document["top"]]["source_words"] == document["words"]
    if plan["final"]:
        highest = max(depth_of(plan, document["top"]) for document in plan["documents"])
        of_groups = [merging_depth(len(group["documents"])) for group in plan["groups"]]
        sources = len(sources_of(plan["documents"], plan["groups"]))
        assert depth_of(plan, plan["final"]) <= highest + max(of_groups, default=0) + merging_depth(sources)
        assert steps[plan["final"]]["source_words"] == sum(document["words"] for document in plan["documents"])
    for step in steps.values():
        if step["kind"] == "merge" and not step["is_summary"]:
            assert step["words"] < sum(steps[lower]["words"] for lower in step["inputs"])


@given(SHAPES, CHUNKS)
@settings(deadline=None, max_examples=25)
def test_the_chunks_of_a_plan_hold_the_whole_batch_in_its_order(
    shapes: list[tuple[str, int, str]], chunk_tokens: int
) -> None:
    documents = batch(shapes)
    plan = make_plan(documents, Options(strategy="map_reduce"), model_facts("openai:gpt-4o"), chunk_tokens)
    assert [planned["id"] for planned in plan["documents"]] == [document.id for document in documents]
    for planned in plan["documents"]:
        maps = [step for step in plan["steps"].values() if step["document"] == planned["id"] and not step["inputs"]]
        text = documents[planned["id"]].text
        assert [step["part"] for step in maps] == list(range(planned["chunks"]))
        assert {step["parts"] for step in maps} == {planned["chunks"]}
        held = "".join(text[step["start"] : step["end"]] for step in maps)
        assert "".join(held.split()) == "".join(text.split())
        assert planned["characters"] == len(held)


@pytest.mark.parametrize(("documents", "scope"), [(1, "both"), (7, "document"), (1_000, "document"), (1_000, "both")])
def test_a_large_batch_is_sent_in_supersteps_of_about_a_hundred(documents: int, scope: Any) -> None:
    chunks = 4_000 // documents
    text = " ".join(SENTENCES["en"].format(number) for number in range(chunks * 4))
    given_documents = Documents(Document(f"d{number}", f"Title {number}", text) for number in range(documents))
    plan = make_plan(given_documents, Options(scope=scope, strategy="map_reduce"), model_facts(EMBEDDED), 100)
    assert plan_cost(plan).maps > 3_500
    assert_sound(plan, given_documents)
    for ids in [*plan["sections"], *[ids for level in plan["levels"] for ids in level]]:
        assert len(ids) <= SECTION_STEPS + FAN_IN
    assert len(plan["sections"]) <= 1.5 * SECTION_STEPS
    assert all(len(level) <= 1.5 * SECTION_STEPS for level in plan["levels"])
    assert plan_cost(plan).depth <= 5


def test_no_two_merges_share_an_id_where_long_documents_stand_behind_short_ones() -> None:
    documents = batch([("en", 100, "A"), ("en", 100, "B"), ("en", 400, "C")])
    plan = make_plan(documents, Options(length="long"), model_facts("openai:gpt-4"), 600)
    assert [document["chunks"] > 1 for document in plan["documents"]] == [False, False, True]
    assert_sound(plan, documents)


def test_one_short_document_is_one_call() -> None:
    plan = make_plan(batch([("en", 3, "T")]), Options(), model_facts("openai:gpt-4o"), 3_000)
    assert plan_cost(plan)[:3] == (1, 0, 0)
    assert not plan["sections"]
    assert not plan["levels"]
    assert plan["final"] == plan["documents"][0]["top"] == "0.0"
    assert plan["steps"]["0.0"]["is_summary"]


def test_documents_without_a_batch_summary_end_with_their_own() -> None:
    plan = make_plan(
        batch([("en", 60, "A"), ("ko", 60, "B")]),
        Options(scope="document", strategy="map_reduce"),
        model_facts("openai:gpt-4o"),
        200,
    )
    assert plan["final"] == ""
    assert [plan["steps"][document["top"]]["is_summary"] for document in plan["documents"]] == [True, True]
    assert [plan["steps"][document["top"]]["language"] for document in plan["documents"]] == ["en", "ko"]


def test_a_document_of_up_to_four_chunks_is_read_whole_if_the_window_allows() -> None:
    shapes = [("en", 60, "A")]  # about 1,000 tokens
    for chunk_tokens, window, maps in ((300, 128_000, 1), (300, 1_500, 4), (200, 128_000, 6)):
        plan = make_plan(batch(shapes), Options(), model_facts("openai:gpt-4o", window), chunk_tokens)
        assert plan_cost(plan).maps == maps


def test_single_refuses_a_document_that_does_not_fit_one_call() -> None:
    wanted = Options(strategy="single")
    with pytest.raises(DoesNotFit, match=r"'Long' has .* tokens; one call of openai:gpt-4 takes"):
        make_plan(batch([("en", 600, "Long")]), wanted, model_facts("openai:gpt-4"), 3_000)
    assert plan_cost(make_plan(batch([("en", 100, "A")]), wanted, model_facts("openai:gpt-4"), 300)).maps == 1


@pytest.mark.parametrize("text", ["", " \n "])
def test_a_document_without_text_has_no_call(text: str) -> None:
    documents = Documents([Document("empty", "Empty", text), Document("b", "B", SENTENCES["en"].format(1))])
    plan = make_plan(documents, Options(), model_facts("openai:gpt-4o"), 3_000)
    assert [document["top"] for document in plan["documents"]] == ["", "1.0"]
    assert plan_cost(plan)[:3] == (0, 0, 1)


def test_an_empty_batch_has_an_empty_plan() -> None:
    plan = make_plan(Documents(), Options(), model_facts("openai:gpt-4o"), 3_000)
    assert set(plan_cost(plan)) == {0}
    assert plan["final"] == ""


def test_a_summary_has_the_words_that_were_asked_for_but_at_most_half_of_its_source() -> None:
    for asked, words in (({"length": "short"}, 80), ({"words": 333}, 333), ({"words": 5_000}, 750)):
        plan = make_plan(
            batch([("en", 100, "A")]), Options(strategy="map_reduce", **asked), model_facts("openai:gpt-4o"), 200
        )
        assert plan["steps"][plan["final"]]["words"] == words


def test_equal_batches_get_equal_plans() -> None:
    shapes = [("en", 90, "A"), ("ko", 90, "B"), ("ja", 3, "C")]
    plans = [
        make_plan(batch(shapes), Options(strategy="map_reduce"), model_facts("openai:gpt-4o"), 150) for _ in range(2)
    ]
    assert plans[0] == plans[1]


@pytest.mark.soak
@pytest.mark.timeout(3_600)
@given(CASES)
@settings(deadline=None, max_examples=2_000)
async def test_none_of_thousands_of_batches_has_a_prompt_beyond_its_bound_or_a_level_that_does_not_shrink(
    case: Case,
) -> None:
    await assert_bounded(case)


@given(st.lists(st.sampled_from([*SENTENCES.values(), "# Heading", "- item\n", "\n\n", "\r\n", "\ud800"]), max_size=20))
@settings(deadline=None)
def test_the_sentences_of_a_chunk_are_those_of_its_document_wherever_it_is_cut(parts: list[str]) -> None:
    text = " ".join(parts)
    documents = Documents([Document("a", "", text)])
    whole = split_sentences(text, detect_language(text))
    assert documents.sentences("a", 0, len(text)) == whole
    start, end = len(text) // 3, len(text) - len(text) // 4
    inside = text[start:end]
    spans = documents.sentences("a", start, end)
    assert documents.count_sentences("a", start, end) == len(spans)
    assert "".join("".join(inside[first:last] for first, last in spans).split()) == "".join(inside.split())
    assert all(inside[first:last] == inside[first:last].strip() != "" for first, last in spans)
    assert {(start + first, start + last) for first, last in spans[1:-1]} <= set(whole)
