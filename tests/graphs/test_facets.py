"""Facets in the whole graph: what each gives, and what they cost."""

from collections import Counter
from typing import Any

import pytest

from graphs.facets.prompts import source_messages, summary_messages
from graphs.models import Calls, MemoryLedger
from graphs.summarize import Context, Document, Documents, StepReport, make_plan, plan_cost
from graphs.summarize.facet_plan import source_steps, summary_steps
from graphs.text.tokens import token_counter
from tests.graphs.facet_answers import ALL, ASKS, KOREAN, SAYS, SOURCE, statuses, teach
from tests.graphs.summaries import ContextOf, batch, prompts_of, run
from tests.model_server import ModelServer


async def test_every_facet_of_every_document_and_of_the_batch_in_one_run(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    teach(model_server)
    documents = batch(Ansan=20, Busan=10)
    output = await run(context_of(documents, facets=ALL))
    assert output["status"] == "succeeded"
    assert output["summary"] is not None
    for facets in (output["facets"], *[result["facets"] for result in output["results"]]):
        assert statuses(facets) == dict.fromkeys(ALL, "succeeded")
        assert facets["sentiment"]["value"] == {"label": "positive", "score": 0.5}
        assert [item["category"] for item in facets["categories"]["items"]] == ["transport", "history"]
        assert facets["translation:ko"]["value"]["text"] == SAYS["translation"]
        assert facets["translation:ko"]["value"]["language"] == "ko"
        assert facets["synthesis"]["value"]["text"] == SAYS["synthesis"]
    ansan, busan = (result["facets"] for result in output["results"])
    texts = [document.text for document in documents]
    assert {item["name"]: item["count"] for item in ansan["entities"]["items"]} == {
        "Ansan": texts[0].count("Ansan "),
        "book": texts[0].count("book"),
    }
    assert {item["name"]: (item["count"], item["documents"]) for item in output["facets"]["entities"]["items"]} == {
        "Ansan": (texts[0].count("Ansan "), 1),
        "Busan": (texts[1].count("Busan "), 1),
        "book": (30, 2),
    }
    assert [item["term"] for item in busan["key_terms"]["items"]] == ["book", "boats"]  # and not the moon
    assert output["facets"]["questions"]["items"] == [
        {"question": question, "document": "Ansan"} for question in SAYS["questions"].split("\n")
    ]
    assert busan["action_items"]["items"] == [
        {"action": "Count the boats", "who": "the town", "due": "every year", "document": "Busan"}
    ]


async def test_a_korean_document_is_asked_for_in_korean(context_of: ContextOf, model_server: ModelServer) -> None:
    teach(
        model_server,
        key_terms="안산 항구\n부두\n달",
        questions="항구는 언제 문을 열었나요?",
        entities="장소 | 안산\n날짜 | 1923년\n인물 | 나폴레옹",
        sentiment="긍정 | 0.3",
        categories="교통",
        action_items="부두를 고친다 | 시 | 2027년",
        translation="The harbour of Ansan was opened in 1923, and a second pier was built after the storm.",
        synthesis="안산 항구는 1923년에 문을 열었고 폭풍 뒤에 두 번째 부두가 세워졌으며 오늘날 여객선과 연구선이 다닌다.",
    )
    documents = Documents([Document("a", "항구", KOREAN * 3)])
    wanted = [*SOURCE, "translation:en", "synthesis"]
    output = await run(context_of(documents, facets=wanted, strategy="auto", chunk_tokens=3_000))
    facets = output["results"][0]["facets"]
    assert statuses(facets) == dict.fromkeys(wanted, "succeeded")
    assert facets == output["facets"]
    assert [(item["term"], item["count"]) for item in facets["key_terms"]["items"]] == [("안산 항구", 3), ("부두", 6)]
    assert [(item["name"], item["count"]) for item in facets["entities"]["items"]] == [("안산", 3), ("1923년", 3)]
    assert facets["questions"]["items"][0]["question"] == "항구는 언제 문을 열었나요?"
    assert facets["action_items"]["items"][0]["who"] == "시"
    for name in ("questions", "action_items", "categories"):
        (prompt, *_) = [prompt for prompt in prompts_of(model_server) if ASKS[name] in prompt]
        assert "Write in Korean (ko)" in prompt
    assert "안산 항구\n부두" in next(prompt for prompt in prompts_of(model_server) if ASKS["synthesis"] in prompt)


async def test_the_callers_categories_are_the_only_ones(context_of: ContextOf, model_server: ModelServer) -> None:
    teach(model_server, labels="Law.\ncookery")
    output = await run(
        context_of(batch(Ansan=3), strategy="auto", facets=["categories"], categories=["law", "trade\n and more"])
    )
    assert output["facets"]["categories"]["items"] == [{"category": "law", "share": 1.0}]
    (prompt,) = [prompt for prompt in prompts_of(model_server) if ASKS["labels"] in prompt]
    assert "law\ntrade and more" in prompt


async def test_a_synthesis_brings_what_it_is_made_of(context_of: ContextOf, model_server: ModelServer) -> None:
    teach(model_server)
    output = await run(context_of(batch(Ansan=5), facets=["synthesis"]))
    assert list(output["facets"]) == ["synthesis", "key_terms", "questions"]
    (prompt,) = [prompt for prompt in prompts_of(model_server) if ASKS["synthesis"] in prompt]
    assert "book\nboats" in prompt
    assert "Who wrote the book?" in prompt
    assert output["summary"] is not None
    assert output["summary"]["text"] in prompt


async def test_a_summary_that_is_in_the_language_already_is_its_own_translation(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    output = await run(context_of(batch(Ansan=5), facets=["translation:EN"]))
    assert output["summary"] is not None
    assert output["facets"]["translation:EN"]["value"]["text"] == output["summary"]["text"]
    assert not [prompt for prompt in prompts_of(model_server) if ASKS["translation"] in prompt]


@pytest.mark.parametrize(
    ("scope", "of_documents", "of_batch"), [("document", True, False), ("batch", False, True), ("both", True, True)]
)
async def test_what_is_made_of_summaries_is_there_where_these_are_wanted(
    scope: str, of_documents: bool, of_batch: bool, context_of: ContextOf, model_server: ModelServer
) -> None:
    teach(model_server)
    output = await run(context_of(batch(Ansan=20, Busan=10), scope=scope, facets=["translation:ko", "key_terms"]))
    assert ("translation:ko" in output["facets"]) == of_batch
    for result in output["results"]:
        assert ("translation:ko" in result["facets"]) == of_documents
        assert result["facets"]["key_terms"]["status"] == "succeeded"


async def test_the_same_batch_gives_the_same_facets_and_a_second_time_for_nothing(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    teach(model_server)
    ledger = MemoryLedger()
    first = await run(context_of(batch(Ansan=20, Busan=10), facets=ALL, calls=Calls(ledger)))
    again = await run(context_of(batch(Ansan=20, Busan=10), facets=ALL, calls=Calls(ledger)))
    assert again["facets"] == first["facets"]
    assert (again["usage"]["calls"], again["usage"]["remembered"]) == (0, first["usage"]["calls"])


# ---------------------------------------------------------------- what they cost


async def test_the_plan_counts_the_calls_and_no_prompt_is_longer_than_it_says(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    teach(model_server)
    reports: list[StepReport] = []
    context = context_of(batch(Ansan=30, Busan=10), facets=[*ALL, "translation:de"], report=reports.append)
    plan = make_plan(context.documents, context, context.facts, context.chunk_tokens)
    cost = plan_cost(plan)
    output = await run(context)
    told = Counter(report["kind"] for report in reports)
    assert (told["map"], told["collapse"] + told["reduce"]) == (cost.maps, cost.merges)
    # A German "translation" that is Korean cannot be used: it is asked for a second time.
    assert told["facet"] == cost.facets == 6 * cost.maps + 3 * 3
    assert len(reports) == len({report["step"] for report in reports})
    assert output["usage"]["calls"] == model_server.stats()["calls"] == len(reports) + 3
    assert output["usage"]["prompt_tokens"] <= cost.prompt_tokens
    bounds = {
        step["id"]: step["prompt_tokens"] for step in [*source_steps(plan), *summary_steps(plan, plan["summaries"])]
    }
    for report in reports:
        if report["kind"] == "facet" and report["status"] == "succeeded":
            assert report["usage"]["prompt_tokens"] <= bounds[report["step"]]


@pytest.mark.parametrize("window", [2_000, 8_192, 128_000])
async def test_no_prompt_leaves_the_models_window(window: int, context_of: ContextOf) -> None:
    texts = {"a": KOREAN * 60, "b": " ".join(f"Sentence {n} of many." for n in range(900))}
    documents = Documents(Document(id, f"Title of {id} " * 20, text) for id, text in texts.items())
    labels = [f"label {number} of the caller" for number in range(20 if window > 2_000 else 3)]
    context = context_of(documents, facets=ALL, categories=labels, window_tokens=window, chunk_tokens=3_000)
    plan = make_plan(documents, context, context.facts, context.chunk_tokens)
    counter = make_counter(context)
    for step in source_steps(plan):
        document = documents[step["document"] or ""]
        text = document.text[step["start"] : step["end"]]
        messages = source_messages(
            step["facet"], title=document.title, text=text, part=step["part"], parts=step["parts"],
            language=step["language"], labels=labels, again=True,
        )  # fmt: skip
        assert counter(messages) <= step["prompt_tokens"]
        assert step["prompt_tokens"] + step["max_tokens"] <= window
    for step in summary_steps(plan, plan["summaries"]):
        messages = summary_messages(step["facet"], summary="", language=step["language"], words=999, again=True)
        assert counter(messages) <= step["prompt_tokens"]
        assert step["prompt_tokens"] + step["max_tokens"] <= window


def make_counter(context: Context) -> Any:
    counter = token_counter(context.facts.name)
    return lambda messages: sum(counter.count([content for _, content in messages])) + 12 * len(messages)


async def test_no_facet_asked_for_changes_nothing_that_is_asked(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    teach(model_server)
    plain = await run(context_of(batch(Ansan=20, Busan=10)))
    asked = prompts_of(model_server)
    assert "facets" not in plain
    assert all("facets" not in result for result in plain["results"])
    model_server.reset()
    teach(model_server)
    faceted = await run(context_of(batch(Ansan=20, Busan=10), facets=ALL))
    own = [prompt for prompt in prompts_of(model_server) if not any(phrase in prompt for phrase in ASKS.values())]
    assert sorted(own) == sorted(asked)
    assert faceted["summary"] == plain["summary"]


async def test_within_a_budget_the_summaries_go_first_and_facets_take_what_they_leave(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    teach(model_server)
    cost = plan_cost(make_plan(batch(Ansan=20), context := context_of(batch(Ansan=20)), context.facts, 100))
    calls = cost.maps + cost.merges
    output = await run(
        context_of(batch(Ansan=20), facets=["entities", "sentiment"], budget={"calls": calls + cost.maps})
    )
    assert output["status"] == "succeeded"
    assert model_server.stats()["calls"] == output["usage"]["calls"] == calls + cost.maps
    errors = {facet["error"] for facet in output["facets"].values()}
    assert "budget_spent" in errors
    failed = sum(facet["failed_parts"] for facet in output["facets"].values())
    assert failed == cost.maps
    prompts = prompts_of(model_server)
    is_facet = [any(phrase in prompt for phrase in ASKS.values()) for prompt in prompts]
    assert is_facet == [False] * calls + [True] * cost.maps
