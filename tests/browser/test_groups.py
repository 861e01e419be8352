"""Folders that are dropped become groups, and a run shows what was made of each."""

import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.app import ENGLISH, KOREAN, WAIT
from tests.browser.watched import Watched, has_sideways_scroll

Json = dict[str, Any]
LONG = 60_000  # milliseconds that a run may take on a busy machine

# Drops a tree: folders are objects, files are texts. A test cannot drop real folders, so these are what a browser gives
# for them.
DROP = """(tree) => {
    const entry = (name, node) => typeof node === "string"
        ? {isFile: true, name, file: (done) => done(new File([node], name, {type: "text/plain"}))}
        : {isFile: false, name, createReader: () => {
            let parts = [Object.entries(node).map(([name, below]) => entry(name, below)), []];
            return {readEntries: (done) => done(parts.shift())};
          }};
    const items = Object.entries(tree).map(([name, node]) => ({webkitGetAsEntry: () => entry(name, node)}));
    const event = new Event("drop", {bubbles: true, cancelable: true});
    event.dataTransfer = {items, files: []};
    document.dispatchEvent(event);
}"""


def test_folders_that_are_dropped_become_groups_with_summaries_of_their_own(watched: Watched) -> None:
    page = watched.open()
    expect(page.locator(".figures, .plan .hint").first).to_be_visible(timeout=LONG)
    expect(page.locator("[aria-busy]")).to_have_count(0, timeout=LONG)
    page.evaluate(DROP, {"Port": {"a.txt": ENGLISH, "old": {"b.txt": KOREAN}}, "Council": {"c.txt": ENGLISH[::-1]}})
    expect(page.locator(".files li .name")).to_have_text(["Port / a.txt", "Port / b.txt", "Council / c.txt"])
    page.get_by_role("button", name="Summarise", exact=True).click()
    expect(page.locator(".run-head .status")).to_have_text("Done", timeout=LONG)
    run_id = page.url.rpartition("/")[2]
    run = httpx.get(f"{watched.base_url}/v1/runs/{run_id}", trust_env=False).json()
    assert [(document["id"], document["group"]) for document in run["documents"]] == [
        *(("a.txt", "Port"), ("b.txt", "Port"), ("c.txt", "Council"))
    ]
    groups = page.locator(".documents").filter(has=page.get_by_role("heading", name="Groups · 2"))
    expect(groups.locator(".document-list > li")).to_have_count(2)
    expect(groups.locator(".document-list > li").first).to_contain_text("Port")
    expect(groups.locator(".document-list > li").first).to_contain_text("2 documents")
    expect(groups.locator(".prose").first).to_contain_text(run["groups"][0]["summary"]["sentences"][0]["text"])
    groups.locator(".cite").first.click()
    expect(page.locator(".passage mark")).to_be_visible()
    assert not has_sideways_scroll(page)
    assert watched.wrong == []


@pytest.mark.parametrize(
    ("dropped", "labels"),
    [
        ([], []),
        ([[]], [""]),
        ([["in", "port"], ["in", "council", "deep"], ["in"], []], ["port", "council", "", ""]),
        ([["port"], ["council", "deep"], []], ["port", "council", ""]),
    ],
)
def test_each_of_several_folders_is_a_group_and_of_a_single_one_each_folder_in_it(
    dropped: list[list[str]], labels: list[str], wide: Watched
) -> None:
    wide.open()
    found = wide.page.evaluate(
        """async (folders) => (await import("/page/folders.js")).labelsOf(folders.map((folders) => ({folders})))""",
        dropped,
    )
    assert found == labels


def test_a_slash_in_a_name_makes_no_group(wide: Watched) -> None:
    wide.open()
    names = wide.page.evaluate(
        """async (names) => {
            const {batchForm} = await import("/page/api.js");
            const documents = names.map((name) => ({file: new File(["x"], "x"), name, folders: []}));
            return batchForm(documents, {}).getAll("files").map((file) => file.name);
        }""",
        ["plain.txt", "5/6 minutes", "a\\b"],
    )
    assert names == ["plain.txt", "5\u22156 minutes", "a\u2215b"]


def test_a_hostile_label_is_shown_as_it_is_and_widens_nothing(watched: Watched, client: httpx.Client) -> None:
    label = "<img src=x onerror=alert(1)> " + "x" * 170
    documents = [{"text": ENGLISH, "group": label}, {"text": KOREAN, "group": "Port"}, {"text": KOREAN, "group": label}]
    run: Json = client.post("/v1/runs", json={"documents": documents}, headers=WAIT).json()
    page = watched.open(f"runs/{run['id']}")
    expect(page.get_by_role("heading", name=re.compile("Groups"))).to_be_visible()
    expect(page.locator(".document-head .name").first).to_have_text(label)
    assert page.locator("img[src=x]").count() == 0
    assert not has_sideways_scroll(page)
    assert watched.wrong == []
