"""Facets through the service: options, plans, results, Markdown and HTML, and what is said of those that are lacking."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.app import ENGLISH, KOREAN, PROBLEM, WAIT, chapters
from tests.graphs.facet_answers import ASKS, SAYS, teach
from tests.model_server import ModelServer

Json = dict[str, Any]
MODEL = "openai:fake"
TERMS = {"key_terms": "harbour\nships", "entities": "place | Ansan\ndate | 1923"}


def post(client: httpx.Client, facets: Sequence[str], *texts: str, **options: Any) -> Json:
    documents = [{"id": f"d{number}", "text": text} for number, text in enumerate(texts or (ENGLISH,))]
    body = {"documents": documents, "options": {"facets": list(facets)} | options}
    response = client.post("/v1/runs", json=body, headers=WAIT)
    assert response.status_code == 200, response.text
    run: Json = response.json()
    return run


def rendered(client: httpx.Client, run: Json, form: str) -> str:
    response = client.get(f"/v1/runs/{run['id']}/summary", headers={"Accept": form})
    assert response.status_code == 200
    return response.text


def test_facets_are_kept_with_the_run_and_with_each_document(client: httpx.Client, model_server: ModelServer) -> None:
    teach(model_server, **TERMS)
    names = ["key_terms", "entities", "sentiment", "translation:ko"]
    run = post(client, names, ENGLISH, ENGLISH.replace("Ansan", "Gunsan and Ansan"), model=MODEL)
    assert run["status"] == "succeeded"
    assert run["warnings"] == []
    assert list(run["facets"]) == names
    entities = run["facets"]["entities"]
    assert (entities["facet"], entities["status"], entities["error"]) == ("entities", "succeeded", None)
    assert entities["items"][0] == {"name": "Ansan", "type": "place", "count": 2, "documents": 2}
    assert run["documents"][0]["facets"]["key_terms"]["items"][0]["term"] == "harbour"
    assert run["documents"][1]["facets"]["translation:ko"]["value"]["text"] == SAYS["translation"]
    assert client.get(f"/v1/runs/{run['id']}").json() == run
    assert run["progress"]["done"] == run["progress"]["total"] == run["usage"]["calls"]


def test_a_run_without_facets_has_none_and_a_document_that_could_not_be_read_has_none(
    client: httpx.Client,
) -> None:
    assert post(client, [])["facets"] == {}
    run = post(client, ["entities"], ENGLISH, " ")
    assert [list(document["facets"]) for document in run["documents"]] == [["entities"], []]
    assert run["facets"]["entities"]["status"] == "succeeded"


@pytest.mark.parametrize(
    "options",
    [
        {"facets": ["key_words"]},
        {"facets": ["translation"]},
        {"facets": ["translation:"]},
        {"facets": ["translation:not a tag"]},
        {"facets": ["Entities"]},
        {"facets": "entities"},
        {"facets": [7]},
        {"facets": ["entities\n"]},
        {"facets": [f"translation:{letter}{other}" for letter in "abcde" for other in "vwxyz"]},
        {"facets": ["categories"], "categories": ["x" * 101]},
        {"facets": ["categories"], "categories": [""]},
        {"facets": ["categories"], "categories": [" "]},
        {"facets": ["categories"], "categories": [f"label {number}" for number in range(51)]},
        {"facets": ["categories"], "categories": [None]},
    ],
)
@pytest.mark.parametrize("path", ["/v1/runs", "/v1/plans"])
def test_wrong_facets_and_labels_are_refused_by_name(client: httpx.Client, options: Json, path: str) -> None:
    response = client.post(path, json={"documents": [{"text": ENGLISH}], "options": options})
    assert response.status_code == 422
    assert response.json()["type"] == PROBLEM + "invalid-fields"
    named = " ".join(field["field"] for field in response.json()["fields"])
    assert ("categories" if "categories" in options else "facets") in named


def test_a_plan_counts_the_facets_calls_and_the_run_makes_them(client: httpx.Client, model_server: ModelServer) -> None:
    teach(model_server, entities="other | harbour", key_terms="harbour", translation=SAYS["translation"])
    text = chapters(6, f"port {uuid4().hex[:8]}")
    options = {"model": MODEL, "strategy": "map_reduce", "facets": ["entities", "translation:ko", "synthesis"]}
    body = {"documents": [{"text": text}, {"text": ENGLISH + text}], "options": options}
    plan = client.post("/v1/plans", json=body).json()
    plain = client.post("/v1/plans", json=body | {"options": options | {"facets": []}}).json()
    assert plain["facets"] == 0
    assert plan["calls"] == plan["maps"] + plan["merges"] + plan["facets"]
    assert (plan["maps"], plan["merges"]) == (plain["maps"], plain["merges"])
    assert plan["facets"] == 3 * plan["maps"] + 2 * 3  # key terms and questions for the synthesis
    assert plan["prompt_tokens"] > plain["prompt_tokens"]
    assert plan["completion_tokens"] > plain["completion_tokens"]
    run = client.post("/v1/runs", json=body, headers=WAIT).json()
    assert run["status"] == "succeeded"
    assert run["progress"]["total"] == run["progress"]["done"] == plan["calls"]
    assert run["usage"]["calls"] + run["usage"]["remembered"] == plan["calls"]
    assert run["usage"]["prompt_tokens"] <= plan["prompt_tokens"]
    assert run["usage"]["completion_tokens"] <= plan["completion_tokens"]


def test_a_facet_that_fails_leaves_the_run_succeeded_and_is_told_among_its_warnings(
    client: httpx.Client, model_server: ModelServer
) -> None:
    model_server.fault("400", times=-1, match=ASKS["questions"])
    teach(model_server, **TERMS)
    run = post(client, ["questions", "entities"], ENGLISH + f" Port {uuid4().hex}.", model=MODEL)
    assert run["status"] == "succeeded"
    assert run["error"] is None
    assert run["facets"]["questions"]["status"] == "failed"
    assert run["facets"]["questions"]["error"] == "call_rejected"
    assert run["facets"]["entities"]["status"] == "succeeded"
    assert run["progress"]["failed"] == 1
    (warning,) = run["warnings"]
    assert "questions" in warning
    assert "call_rejected" in warning


def test_the_embedded_model_says_which_facets_need_a_language_model(client: httpx.Client) -> None:
    run = post(client, ["key_terms", "entities", "sentiment", "questions"], ENGLISH, KOREAN)
    assert run["status"] == "succeeded"
    assert "a language model is needed for: questions" in run["warnings"][0]
    assert run["facets"]["questions"]["status"] == "unavailable"
    assert run["facets"]["questions"]["message"] == "It needs a language model."
    assert run["facets"]["sentiment"]["status"] == "partial"
    assert run["documents"][1]["facets"]["sentiment"]["status"] == "unavailable"
    names = {item["name"]: item for item in run["facets"]["entities"]["items"]}
    assert names["1923"]["type"] == names["1923년"]["type"] == "date"
    assert names["안산"]["count"] == KOREAN.count("안산")


def test_labels_without_the_facet_that_takes_them_are_told_among_the_warnings(client: httpx.Client) -> None:
    run = post(client, [], categories=["law"])
    assert "categories" in run["warnings"][0]


def test_facets_are_in_the_markdown_and_in_the_page_under_headings(
    client: httpx.Client, model_server: ModelServer
) -> None:
    teach(model_server, **TERMS)
    names = ["key_terms", "questions", "entities", "sentiment", "categories", "action_items"]
    run = post(client, [*names, "translation:ko", "synthesis"], ENGLISH, ENGLISH[:160], model=MODEL)
    text, page = rendered(client, run, "text/markdown"), rendered(client, run, "text/html")
    headings = ["Key terms", "Questions", "Names and numbers", "Sentiment", "Categories", "Action items", "Synthesis"]
    for heading in [*headings, "Translation (ko)"]:
        assert f"\n## {heading}\n" in text
        assert text.count(f"\n### {heading}\n") == 2
        assert f'<h2 dir="auto">{heading}</h2>' in page
    assert "\n- harbour (3×), ships (3×)\n" in text
    assert "\n- place: Ansan (2×)\n- date: 1923 (2×)\n" in text
    assert "positive (+0.50)" in text
    assert "- Count the boats, the town, every year" in text
    assert SAYS["translation"] in text


def test_what_hostile_facets_hold_is_escaped(client: httpx.Client, model_server: ModelServer) -> None:
    evil = "<script>alert(1)</script> [x](http://evil.example) ![y](http://evil.example/z.png)"
    teach(
        model_server,
        key_terms=evil,
        entities=f"person | {evil}",
        questions=f"{evil}?",
        action_items=f"{evil} | {evil} | -",
        categories="<b>law</b>",
        translation=f"{evil} 번역된 문장이며 아무런 해가 없다. 이것은 충분히 길고 또 길다. 그래서 한국어로 보인다.",
    )
    facets = ["key_terms", "entities", "questions", "action_items", "categories", "translation:ko"]
    run = post(client, facets, f"{evil} is what this text of {uuid4().hex} is about. {ENGLISH}", model=MODEL)
    for name in facets:
        assert run["facets"][name]["status"] == "succeeded", run["facets"][name]
    page = rendered(client, run, "text/html")
    for forbidden in ("<script", "<img", "<a ", "<b>law"):
        assert forbidden not in page
    text = rendered(client, run, "text/markdown").split("## Key terms")[1].split("## Translation")[0]
    assert "<script>" not in text.replace(r"\<script\>", "")
    assert "](http" not in text.replace(r"\](http", "")


def test_the_facets_steps_are_events_like_others_and_no_chunks(client: httpx.Client, model_server: ModelServer) -> None:
    teach(model_server, **TERMS)
    run = post(client, ["entities"], ENGLISH + f" Port {uuid4().hex}.", model=MODEL)
    stream = client.get(f"/v1/runs/{run['id']}/stream").text
    assert '"kind":"facet"' in stream.replace(" ", "")
    assert '"facet":"entities"' in stream.replace(" ", "")
    assert len(client.get(f"/v1/runs/{run['id']}/chunks").json()["chunks"]) == 1
