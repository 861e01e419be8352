"""Groups of documents: their labels come back with the documents, and what was made of each group with the run."""

import json
import re
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.api.rendering import render_html, render_markdown
from app.api.schemas import RunOut
from tests.app import ENGLISH, KOREAN, PROBLEM, WAIT, chapters
from tests.model_server import ModelServer

Json = dict[str, Any]

TIDES = "The tide of Mokpo rises four metres. The council measures it at dawn. It has done so since 1951."
ROADS = "The road to Mokpo was paved in 1968. Two bridges carry it. The council repairs them every spring."
DOCUMENTS = [
    {"id": "a", "title": "Harbour", "text": ENGLISH, "group": "Port authority"},
    {"id": "b", "title": "Tides", "text": TIDES, "group": "Council"},
    {"id": "c", "title": "항구", "text": KOREAN, "group": "Port authority"},
    {"id": "d", "title": "Alone", "text": "Nobody asked the fishermen. They went to sea in the storm of 1929."},
    {"id": "e", "title": "Roads", "text": ROADS, "group": "Council"},
]


def post(client: httpx.Client, documents: list[Json], **options: Any) -> Json:
    body = {"documents": documents, "options": options}
    response = client.post("/v1/runs", json=body, headers=WAIT)
    assert response.status_code == 200, response.text
    run: Json = response.json()
    return run


def members(run: Json) -> dict[str, list[str]]:
    return {group["name"]: group["documents"] for group in run["groups"]}


def labels(body: Json) -> list[str]:
    return [document["group"] for document in body["documents"]]


@pytest.mark.parametrize("model", ["embedded:extractive", "openai:fake"])
def test_groups_come_back_with_summaries_that_cite_their_own_documents(client: httpx.Client, model: str) -> None:
    run = post(client, DOCUMENTS, model=model, words=20)
    assert run["status"] == "succeeded"
    assert labels(run) == ["Port authority", "Council", "Port authority", "", "Council"]
    assert members(run) == {"Port authority": ["a", "c"], "Council": ["b", "e"]}
    for group in run["groups"]:
        assert group["status"] == "succeeded"
        cited = {c["document"] for sentence in group["summary"]["sentences"] for c in sentence["citations"]}
        assert cited
        assert cited <= set(group["documents"])
        assert 0 < group["summary"]["scores"]["documents_covered"] <= 1
    assert client.get(f"/v1/runs/{run['id']}").json() == run
    assert labels(client.post("/v1/plans", json={"documents": DOCUMENTS}).json()) == labels(run)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (None, ""),
        ("", ""),
        (" \n\t ", ""),
        ("\u200b\x00", ""),
        ("  Port\n authority ", "Port authority"),
        ("\x1b[31mred\u202e", "[31mred"),
        ("\N{SHIP} 항구 #1", "\N{SHIP} 항구 #1"),
        ("\u1112\u1161\u11bc\u1100\u116e", "항구"),  # as some systems write names of files
        ("\u200d", ""),
        ("می\u200cخواهم \U0001f469\u200d\U0001f467", "می\u200cخواهم \U0001f469\u200d\U0001f467"),
        ("x" * 200, "x" * 200),
    ],
)
def test_a_label_is_printable_text_on_one_line(sent: str | None, shown: str, client: httpx.Client) -> None:
    assert labels(client.post("/v1/plans", json={"documents": [{"text": ENGLISH, "group": sent}]}).json()) == [shown]


@pytest.mark.parametrize("group", ["x" * 201, 7, ["a"], {"a": 1}])
def test_a_label_that_is_too_long_or_no_text_is_refused(group: Any, client: httpx.Client) -> None:
    response = client.post("/v1/plans", json={"documents": [{"text": ENGLISH, "group": group}]})
    assert response.status_code == 422
    assert response.json()["type"] == PROBLEM + "invalid-fields"
    assert "group" in json.dumps(response.json()["fields"])


def test_the_folders_of_an_uploads_name_are_its_group_and_no_part_of_its_id(client: httpx.Client) -> None:
    names = {
        "plain.txt": "",
        "agency/a.txt": "agency",
        "agency/2024/a.txt": "agency/2024",
        "./agency/b.txt": "agency",
        "/../etc/c.txt": "etc",
        "win\\dows\\d.txt": "win/dows",
        f"{'x' * 300}/e.txt": "x" * 200,
        "//f.txt": "",
    }
    files = [("files", (name, ENGLISH.encode())) for name in names]
    plan = client.post("/v1/plans", files=files).json()
    assert labels(plan) == list(names.values())
    assert [document["id"] for document in plan["documents"]] == [
        *("plain.txt", "a.txt", "a.txt (2)", "b.txt", "c.txt", "d.txt", "e.txt", "f.txt")
    ]


