"""A summary grows on the page while a language model writes it, again after a reload, and gives way to what is kept."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import expect

from tests.app import ENGLISH
from tests.browser.test_page import LONG, new_text, start, status
from tests.browser.watched import Watched, has_sideways_scroll
from tests.model_server import ModelServer

HOSTILE = "<img src=x onerror=alert(1)> **The harbour** was [opened](javascript:alert(1)) in 1923 [1]. "


@pytest.fixture
def paused(model_server: ModelServer) -> Iterator[ModelServer]:
    """A model server that writes half of each last summary, and the rest when it is released."""
    model_server.hold()
    model_server.fault("pause", times=-1)
    yield model_server
    model_server.release()


def test_a_summary_is_seen_growing_and_then_as_it_was_kept(
    watched: Watched, client: httpx.Client, paused: ModelServer
) -> None:
    id = start(client, f"{new_text(1)} {ENGLISH}", strategy="single")
    page = watched.open(f"runs/{id}")
    draft = page.locator(".summary .writing .prose")
    expect(draft).to_contain_text("In week", timeout=LONG)
    expect(page.locator("#said")).to_have_text("The summary is being written")
    expect(page.locator(".writing [aria-live]")).to_have_count(0)
    half = draft.inner_text()
    assert not has_sideways_scroll(page)
    page.reload()
    expect(draft).to_contain_text(half, timeout=LONG)
    paused.release()
    expect(status(page)).to_have_text("Done", timeout=LONG)
    expect(page.locator(".writing")).to_have_count(0)
    expect(page.locator(".summary .prose")).to_contain_text(half[:60])
    assert watched.wrong == []


def test_drafts_of_documents_stand_under_their_titles_until_the_documents_are_there(
    wide: Watched, client: httpx.Client, paused: ModelServer
) -> None:
    id = start(client, new_text(1), new_text(1), strategy="single", scope="document")
    page = wide.open(f"runs/{id}")
    expect(page.locator(".writing h3")).to_have_text(["Harbour 1", "Harbour 2"], timeout=LONG)
    paused.release()
    expect(status(page)).to_have_text("Done", timeout=LONG)
    expect(page.locator(".writing")).to_have_count(0)
    assert wide.wrong == []


def test_a_draft_is_only_ever_text(wide: Watched, client: httpx.Client, model_server: ModelServer) -> None:
    model_server.hold()
    model_server.fault("pause", times=-1, then="say", content=HOSTILE * 4)
    id = start(client, f"{new_text(1)} {ENGLISH}", strategy="single")
    page = wide.open(f"runs/{id}")
    draft = page.locator(".writing .prose")
    expect(draft).to_contain_text("<img src=x", timeout=LONG)
    assert draft.locator("img, a, script").count() == 0
    expect(draft.locator("strong").first).to_have_text("The harbour")
    client.post(f"/v1/runs/{id}/cancel")
    expect(page.locator(".writing")).to_have_count(0, timeout=LONG)
    model_server.release()
    assert wide.wrong == []
