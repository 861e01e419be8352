"""Accepting a batch: JSON and multipart, and what the run says of its documents."""

import json
import re
import time
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.app import ENGLISH, KOREAN, WAIT, chapters, write_pdf
from tests.model_server import ModelServer

Json = dict[str, Any]

LINES = ENGLISH.replace(". ", ".\n")  # each sentence on a line of its own


def run_of(response: httpx.Response) -> Json:
    """The run, which has ended."""
    assert response.status_code == 200, response.text
    run: Json = response.json()
    return run


def post(client: httpx.Client, *documents: Json, **options: Any) -> Json:
    return run_of(client.post("/v1/runs", json={"documents": documents, "options": options}, headers=WAIT))


def upload(client: httpx.Client, *files: tuple[str, bytes], **options: Any) -> Json:
    parts = [("files", (name, data)) for name, data in files]
    return run_of(client.post("/v1/runs", files=parts, data={"options": json.dumps(options)}, headers=WAIT))


def test_a_json_batch_is_accepted_at_once_and_its_location_is_the_run(
    client: httpx.Client, model_server: ModelServer
) -> None:
    model_server.hold()
    body = {"documents": [{"text": chapters(1, f"Pohang {uuid4()}")}], "options": {"model": "openai:fake"}}
    response = client.post("/v1/runs", json=body)
    run = response.json()
    assert response.status_code == 202
    assert run["status"] in ("queued", "running")
    assert run["summary"] is None
    assert run["finished_at"] is None
    assert response.headers["Location"] == f"/v1/runs/{run['id']}"
    assert client.get(response.headers["Location"]).json()["id"] == run["id"]
    model_server.release()
    ended = client.get(f"/v1/runs/{run['id']}/wait").json()
    assert ended["status"] == "succeeded"
    assert ended["summary"]["text"]


def test_run_ids_are_uuids_that_sort_by_time(client: httpx.Client) -> None:
    ids = []
    for _ in range(3):
        ids.append(post(client, {"text": ENGLISH})["id"])
        time.sleep(0.002)  # the ids have the resolution of a millisecond
    assert ids == sorted(ids)
    assert [UUID(id).version for id in ids] == [7, 7, 7]


def test_a_caller_who_prefers_to_wait_gets_the_finished_run(client: httpx.Client) -> None:
    response = client.post("/v1/runs", json={"documents": [{"text": ENGLISH}]}, headers={"Prefer": "wait=30"})
    run = run_of(response)
    assert run["status"] == "succeeded"
    assert run["created_at"] <= run["started_at"] <= run["finished_at"]
    assert run["finished_at"].endswith("Z")
    assert response.headers["Location"] == f"/v1/runs/{run['id']}"


def test_a_wait_that_is_too_short_ends_with_202_and_the_run_goes_on(
    client: httpx.Client, model_server: ModelServer
) -> None:
    model_server.hold()
    body = {"documents": [{"text": chapters(1, f"Ulsan {uuid4()}")}], "options": {"model": "openai:fake"}}
    started = time.monotonic()
    response = client.post("/v1/runs", json=body, headers={"Prefer": "respond-async, wait=1"})
    assert response.status_code == 202
    assert time.monotonic() - started > 0.9
    model_server.release()
    assert client.get(f"{response.headers['Location']}/wait").json()["status"] == "succeeded"


@pytest.mark.parametrize("prefer", ["wait=soon", "wait=", "return=minimal", f"wait={'9' * 400}", "wait=0"])
def test_a_preference_that_is_not_understood_or_extreme_is_no_error(client: httpx.Client, prefer: str) -> None:
    response = client.post("/v1/runs", json={"documents": [{"text": ENGLISH}]}, headers={"Prefer": prefer})
    assert response.status_code in (200, 202)


def test_ids_titles_and_metadata_come_back_and_the_order_is_the_callers(client: httpx.Client) -> None:
    metadata = {"year": 2026, "tags": ["a", None, {"deep": [1.5, True]}], "한글": "값", "": "\U0001f6a2"}
    documents: list[Json] = [
        {"id": "z", "title": "  The\n harbour ", "text": ENGLISH, "metadata": metadata},
        {"id": "항구/1 ?#", "text": KOREAN},
        {"text": ENGLISH + " The third is the last."},
    ]
    shown = post(client, *documents)["documents"]
    assert [document["id"] for document in shown] == ["z", "항구/1 ?#", "3"]
    assert [document["title"] for document in shown] == ["The harbour", "항구/1 ?#", "3"]
    assert [document["metadata"] for document in shown] == [metadata, {}, {}]
    assert [document["format"] for document in shown] == ["text"] * 3
    assert [document["characters"] for document in shown] == [len(document["text"]) for document in documents]
    assert [document["language"] for document in shown] == ["en", "ko", "en"]
    assert {document["status"] for document in shown} == {"succeeded"}


