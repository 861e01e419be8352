"""Bad input: each kind ends in a problem of its own type, nothing is half-stored, and the service stays well."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.errors import BinaryDocument, InvalidText
from app.ingest.encoding import CONTROL_SHARE, decode
from app.ingest.reader import ENCODED_CHARACTERS, check_text
from tests.app import ENGLISH, KOREAN, PROBLEM, WAIT
from tests.app.refusals import JSON, file_part, post, problem_of, upload, upload_raw
from tests.model_server import ModelServer
from tests.service import Service

LIMIT_BYTES = 8_000_000  # of the service that these tests share


# ---------------------------------------------------------------- JSON bodies


@pytest.mark.usefixtures("nothing_is_stored")
@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        '{"documents": [{"text": "a"',
        "harbour",
        b'{"documents": [{"text": "\xff\xfe"}]}',
        '{"documents": []} {}',
        b"\x00",
        pytest.param(json.dumps({"documents": [{"text": "a"}]}).encode("utf-16"), id="UTF-16"),
        pytest.param('{"documents": [{"text": "a \\ud800 b"}]}', id="lone surrogate in a text"),
        pytest.param('{"documents": [{"text": "a", "title": "\\udc00"}]}', id="lone surrogate in a title"),
        pytest.param('{"documents": [{"text": "a", "metadata": {"\\ud800": 1}}]}', id="lone surrogate in metadata"),
        pytest.param("[" * 100_000 + "]" * 100_000, id="deep body"),
        pytest.param(
            f'{{"documents": [{{"text": "a", "metadata": {{"a": {"[" * 50_000}{"]" * 50_000}}}}}]}}', id="deep metadata"
        ),
        pytest.param(f'{{"documents": [{{"text": "a", "metadata": {{"a": {"9" * 10_000}}}}}]}}', id="endless number"),
    ],
)
def test_a_body_that_is_not_json_is_an_invalid_body(client: httpx.Client, body: str | bytes) -> None:
    problem_of(post(client, body), 400, "invalid-body")


@pytest.mark.usefixtures("nothing_is_stored")
@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ("null", [""]),
        ("[]", [""]),
        ({}, ["documents"]),
        ({"documents": None}, ["documents"]),
        ({"documents": {"text": "a"}}, ["documents"]),
        ({"documents": ["a"]}, ["documents.0"]),
        ({"documents": [{}]}, ["documents.0.text"]),
        ({"documents": [{"text": 5}]}, ["documents.0.text"]),
        ({"documents": [{"text": None}]}, ["documents.0.text"]),
        ({"documents": [{"text": "a", "id": 5}]}, ["documents.0.id"]),
        ({"documents": [{"text": "a", "id": ""}]}, ["documents.0.id"]),
        ({"documents": [{"text": "a", "id": "a\nb"}]}, ["documents.0.id"]),
        ({"documents": [{"text": "a", "id": "a\x00"}]}, ["documents.0.id"]),
        ({"documents": [{"text": "a", "id": "a" * 201}]}, ["documents.0.id"]),
        ({"documents": [{"text": "a", "title": "a" * 501}]}, ["documents.0.title"]),
        ({"documents": [{"text": "a", "metadata": [1]}]}, ["documents.0.metadata"]),
        ({"documents": [{"text": "a", "body": "b"}], "run": 1}, ["documents.0.body", "run"]),
        ({"documents": [{"text": "a"}], "options": {"colour": "red"}}, ["options.colour"]),
        ({"documents": [{"text": "a"}], "options": []}, ["options"]),
        ({"documents": [{"text": "a"}], "options": {"length": "tiny"}}, ["options.length"]),
        ({"documents": [{"text": "a"}], "options": {"strategy": "guess"}}, ["options.strategy"]),
        ({"documents": [{"text": "a"}], "options": {"language": "../en"}}, ["options.language"]),
        ({"documents": [{"text": "a"}], "options": {"words": -1}}, ["options.words"]),
        ({"documents": [{"text": "a"}], "options": {"words": 10**9}}, ["options.words"]),
        ({"documents": [{"text": "a"}], "options": {"words": 50.5}}, ["options.words"]),
        ('{"documents": [{"text": "a"}], "options": {"words": NaN}}', ["options.words"]),
        ('{"documents": [{"text": "a"}], "options": {"words": 1e999}}', ["options.words"]),
        (f'{{"documents": [{{"text": "a"}}], "options": {{"words": {"9" * 4000}}}}}', ["options.words"]),
        ({"documents": [{"text": "a"}], "options": {"min_coverage": -0.1}}, ["options.min_coverage"]),
        ({"documents": [{"text": "a"}], "options": {"min_coverage": 2}}, ["options.min_coverage"]),
        ('{"documents": [{"text": "a"}], "options": {"min_coverage": NaN}}', ["options.min_coverage"]),
        ('{"documents": [{"text": "a"}], "options": {"min_coverage": -Infinity}}', ["options.min_coverage"]),
        ({"documents": [{"text": "a"}], "options": {"focus": "a" * 2001}}, ["options.focus"]),
        ({"documents": [{"text": "a"}], "options": {"model": 4}}, ["options.model"]),
    ],
)
def test_wrong_and_unknown_fields_are_named_one_by_one(client: httpx.Client, body: Any, fields: list[str]) -> None:
    problem = problem_of(post(client, body), 422, "invalid-fields")
    assert [field["field"] for field in problem["fields"]] == fields
    assert all(field["message"] for field in problem["fields"])
    assert len(json.dumps(problem)) < 2_000  # what was sent is not sent back


@pytest.mark.usefixtures("nothing_is_stored")
def test_a_thousand_wrong_fields_do_not_make_a_long_problem(client: httpx.Client) -> None:
    problem = problem_of(post(client, {"documents": [{"text": 1}] * 1000}), 422, "invalid-fields")
    assert 1 <= len(problem["fields"]) <= 100


@pytest.mark.usefixtures("nothing_is_stored")
def test_an_empty_batch_is_refused(client: httpx.Client) -> None:
    problem_of(post(client, {"documents": []}), 422, "empty-batch")


@pytest.mark.usefixtures("nothing_is_stored")
@pytest.mark.parametrize("text", ["", " \n\t\r\n ", "\u3000\u00a0\u2003", "\ufeff", "\u200b\u2060", "\u00ad"])
def test_a_document_without_a_visible_character_is_empty(client: httpx.Client, text: str) -> None:
    problem_of(post(client, {"documents": [{"text": text}]}), 422, "empty-document")


@pytest.mark.usefixtures("nothing_is_stored")
def test_a_document_with_a_nul_is_no_text(client: httpx.Client) -> None:
    problem = problem_of(post(client, {"documents": [{"text": "a\x00b"}]}), 422, "invalid-text")
    assert "1" in problem["detail"]


def test_half_a_surrogate_pair_is_named_wherever_it_stands() -> None:
    for place in (0, ENCODED_CHARACTERS - 1, ENCODED_CHARACTERS, 2 * ENCODED_CHARACTERS + 17):
        with pytest.raises(InvalidText, match=f"at character {place}[.]"):
            check_text(f"{'가' * place}\ud800 rest")
    whole = "가" * (ENCODED_CHARACTERS - 1) + "\N{FISHING POLE AND FISH}" * 3  # pairs in UTF-16, which end there or not
    assert check_text(whole) is whole


@pytest.mark.parametrize("control", ["\x01", "\x1b", "\x7f"])
def test_a_few_control_characters_of_a_file_are_left_out_and_many_are_no_text(control: str) -> None:
    words = "harbour 항구 " * 100
    assert decode(f"{words}{control}{words}".encode()) == (words + words, "utf-8")
    with pytest.raises(BinaryDocument):
        decode((words + control * int(2 * CONTROL_SHARE * len(words))).encode())


def test_an_empty_document_beside_a_good_one_fails_alone(client: httpx.Client) -> None:
    documents = [{"id": "empty", "text": " \n"}, {"id": "good", "text": ENGLISH}, {"id": "nul", "text": "a\x00"}]
    run = post(client, {"documents": documents}).json()
    empty, good, nul = run["documents"]
    assert run["status"] == "partial"
    assert run["error"]["type"] == PROBLEM + "incomplete"
    assert "2 of the documents could not be read" in run["error"]["detail"]
    assert [document["status"] for document in run["documents"]] == ["failed", "succeeded", "failed"]
    assert empty["error"]["type"] == PROBLEM + "empty-document"
    assert nul["error"]["type"] == PROBLEM + "invalid-text"
    assert empty["summary"] is None
    assert good["summary"]["text"]
    assert run["summary"]["text"]


@pytest.mark.usefixtures("nothing_is_stored")
def test_documents_of_which_none_can_be_read_are_refused_with_the_reason_of_each(client: httpx.Client) -> None:
    body = {"documents": [{"id": "a", "text": " "}, {"id": "b", "text": "\x00"}]}
    problem = problem_of(post(client, body), 422, "unreadable-documents")
    reasons = {document["id"]: document["type"] for document in problem["documents"]}
    assert reasons == {"a": PROBLEM + "empty-document", "b": PROBLEM + "invalid-text"}


@pytest.mark.parametrize("text", ["...", "\U0001f6a2", "-", "a", "12345", "\x01\x02", "\u0301", "\u202e" + ENGLISH])
def test_an_odd_text_ends_in_a_summary_or_in_a_typed_problem(client: httpx.Client, text: str) -> None:
    response = post(client, {"documents": [{"text": text}]})
    if response.status_code == 200:
        run = response.json()
        assert run["status"] == "succeeded" or run["error"]["type"] != PROBLEM + "internal-error"
        assert run["status"] != "succeeded" or run["summary"]["text"]
    else:
        assert response.status_code == 422
        assert response.json()["type"] in (PROBLEM + "empty-document", PROBLEM + "invalid-text")


@pytest.mark.usefixtures("nothing_is_stored")
@pytest.mark.parametrize("model", ["gpt", "nobody:model", "embedded:other", "openai:", ":", "embedded:extractive "])
def test_an_unknown_model_is_refused_and_the_known_ones_are_named(client: httpx.Client, model: str) -> None:
    body = {"documents": [{"text": ENGLISH}], "options": {"model": model}}
    problem = problem_of(post(client, body), 422, "unknown-model")
    assert problem["models"] == ["embedded:extractive", "openai:*"]


@pytest.mark.usefixtures("nothing_is_stored")
def test_two_documents_of_one_id_are_refused(client: httpx.Client) -> None:
    twice = {"documents": [{"id": "a", "text": ENGLISH}, {"id": "b", "text": KOREAN}, {"id": "a", "text": KOREAN}]}
    assert problem_of(post(client, twice), 422, "duplicate-document-id")["ids"] == ["a"]
    place = {"documents": [{"id": "2", "text": ENGLISH}, {"text": KOREAN}]}  # the second's id is its place
    assert problem_of(post(client, place), 422, "duplicate-document-id")["ids"] == ["2"]


@pytest.mark.usefixtures("nothing_is_stored")
def test_a_batch_of_too_many_documents_is_refused(client: httpx.Client) -> None:
    problem = problem_of(post(client, {"documents": [{"text": "a"}] * 10_001}), 422, "too-many-documents")
    assert "10,001" in problem["detail"]
    parts = [file_part(b"%d.txt" % number, b"a") for number in range(10_002)]
    problem_of(upload_raw(client, *parts), 422, "too-many-documents")


@pytest.mark.usefixtures("nothing_is_stored")
@pytest.mark.parametrize("path", ["/v1/runs", "/v1/plans"])
def test_a_body_over_the_limit_is_refused_before_it_is_read(client: httpx.Client, path: str) -> None:
    body = b'{"documents": [{"text": "' + b"a" * LIMIT_BYTES + b'"}]}'
    problem_of(client.post(path, content=body, headers=JSON), 413, "body-too-large")


@pytest.mark.usefixtures("nothing_is_stored")
@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x"])
def test_a_body_of_unknown_length_is_refused_when_it_passes_the_limit(client: httpx.Client, kind: str) -> None:
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        yield b"--x\r\n" + file_part(b"a.txt", b"") if kind.startswith("multipart") else b'{"documents": [{"text": "'
        while sent < 20 * LIMIT_BYTES:
            sent += 100_000
            yield b"a" * 100_000

    response = client.post("/v1/runs", content=body(), headers={"Content-Type": kind})
    problem_of(response, 413, "body-too-large")
    assert sent >= LIMIT_BYTES


def test_a_body_just_under_the_limit_is_read(client: httpx.Client) -> None:
    body = json.dumps({"documents": [{"text": ENGLISH, "metadata": {"a": "b" * (LIMIT_BYTES // 2)}}]})
    assert post(client, body.ljust(LIMIT_BYTES)).json()["status"] == "succeeded"
    problem_of(post(client, body.ljust(LIMIT_BYTES + 1)), 413, "body-too-large")


@pytest.mark.usefixtures("nothing_is_stored")
@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "", "json", "*/*"]
)
def test_another_content_type_is_unsupported(client: httpx.Client, kind: str) -> None:
    body = json.dumps({"documents": [{"text": ENGLISH}]})
    response = client.post("/v1/runs", content=body, headers={"Content-Type": kind})
    problem_of(response, 415, "unsupported-media-type")


def test_a_title_and_metadata_with_control_characters_do_no_harm(client: httpx.Client) -> None:
    document = {"text": ENGLISH, "title": "a\x00b\x1b[31mc\x07", "metadata": {"a\x00": "\x00", "\x1b": ["\x00"]}}
    response = post(client, {"documents": [document]})
    if response.status_code == 422:
        problem_of(response, 422, "invalid-fields")
        return
    (shown,) = response.json()["documents"]
    assert shown["title"].isprintable()
    assert shown["metadata"] == document["metadata"]


def test_metadata_with_numbers_beyond_json_comes_back_as_json(client: httpx.Client) -> None:
    body = '{"documents": [{"text": "%s", "metadata": {"a": NaN, "b": -Infinity, "c": 1e999, "d": %s}}]}'
    response = post(client, body % (ENGLISH, "9" * 4000))
    if response.status_code in (400, 422):
        assert response.json()["type"] in (PROBLEM + "invalid-body", PROBLEM + "invalid-fields")
        return

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    shown = json.loads(response.text, parse_constant=refuse)
    assert shown["documents"][0]["metadata"]["d"] == int("9" * 4000)
    again = client.get(f"/v1/runs/{shown['id']}")
    assert json.loads(again.text, parse_constant=refuse)["documents"] == shown["documents"]


@pytest.mark.parametrize("depth", [50, 150, 190])
def test_nested_metadata_comes_back_or_is_refused(client: httpx.Client, depth: int) -> None:
    nested = "[" * depth + "]" * depth
    response = post(client, f'{{"documents": [{{"text": "{ENGLISH}", "metadata": {{"a": {nested}}}}}]}}')
    if response.status_code == 400:
        problem_of(response, 400, "invalid-body")
    else:
        assert response.json()["documents"][0]["metadata"] == {"a": json.loads(nested)}


# ---------------------------------------------------------------- paths, methods, queries


@pytest.mark.usefixtures("nothing_is_stored")
@pytest.mark.parametrize(
    ("method", "path", "status", "type"),
    [
        ("GET", "/nothing", 404, "page-not-found"),
        ("POST", "/v1/nothing", 404, "page-not-found"),
        ("GET", "/v1/runs/x/y/z", 404, "page-not-found"),
        ("GET", "/v1/runs/nobody", 404, "run-not-found"),
        ("GET", "/v1/runs/%00", 404, "run-not-found"),
        ("GET", "/v1/runs/%F0%9F%9A%A2", 404, "run-not-found"),
        ("GET", f"/v1/runs/{'x' * 5_000}", 404, "run-not-found"),
        ("GET", "/v1/runs/nobody/wait", 404, "run-not-found"),
        ("GET", "/v1/runs/nobody/chunks", 404, "run-not-found"),
        ("GET", "/v1/runs/nobody/summary", 404, "run-not-found"),
        ("GET", "/v1/runs/nobody/stream", 404, "run-not-found"),
        ("POST", "/v1/runs/nobody/cancel", 404, "run-not-found"),
        ("DELETE", "/v1/runs/nobody", 404, "run-not-found"),
        ("GET", "/v1/runs?limit=0", 422, "invalid-fields"),
        ("GET", "/v1/runs?limit=-1", 422, "invalid-fields"),
        ("GET", "/v1/runs?limit=501", 422, "invalid-fields"),
        ("GET", "/v1/runs?limit=many", 422, "invalid-fields"),
        ("GET", f"/v1/runs?limit={'9' * 5000}", 422, "invalid-fields"),
        ("GET", "/v1/runs?status=done", 422, "invalid-fields"),
        ("GET", f"/v1/runs?before={'a' * 101}", 422, "invalid-fields"),
    ],
)
def test_a_wrong_address_or_query_is_a_problem(
    client: httpx.Client, method: str, path: str, status: int, type: str
) -> None:
    problem_of(client.request(method, path), status, type)


@pytest.mark.parametrize("seconds", ["-1", "nan", "inf", "soon", "1e9"])
def test_a_wait_of_a_wrong_length_is_refused(client: httpx.Client, seconds: str) -> None:
    run = post(client, {"documents": [{"text": ENGLISH}]}).json()
    response = client.get(f"/v1/runs/{run['id']}/wait", params={"seconds": seconds})
    assert problem_of(response, 422, "invalid-fields")["fields"][0]["field"] == "seconds"


@pytest.mark.usefixtures("nothing_is_stored")
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/runs", {"GET", "POST"}),
        ("DELETE", "/v1/runs", {"GET", "POST"}),
        ("POST", "/v1/runs/x", {"GET", "DELETE"}),
        ("GET", "/v1/runs/x/cancel", {"POST"}),
        ("GET", "/v1/plans", {"POST"}),
        ("POST", "/healthz", {"GET"}),
        ("BREW", "/healthz", {"GET"}),
    ],
)
def test_a_wrong_method_is_refused_and_the_right_ones_are_named(
    client: httpx.Client, method: str, path: str, allowed: set[str]
) -> None:
    response = client.request(method, path)
    problem_of(response, 405, "method-not-allowed")
    assert set(response.headers["Allow"].replace(" ", "").split(",")) - {"HEAD"} == allowed


# ---------------------------------------------------------------- a service without memory


def test_a_service_whose_memory_is_full_refuses_new_runs_and_answers_everything_else(tmp_path: Path) -> None:
    with Service(tmp_path / "data") as service, service.client() as client:
        id = client.post("/v1/runs", json={"documents": [{"text": ENGLISH}]}, headers=WAIT).json()["id"]
    with Service(tmp_path / "data", memory_bytes=64 * 1024 * 1024) as service, service.client() as client:
        body = {"documents": [{"text": ENGLISH}]}
        for refused in (client.post("/v1/runs", json=body), upload(client, ("a.txt", ENGLISH.encode()))):
            assert int(refused.headers["Retry-After"]) > 0
            assert refused.headers["Content-Type"] == "application/problem+json"
            problem_of(refused, 503, "memory-short")
        assert client.get(f"/v1/runs/{id}").json()["status"] == "succeeded"
        assert [run["id"] for run in client.get("/v1/runs").json()["runs"]] == [id]
        for path in ("/v1/models", "/healthz", f"/v1/runs/{id}/summary", f"/v1/runs/{id}/chunks"):
            assert client.get(path).status_code == 200
        assert client.delete(f"/v1/runs/{id}").status_code == 204


def test_a_run_that_was_accepted_before_the_memory_was_full_comes_to_its_end(
    tmp_path: Path, model_server: ModelServer
) -> None:
    settings = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": model_server.base_url, "model": "openai:fake"}
    model_server.hold()
    with Service(tmp_path / "data", chunk_tokens=200, **settings) as service, service.client() as client:
        text = " ".join(f"In week {week} the keeper counted {week * 3} ships in the harbour." for week in range(90))
        body = {"documents": [{"text": text}], "options": {"strategy": "map_reduce"}}
        id = client.post("/v1/runs", json=body).json()["id"]
        model_server.wait_for(lambda counts: counts["in_flight"] > 1)
        service.kill()
    model_server.reset()
    model_server.wait_for(lambda counts: counts["in_flight"] == 0)
    model_server.reset()  # its peak was the first service's
    with (
        Service(tmp_path / "data", chunk_tokens=200, memory_bytes=64 * 1024 * 1024, **settings) as service,
        service.client() as client,
    ):
        assert client.get(f"/v1/runs/{id}/wait", params={"seconds": 50}).json()["status"] == "succeeded"
    assert model_server.stats()["peak"] == 1
