"""What a summary's reader is shown beside its text: what is not borne out, what was found, what went wrong."""

import re
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import expect

from app import errors
from tests.app import chapters
from tests.browser.watched import Watched
from tests.model_server import ModelServer

Json = dict[str, Any]


def new_text() -> str:
    """A text that the ledger has not seen."""
    return chapters(2, f"port {uuid4().hex[:8]}")


def every_error(kind: type[errors.PrecisError] = errors.PrecisError) -> set[type[errors.PrecisError]]:
    return {kind}.union(*(every_error(below) for below in kind.__subclasses__()))


def words_of(watched: Watched, language: str) -> dict[str, str]:
    """The words of the page; functions as their source."""
    found: dict[str, str] = watched.page.evaluate(
        """async (language) => Object.fromEntries(
            Object.entries((await import(`/page/${language}.js`))[language]).map(([key, said]) => [key, String(said)])
        )""",
        language,
    )
    return found


def show(watched: Watched, code: str, given: Any) -> None:
    """Fill the page with what a view makes of something."""
    watched.page.evaluate(
        f"""async (given) => {{
            const {{ fill }} = await import("/page/dom.js");
            {code}
        }}""",
        given,
    )


def test_every_word_is_there_in_both_languages(wide: Watched) -> None:
    wide.open()
    english, korean = words_of(wide, "english"), words_of(wide, "korean")
    assert set(english) == set(korean)
    assert [key for key, said in korean.items() if said and not re.search("[가-힣]", said)] == ["api", "option_model"][
        :1
    ]


def test_every_word_that_the_page_asks_for_is_there(wide: Watched, client: httpx.Client) -> None:
    wide.open()
    known = set(words_of(wide, "english"))
    modules = {"main.js"}
    seen: set[str] = set()
    while modules - seen:
        name = (modules - seen).pop()
        seen.add(name)
        source = client.get(f"/page/{name}").text
        modules |= set(re.findall(r'from "\./(\w+\.js)"', source))
        asked = set(re.findall(r'word\("(\w+)"', source))
        assert asked <= known, name
    assert len(seen) > 15


def test_every_problem_has_words_of_its_own(wide: Watched) -> None:
    """Those that only group others are never met."""
    wide.open()
    known = words_of(wide, "english")
    met = [kind for kind in every_error() if kind.__module__ == "app.errors" and not kind.__subclasses__()]
    own = {kind.type().removeprefix(errors.TYPE_PREFIX) for kind in met}
    own -= {"method-not-allowed", "page-not-found", "unsupported-media-type", "idempotency-key-reused", "worker-gone"}
    assert {name for name in own if f"problem_{name}" not in known} == set()


def test_names_and_numbers_that_no_source_bears_out_are_marked(wide: Watched) -> None:
    page = wide.open()
    summary = {
        "text": "# Harbour\n\nMs **Kim** opened it in 1923 (1923!). Nobody knows why.\n\n- It took in 40 boats.",
        "sentences": [
            {
                "text": "Ms **Kim** opened it in 1923 (1923!).",
                "citations": [cited(0)],
                "support": 0.5,
                "unsupported": ["Kim", "1923"],
            },
            {"text": "Nobody knows why.", "citations": [], "support": 0.0, "unsupported": []},
            {"text": "It took in 40 boats.", "citations": [cited(9), cited(0)], "support": None, "verified": False},
        ],
        "misses": ["length"],
    }
    show_summary(wide, summary)
    expect(page.locator("mark.unsupported")).to_have_text(["Kim", "1923", "1923"])
    expect(page.locator("strong mark.unsupported")).to_have_text("Kim")
    expect(page.locator(".is-uncited")).to_have_text(["Nobody knows why.", "It took in 40 boats."])
    expect(page.locator("main")).to_contain_text("It is longer or shorter than was asked for.")
    expect(page.locator("li .cite")).to_have_text(["2", "1"])
    expect(page.locator("main")).to_contain_text("Marked words (names or numbers) are not found in the cited sources.")
    expect(page.locator(".sentence").first).to_have_attribute("title", "Its words are found in the sources to 50%")
    assert wide.wrong == []


