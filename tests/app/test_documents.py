"""The documents of a run as its caller reads them."""

from typing import Any

import httpx

from tests.app import ENGLISH, KOREAN, PROBLEM, WAIT, write_pdf


def test_a_passage_is_what_a_citation_quotes(client: httpx.Client) -> None:
    pdf = write_pdf([ENGLISH.replace(". ", ".\n"), "The second page speaks of a lighthouse of 1911 and of its keeper."])
    files = [("files", ("..", pdf)), ("files", ("한글.txt", ("😀 " + KOREAN).encode()))]
    run = client.post("/v1/runs", files=files, headers=WAIT).json()
    assert [document["id"] for document in run["documents"]] == ["..", "한글.txt"]
    citations = [citation for sentence in run["summary"]["sentences"] for citation in sentence["citations"]]
    assert {citation["document"] for citation in citations} == {"..", "한글.txt"}
    for citation in citations:
        span = {name: citation[name] for name in ("document", "start", "end")}
        passage = client.get(f"/v1/runs/{run['id']}/text", params=span).json()
        assert passage["text"] == citation["quote"]
        assert (passage["start"], passage["end"]) == (citation["start"], citation["end"])
        assert [page["page"] for page in passage["pages"]][:1] == ([citation["page"]] if citation["page"] else [])


def test_a_passage_ends_where_the_text_ends(client: httpx.Client) -> None:
    id = client.post("/v1/runs", json={"documents": [{"id": "a", "text": ENGLISH}]}, headers=WAIT).json()["id"]

    def passage(**span: int) -> Any:
        return client.get(f"/v1/runs/{id}/text", params={"document": "a", **span}).json()

    assert passage()["text"] == ENGLISH
    assert passage(start=10, end=20)["text"] == ENGLISH[10:20]
    assert passage(start=len(ENGLISH) - 3, end=10**9) | {"text": ""} == {
        "document": "a",
        "title": "a",
        "characters": len(ENGLISH),
        "start": len(ENGLISH) - 3,
        "end": len(ENGLISH),
        "text": "",
        "pages": [],
    }
    assert passage(start=10**6)["text"] == ""
    assert passage(start=20, end=10)["text"] == ""
    assert client.get(f"/v1/runs/{id}/text", params={"document": "b"}).json()["type"] == PROBLEM + "document-not-found"
    assert client.get(f"/v1/runs/{id}/text").json()["type"] == PROBLEM + "invalid-fields"