def test_a_run_that_is_tried_again_keeps_its_groups(client: httpx.Client, model_server: ModelServer) -> None:
    about = [f"port {uuid4().hex[:8]}" for _ in range(3)]
    documents = [
        {"id": name, "text": chapters(1, name), "group": group}
        for name, group in zip(about, ["Port", "Council", "Port"], strict=True)
    ]
    model_server.fault("content_filter", times=-1, match=about[1])
    run = post(client, documents, model="openai:fake", style="report", min_coverage=0.1)
    assert run["status"] == "partial"
    assert [(group["name"], group["status"]) for group in run["groups"]] == [
        ("Port", "succeeded"),
        ("Council", "failed"),
    ]
    assert "Groups without a summary: Council." in run["error"]["detail"]
    assert run["summary"]["text"].startswith("## Port\n")
    assert "Council" not in run["summary"]["text"]
    model_server.clear_faults()
    assert client.post(f"/v1/runs/{run['id']}/retry").status_code == 202
    run = client.get(f"/v1/runs/{run['id']}/wait").json()
    assert run["status"] == "succeeded"
    assert [group["status"] for group in run["groups"]] == ["succeeded"] * 2
    assert labels(run) == ["Port", "Council", "Port"]
    assert "## Council\n" in run["summary"]["text"]


def test_groups_with_documents_that_could_not_be_read_say_so(client: httpx.Client) -> None:
    broken = [{"id": "x", "text": " ", "group": "Council"}, {"id": "y", "text": " ", "group": "Library"}]
    run = post(client, [*DOCUMENTS, *broken])
    assert run["status"] == "partial"
    assert [(group["name"], group["documents"], group["status"]) for group in run["groups"]] == [
        ("Port authority", ["a", "c"], "succeeded"),
        ("Council", ["b", "e", "x"], "partial"),
        ("Library", ["y"], "failed"),
    ]
    assert [group["summary"] is None for group in run["groups"]] == [False, False, True]


@pytest.mark.parametrize("group", ["Port authority", ""])
def test_a_batch_of_one_source_has_no_groups_beside_its_summary(group: str, client: httpx.Client) -> None:
    run = post(client, [document | {"group": group} for document in DOCUMENTS])
    assert run["groups"] == []
    assert labels(run) == [group] * len(DOCUMENTS)
    assert run["summary"]


def test_another_label_is_another_batch_to_an_idempotency_key(client: httpx.Client) -> None:
    def send(group: str) -> httpx.Response:
        document = {"text": ENGLISH, "group": group}
        return client.post("/v1/runs", json={"documents": [document]}, headers={"Idempotency-Key": key})

    key = str(uuid4())
    assert send("Port").json()["id"] == send("Port").json()["id"]
    assert send("Council").status_code == send(" Port ").status_code == send("").status_code == 422


# ---------------------------------------------------------------- as Markdown


def headings(run: Json) -> list[str]:
    lines = render_markdown(RunOut.model_validate(run)).splitlines()
    return [line.removeprefix("## ") for line in lines if line.startswith("## ")]


def test_markdown_has_each_group_before_the_documents(client: httpx.Client) -> None:
    run = post(client, DOCUMENTS, words=20)
    titles = [document["title"] for document in DOCUMENTS]
    assert headings(run) == ["Port authority (2 documents)", "Council (2 documents)", *titles]
    run["groups"][1] |= {"summary": None, "status": "failed"}
    assert "*No summary of these documents could be written.*" in render_markdown(RunOut.model_validate(run))


def test_a_report_in_markdown_keeps_its_headings_and_repeats_no_group(client: httpx.Client) -> None:
    run = post(client, DOCUMENTS, words=20, style="report")
    titles = [document["title"] for document in DOCUMENTS]
    assert headings(run) == ["Port authority", "Council", "Alone", "The most telling sentences", *titles]


def test_the_group_of_a_single_document_is_said_once(client: httpx.Client) -> None:
    documents = [DOCUMENTS[0], DOCUMENTS[1]]
    assert headings(post(client, documents, words=20)) == ["Harbour", "Tides"]
    alone = headings(post(client, documents, words=20, scope="batch"))
    assert alone == ["Port authority (1 document)", "Council (1 document)"]


def test_documents_whose_summaries_were_not_asked_for_are_named_where_they_could_not_be_read(
    client: httpx.Client,
) -> None:
    broken = {"id": "x", "title": "Broken", "text": " "}
    run = post(client, [*DOCUMENTS, broken], words=20, style="report", scope="batch")
    assert headings(run) == ["Port authority", "Council", "Alone", "The most telling sentences", "Broken"]
    assert "*Not summarised: " in render_markdown(RunOut.model_validate(run))


def test_a_hostile_label_is_text_in_markdown_and_html(client: httpx.Client) -> None:
    hostile = "## [x](http://evil.example) <script>alert(1)</script> ![y](z) \n\n# Conclusion"
    run = post(client, [document | {"group": hostile} for document in DOCUMENTS[:2]] + DOCUMENTS[2:], words=20)
    for style in ("paragraph", "report"):
        run["options"]["style"] = style
        html = render_html(RunOut.model_validate(run))
        assert "<script" not in html
        assert "<a " not in html
        assert "<img" not in html
        assert not re.search("<h1[^>]*>Conclusion", html)
    run = post(client, [document | {"group": hostile} for document in DOCUMENTS[:2]] + DOCUMENTS[2:], style="report")
    html = client.get(f"/v1/runs/{run['id']}/summary", headers={"Accept": "text/html"}).text
    assert html.count("<h1") == 1
    assert "<script" not in html
    assert "<a " not in html
    assert "<img" not in html