def test_a_summary_whose_sentences_are_not_found_in_it_lists_them_with_their_sources(wide: Watched) -> None:
    page = wide.open()
    show_summary(
        wide,
        {"text": "As a *model* wrote it.", "sentences": [{"text": "As a model wrote it.", "citations": [cited(3)]}]},
    )
    expect(page.locator("main > p")).to_have_text("As a model wrote it.")
    page.get_by_text("Sources, sentence by sentence").click()
    expect(page.locator("ol .cite")).to_have_text("1")


def cited(start: int) -> Json:
    return {"document": "a", "start": start, "end": start + 5, "page": None, "quote": "12345"}


def show_summary(watched: Watched, summary: Json) -> None:
    show(
        watched,
        """const { summaryView } = await import("/page/summary.js");
        const { Sources } = await import("/page/sources.js");
        fill(document.getElementById("main"), summaryView(given, new Sources("r", new Map([["a", "Book"]]))));""",
        summary,
    )


def test_facets_are_shown_each_in_its_own_way(wide: Watched) -> None:
    page = wide.open()
    facets = {
        "key_terms": {"status": "succeeded", "items": [{"term": "harbour pier", "count": 4, "weight": 0.7}, "ferry"]},
        "entities": {"status": "partial", "items": [{"name": "Ansan", "type": "place", "count": 1200}]},
        "questions": {"status": "succeeded", "items": [{"question": "When was it opened?", "document": "a"}]},
        "action_items": {
            "status": "succeeded",
            "items": [{"action": "Close the pier", "who": "The city", "due": "2027", "document": "a"}],
        },
        "sentiment": {"status": "succeeded", "value": {"label": "positive", "score": 0.4}},
        "categories": {"status": "succeeded", "items": [{"category": "Traffic", "share": 0.75}]},
        "translation:ko": {
            "status": "succeeded",
            "value": {"text": "**항구**는 1923년에 열렸다.", "language": "ko", "words": 3},
        },
        "synthesis": {"status": "failed", "error": "timeout", "message": "The model did not answer."},
        "mood_map": {"status": "unavailable"},
        "other_new": {"status": "succeeded", "sea": ["blue", "wide"], "depth": 12},
        "nothing": {"status": "succeeded", "items": []},
        "broken": None,
    }
    show(
        wide,
        """const { facetsView } = await import("/page/facets.js");
        fill(document.getElementById("main"), facetsView(given));""",
        facets,
    )

    def card(title: str) -> Any:
        return page.locator(".facet", has=page.locator("h3", has_text=re.compile(f"^{title}$")))

    expect(page.locator(".facet")).to_have_count(len(facets) - 2)
    expect(card("Key terms").locator("li")).to_have_text(["harbour pier × 4", "ferry"])
    expect(card("Names")).to_contain_text("Ansan × 1,200 place")
    expect(card("Names")).to_contain_text("Some parts could not be read.")
    expect(card("Questions it answers")).to_contain_text("When was it opened?")
    expect(card("To do")).to_contain_text("Close the pier — The city · 2027")
    expect(card("Tone")).to_contain_text("Positive")
    expect(card("Categories")).to_contain_text("75%")
    expect(card("Translation: Korean").locator("strong").first).to_have_text("항구")
    expect(card("All in one")).to_contain_text("The model did not answer.")
    expect(page.locator("main")).to_contain_text("Needs a language model: mood map")
    expect(card("other new")).to_contain_text("blue, wide")
    expect(card("nothing")).to_contain_text("Nothing was found.")
    assert wide.wrong == []


@pytest.mark.parametrize("status", [404, 405])
def test_a_service_that_cannot_try_again_says_so(
    wide: Watched, client: httpx.Client, model_server: ModelServer, status: int
) -> None:
    model_server.hold()
    body = {"documents": [{"text": new_text()}], "options": {"model": "openai:fake"}}
    id = client.post("/v1/runs", json=body).json()["id"]
    client.post(f"/v1/runs/{id}/cancel")
    page = wide.open(f"runs/{id}")
    page.route(
        "**/retry", lambda route: route.fulfill(status=status, json={"type": "urn:precis:problem:page-not-found"})
    )
    page.get_by_role("button", name="Try again what is missing").click()
    expect(page.locator(".run-head .problem")).to_contain_text("This service cannot continue a run that has ended.")