def test_citations_quote_the_source_word_for_word(client: httpx.Client) -> None:
    texts = {"en": "\U0001f6a2 " + ENGLISH, "ko": KOREAN}  # a character outside the BMP: offsets count code points
    run = post(client, *[{"id": id, "text": text} for id, text in texts.items()])
    summaries = [run["summary"], *[document["summary"] for document in run["documents"]]]
    citations = [citation for summary in summaries for part in summary["sentences"] for citation in part["citations"]]
    assert {citation["document"] for citation in citations} == {"en", "ko"}
    for citation in citations:
        assert citation["quote"] == texts[citation["document"]][citation["start"] : citation["end"]]
        assert citation["page"] is None
    assert all(part["citations"] for summary in summaries for part in summary["sentences"])


def test_uploaded_files_are_read_by_their_format(client: httpx.Client) -> None:
    page = f"<html><head><title>The port</title></head><body><nav>Menu</nav><p>{ENGLISH}</p></body></html>"
    run = upload(
        client,
        ("plain.txt", ENGLISH.encode()),
        ("notes.md", f"# Harbour\n\n{ENGLISH}".encode()),
        ("page.html", page.encode()),
        ("report.pdf", write_pdf([LINES], title="Häfen & more")),
        ("항구 보고서.txt", KOREAN.encode()),
    )
    shown = [(document["id"], document["title"], document["format"]) for document in run["documents"]]
    assert shown == [
        ("plain.txt", "plain.txt", "text"),
        ("notes.md", "notes.md", "markdown"),
        ("page.html", "The port", "html"),
        ("report.pdf", "Häfen & more", "pdf"),
        ("항구 보고서.txt", "항구 보고서.txt", "text"),
    ]
    assert run["status"] == "succeeded"
    assert all(document["summary"]["text"] for document in run["documents"])
    assert run["warnings"] == []


def test_a_citation_of_a_pdf_names_the_page_on_which_it_starts(client: httpx.Client) -> None:
    keepers = ["Ansan", "Busan", "Incheon", "Mokpo", "Pohang"]
    pages = [
        "\n".join(f"The keeper of {keeper} wrote down {ships} ships before the storm began." for ships in (7, 12, 31))
        for keeper in keepers
    ]
    (document,) = upload(client, ("report.pdf", write_pdf(pages)), words=400)["documents"]
    citations = [citation for part in document["summary"]["sentences"] for citation in part["citations"]]
    named = {citation["page"] for citation in citations}
    assert len(named) >= 2
    for citation in citations:
        assert f"The keeper of {keepers[citation['page'] - 1]} " in citation["quote"]


def test_multipart_options_are_the_json_options(client: httpx.Client) -> None:
    run = upload(client, ("a.txt", ENGLISH.encode()), length="short", scope="document", min_coverage=0.5)
    asked = {"length": "short", "scope": "document", "min_coverage": 0.5}
    assert run["options"].items() >= asked.items()
    assert run["options"]["model"] == "embedded:extractive"


def test_a_batch_without_options_takes_the_defaults_and_says_which(client: httpx.Client) -> None:
    response = client.post("/v1/runs", files=[("files", ("a.txt", ENGLISH.encode()))], headers=WAIT)
    options = run_of(response)["options"]
    assert options == post(client, {"text": ENGLISH})["options"]
    assert options.items() >= {"model": "embedded:extractive", "strategy": "auto", "scope": "both"}.items()
    assert options.items() >= {"language": "auto", "length": "medium", "min_coverage": 0.9}.items()


def test_the_scope_chooses_which_summaries_are_written(client: httpx.Client) -> None:
    documents: list[Json] = [{"text": ENGLISH}, {"text": KOREAN}]
    written = {}
    for scope in ("document", "batch", "both"):
        run = post(client, *documents, scope=scope)
        written[scope] = (bool(run["summary"]), [bool(document["summary"]) for document in run["documents"]])
    assert written == {"document": (False, [True] * 2), "batch": (True, [False] * 2), "both": (True, [True] * 2)}


def test_the_length_is_what_was_asked_for(client: httpx.Client) -> None:
    text = chapters(20, "Busan")
    short = post(client, {"text": text}, length="short")["summary"]
    long = post(client, {"text": text}, length="long")["summary"]
    exact = post(client, {"text": text}, words=120)["summary"]
    assert 40 <= short["words"] <= 100
    assert 350 <= long["words"] <= 600
    assert 80 <= exact["words"] <= 140


