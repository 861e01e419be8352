"""How good a summary is, as its page tells: figures with explanations, plain notes, drafts to choose from."""

import re
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, expect

from tests.app import ENGLISH, KOREAN, WAIT
from tests.browser.watched import WIDTHS, Watched, has_sideways_scroll, new_context
from tests.service import Service

Json = dict[str, Any]

FIRST = ["Support", "Unsupported sentences", "Terms covered", "Documents covered", "Length", "Repetition"]


def summarise(client: httpx.Client, *texts: str) -> Json:
    documents = [{"id": str(number), "title": f"Harbour {number}", "text": text} for number, text in enumerate(texts)]
    run: Json = client.post("/v1/runs", json={"documents": documents}, headers=WAIT).json()
    return run


def shown_instead(page: Page, run: Json, **changes: Any) -> None:
    """Let the page see the run as if the service had told more of it."""
    page.route(f"**/v1/runs/{run['id']}", lambda route: route.fulfill(json=run | changes))


def explanations(client: httpx.Client) -> dict[str, str]:
    """What the API says of each figure."""
    figures = client.get("/openapi.json").json()["components"]["schemas"]["ScoresOut"]["properties"]
    return {name: figure["description"] for name, figure in figures.items()}


def test_the_figures_that_matter_come_first_and_each_is_explained_as_the_api_does(
    watched: Watched, client: httpx.Client
) -> None:
    run = summarise(client, ENGLISH, KOREAN)
    page = watched.open(f"runs/{run['id']}")
    scores = page.locator(".summary .scores")
    expect(scores).not_to_have_attribute("open", "")
    expect(scores.locator("dl")).to_have_count(0)
    scores.get_by_text("How good is it?").click()
    expect(scores.locator("> dl dt")).to_have_text(FIRST)
    support = run["summary"]["scores"]["documents_covered"]
    expect(scores.locator("> dl dd:not(.hint)").nth(3)).to_have_text(f"{support:.0%}")
    said = explanations(client)
    expect(scores.locator("> dl dd.hint").nth(0)).to_have_text(said["support"])
    scores.get_by_text("12 more").click()
    expect(scores.locator("dt")).to_have_count(len(said))
    for name, explanation in said.items():
        expect(scores.locator(f"[data-score={name}]")).to_have_text(explanation)
    assert not any("_" in text for text in scores.locator("dt").all_inner_texts())
    assert not has_sideways_scroll(page)
    assert watched.wrong == []


def test_each_document_has_its_figures_unless_there_are_too_many(wide: Watched, client: httpx.Client) -> None:
    run = summarise(client, ENGLISH, KOREAN)
    run["documents"][1]["summary"]["scores"] = None
    shown_instead(wide.page, run)
    page = wide.open(f"runs/{run['id']}")
    rows = page.locator(".document-list > li")
    expect(rows.nth(1).locator(".prose")).not_to_be_empty()
    expect(rows.nth(0).locator(".scores")).to_have_count(1)
    expect(rows.nth(1).locator(".scores")).to_have_count(0)
    assert wide.wrong == []


def test_every_figure_has_a_name_in_both_languages_and_an_explanation_in_korean(
    wide: Watched, client: httpx.Client
) -> None:
    page = wide.open()
    said: dict[str, list[str]] = page.evaluate(
        """async () => {
            const [en, ko] = await Promise.all([import("/page/english.js"), import("/page/korean.js")]);
            const names = (words) => Object.keys(words).filter((key) => key.startsWith("score_")).map((key) => key.slice(6));
            return { english: names(en.english), korean: names(ko.korean), explained: Object.keys(ko.explanations) };
        }"""
    )
    figures = set(explanations(client))
    assert {language: set(names) for language, names in said.items()} == dict.fromkeys(said, figures)


def test_in_korean_the_figures_are_explained_in_korean(
    browser: Browser, shared_service: Service, client: httpx.Client
) -> None:
    run = summarise(client, KOREAN)
    run["summary"]["scores"]["new_figure"] = 0.5  # of a service that is newer than the page
    context = new_context(browser, WIDTHS[1], locale="ko-KR")
    watched = Watched(context.new_page(), shared_service.base_url)
    shown_instead(watched.page, run)
    page = watched.open(f"runs/{run['id']}")
    page.get_by_text("얼마나 좋은가요?").click()
    expect(page.locator("[data-score=support]")).to_contain_text("인용한 자리")
    page.get_by_text("13개 더").click()
    expect(page.locator(".scores dt").last).to_have_text("new figure")
    expect(page.locator("[data-score=new_figure]")).to_be_empty()
    assert not has_sideways_scroll(page)
    assert watched.wrong == []
    context.close()


def test_figures_are_shown_also_when_nobody_explains_them(wide: Watched, client: httpx.Client) -> None:
    run = summarise(client, ENGLISH)
    wide.page.route("**/openapi.json", lambda route: route.fulfill(json={"openapi": "3.1.0"}))
    page = wide.open(f"runs/{run['id']}")
    page.get_by_text("How good is it?").click()
    expect(page.locator(".scores > dl dt")).to_have_text(FIRST)
    assert wide.wrong == []


def test_what_a_summary_does_not_keep_to_and_where_quoting_does_poorly_is_told_plainly(
    wide: Watched, client: httpx.Client
) -> None:
    run = summarise(client, ENGLISH)
    run["summary"] |= {"degraded": "long_conversation", "misses": ["length", "language", "metre"]}
    shown_instead(wide.page, run)
    page = wide.open(f"runs/{run['id']}")
    expect(page.locator(".summary .remark")).to_have_text(
        [
            re.compile("^Few sentences of a long conversation say what it came to"),
            "It is longer or shorter than was asked for.",
            "It is not in the language that was asked for.",
            "It does not keep to all that was asked for.",
        ]
    )
    assert wide.wrong == []


def test_of_several_drafts_one_is_chosen_and_shown_with_its_own_figures(watched: Watched, client: httpx.Client) -> None:
    run = summarise(client, ENGLISH)
    best, other = run["summary"], run["documents"][0]["summary"]
    other = other | {"text": "**It** opened in 1923.", "words": 4, "scores": best["scores"] | {"support": 0.25}}
    other["sentences"] = [best["sentences"][0] | {"text": "**It** opened in 1923."}]
    shown_instead(watched.page, run, variants=[best, other])
    page = watched.open(f"runs/{run['id']}")
    expect(page.locator(".summary .prose")).to_contain_text(best["sentences"][0]["text"])
    expect(page.get_by_label("Draft 1, the best")).to_be_checked()
    page.get_by_label("Draft 1, the best").press("ArrowDown")
    expect(page.get_by_label("Draft 2")).to_be_checked()
    expect(page.locator(".summary .prose")).to_contain_text("It opened in 1923.")
    expect(page.locator(".summary .prose")).not_to_contain_text(best["sentences"][-1]["text"])
    expect(page.locator(".summary h2")).to_contain_text("4 words")
    page.get_by_text("How good is it?").click()
    expect(page.locator(".scores > dl dd:not(.hint)").first).to_have_text("25%")
    page.locator(".summary .cite").first.click()
    expect(page.locator(".passage mark")).to_have_text(best["sentences"][0]["citations"][0]["quote"])
    assert not has_sideways_scroll(page)
    assert watched.wrong == []


def test_a_run_without_drafts_offers_no_choice(wide: Watched, client: httpx.Client) -> None:
    page = wide.open(f"runs/{summarise(client, ENGLISH)['id']}")
    expect(page.locator(".summary .prose")).not_to_be_empty()
    expect(page.locator(".drafts")).to_have_count(0)
