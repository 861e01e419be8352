"""Facets without a language model, and when facets are asked for."""

from typing import Any

from graphs.facets import wanted_facets
from graphs.summarize import Context, Document, Documents, StepReport, graph
from tests.graphs.facet_answers import ALL, ASKS, KOREAN, statuses, teach
from tests.graphs.summaries import EMBEDDED, ContextOf, batch, run
from tests.model_server import ModelServer


async def test_the_embedded_model_gives_what_it_can_and_says_what_it_cannot() -> None:
    documents = Documents(
        [
            Document(
                "en",
                "Harbour",
                "The harbour of Ansan is wonderful. People love the harbour of Ansan. It was opened in 1923.",
            ),
            Document("ko", "항구", KOREAN),
        ]
    )
    reports: list[StepReport] = []
    output = await run(Context(documents=documents, facets=ALL, report=reports.append, **EMBEDDED))
    assert output["status"] == "succeeded"
    english, korean = (result["facets"] for result in output["results"])
    can = {"key_terms": "succeeded", "entities": "succeeded", "sentiment": "succeeded"}
    assert statuses(english) == dict.fromkeys(ALL, "unavailable") | can
    assert statuses(korean) == dict.fromkeys(ALL, "unavailable") | can | {
        "sentiment": "unavailable",
        "translation:ko": "succeeded",  # it is in Korean already
    }
    assert statuses(output["facets"])["sentiment"] == "partial"
    assert english["questions"]["error"] == "needs_language_model"
    assert english["questions"]["message"] == "It needs a language model."
    assert english["sentiment"]["value"]["label"] == "positive"
    assert "harbour" in {item["term"] for item in english["key_terms"]["items"]}
    assert ("Ansan", 2) in {(item["name"], item["count"]) for item in english["entities"]["items"]}
    assert {"안산", "1923년"} <= {item["name"] for item in korean["entities"]["items"]}
    asked = [report for report in reports if report["kind"] == "facet"]
    assert len(asked) == 5
    assert output["usage"]["calls"] == len(reports) - 1  # the English document is its own summary


async def test_a_language_without_divided_words_has_no_key_terms_by_statistics() -> None:
    documents = Documents([Document("th", "ท่าเรือ", "ท่าเรืออันซานเปิดใช้งานในปี 1923 มีเรือเข้ามาสี่สิบลำ " * 5)])
    output = await run(Context(documents=documents, facets=["key_terms", "entities"], **EMBEDDED))
    assert statuses(output["facets"]) == {"key_terms": "unavailable", "entities": "succeeded"}


def test_a_synthesis_names_its_parts_once() -> None:
    assert wanted_facets(["questions", "synthesis", "questions"]) == ["questions", "synthesis", "key_terms"]


async def test_facets_of_the_sources_are_asked_beside_the_map_and_not_behind_it(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    model_server.fault("delay", times=-1, match="Summarise the material", seconds=0.2)
    teach(model_server)
    await run(context_of(batch(Ansan=20), facets=["entities", "translation:ko"]))
    calls = [(call["messages"][-1]["content"], call) for call in model_server.calls(1_000)]
    ends: dict[bool, list[Any]] = {True: [], False: []}
    for prompt, call in calls:
        if "Part " in prompt:
            ends[ASKS["entities"] in prompt].append(call)
    last_map_ended = max(call["ended_at"] for call in ends[False])
    assert min(call["ended_at"] for call in ends[True]) < last_map_ended
    (translation,) = {call["at"] for prompt, call in calls if ASKS["translation"] in prompt}
    assert translation > last_map_ended


async def test_a_large_batch_sends_its_facets_in_packs() -> None:
    documents = Documents(Document(str(n), f"Ship {n}", f"Ship {n} of Ansan came in.") for n in range(120))
    packs = 0
    async for update in graph.astream(
        {}, context=Context(documents=documents, facets=["key_terms", "entities"], **EMBEDDED), stream_mode="updates"
    ):
        packs += "facet" in update
    assert packs == 3  # of 240 calls


async def test_the_embedded_models_facets_wait_within_a_budget_too() -> None:
    documents = batch(Ansan=20)
    free = await run(Context(documents=documents, facets=["entities"], **EMBEDDED))
    calls = free["usage"]["calls"]
    within = await run(Context(documents=batch(Ansan=20), facets=["entities"], budget={"calls": calls}, **EMBEDDED))
    assert within["facets"] == free["facets"]
    beyond = await run(Context(documents=batch(Ansan=20), facets=["entities"], budget={"calls": calls - 1}, **EMBEDDED))
    assert beyond["status"] == "succeeded"
    assert beyond["facets"]["entities"]["error"] == "budget_spent"