def test_a_focus_leaves_out_what_has_nothing_to_do_with_it(client: httpx.Client) -> None:
    text = f"{ENGLISH} The town hall keeps a famous collection of violins. Its oldest violin was made in Cremona."
    sentences = post(client, {"text": text}, focus="violins", words=20)["summary"]["sentences"]
    assert any("violin" in part["text"] for part in sentences)
    assert not any("ferry" in part["text"] for part in sentences)


def test_map_reduce_reads_by_chunks_what_one_call_could_hold(client: httpx.Client) -> None:
    text = chapters(2, "Mokpo")
    (whole,) = post(client, {"text": text})["documents"]
    (parts,) = post(client, {"text": text}, strategy="map_reduce")["documents"]
    assert whole["chunks"] == 1
    assert parts["chunks"] > 1
    assert parts["summary"]["text"]


def test_the_same_batch_gives_the_same_summary(client: httpx.Client) -> None:
    documents: list[Json] = [{"text": chapters(4, "Yeosu")}, {"text": KOREAN}]
    first, second = post(client, *documents), post(client, *documents)
    assert first["summary"] == second["summary"]
    assert first["documents"] == second["documents"]
    assert second["usage"]["calls"] == 0
    assert second["usage"]["remembered"] == first["usage"]["calls"] + first["usage"]["remembered"]


def test_a_language_model_is_asked_and_its_tokens_are_counted(client: httpx.Client, model_server: ModelServer) -> None:
    run = post(client, {"text": f"{ENGLISH} {uuid4()} is its number."}, model="openai:fake")
    assert run["status"] == "succeeded"
    assert run["options"]["model"] == "openai:fake"
    assert model_server.stats()["calls"] == run["usage"]["calls"] == 1
    assert run["usage"]["prompt_tokens"] > 50
    assert run["usage"]["completion_tokens"] > 5
    (call,) = model_server.calls()
    assert call["model"] == "fake"
    asked = "".join(str(message["content"]) for message in call["messages"])
    assert re.sub(r"\[\d+\] ", "", asked).count(ENGLISH) == 1


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8-sig", KOREAN),
        ("utf-16", ENGLISH),
        ("utf-16", KOREAN),
        ("utf-16-le", ENGLISH),
        ("utf-16-be", ENGLISH),
        ("utf-16-le", KOREAN),
        ("utf-16-be", KOREAN),
        ("utf-32", KOREAN),
        ("euc-kr", KOREAN),
        ("cp949", "똠방각하와 펲시콜라 이야기다. " + KOREAN),
        ("shift-jis", "安山の港は一九二三年に船に開かれた。最初の年には四十隻の船が入った。"),
        ("cp1252", "Der Hafen wurde im Jahr 1923 eröffnet. Später zerstörte ein Sturm die äußere Mole völlig."),
    ],
)
def test_a_text_file_of_another_encoding_is_read_right(client: httpx.Client, encoding: str, text: str) -> None:
    run = upload(client, ("old.txt", text.encode(encoding)))
    (document,) = run["documents"]
    assert document["characters"] == len(text)
    citations = [citation for part in document["summary"]["sentences"] for citation in part["citations"]]
    assert citations
    assert all(citation["quote"] == text[citation["start"] : citation["end"]] for citation in citations)
    assert bool(run["warnings"]) == (encoding != "utf-8-sig")


def test_line_ends_are_counted_as_one_character(client: httpx.Client) -> None:
    (document,) = upload(client, ("dos.txt", LINES.replace("\n", "\r\n").encode()))["documents"]
    assert document["characters"] == len(LINES)


def test_files_of_the_same_name_are_kept_apart(client: httpx.Client) -> None:
    shown = upload(client, ("a.txt", ENGLISH.encode()), ("b/a.txt", KOREAN.encode()), ("c\\a.txt", b"Third. It is."))
    assert [document["id"] for document in shown["documents"]] == ["a.txt", "a.txt (2)", "a.txt (3)"]
    assert [document["language"] for document in shown["documents"]][:2] == ["en", "ko"]


def test_hundreds_of_documents_are_one_batch(client: httpx.Client) -> None:
    documents: list[Json] = [{"text": f"Ship {number} came in at noon. It left at night."} for number in range(300)]
    run = post(client, *documents)
    assert run["status"] == "succeeded"
    assert len(run["documents"]) == 300
    assert [document["id"] for document in run["documents"]] == [str(number) for number in range(1, 301)]
    assert run["coverage"]["summarised"] == run["coverage"]["characters"] > 0
