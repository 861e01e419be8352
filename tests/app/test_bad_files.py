"""Bad files: each ends in a problem of its own type, beside good ones it fails alone, and nothing is half-stored."""

import random
from typing import Any

import httpx
import pytest

from tests.app import ENGLISH, PROBLEM, write_encrypted_pdf, write_pdf, write_pdf_bomb
from tests.app.refusals import file_part, problem_of, upload, upload_raw

GOOD = ("good.txt", ENGLISH.encode())
PDF = write_pdf([ENGLISH.replace(". ", ".\n")] * 3)
NOISE = random.Random(1926)


@pytest.mark.usefixtures("nothing_is_stored")
@pytest.mark.parametrize(
    ("name", "data", "types"),
    [
        ("empty.txt", b"", ["empty-document"]),
        ("space.txt", b" \r\n\t ", ["empty-document"]),
        ("only-a-mark.txt", b"\xef\xbb\xbf", ["empty-document"]),
        ("wide-space.txt", " \n ".encode("utf-16"), ["empty-document"]),
        ("noise.bin", NOISE.randbytes(5_000), ["binary-document"]),
        ("noise.txt", NOISE.randbytes(5_000), ["binary-document"]),
        ("high.txt", bytes(NOISE.randrange(128, 256) for _ in range(5_000)), ["unknown-encoding", "binary-document"]),
        ("controls.txt", bytes(range(1, 32)) * 50, ["binary-document"]),
        ("nul.txt", b"abc\x00def hello world " * 10, ["binary-document"]),
        ("half.txt", b"\xff\xfea", ["unknown-encoding"]),
        ("program", b"\x7fELF\x02\x01\x01" + bytes(2_000), ["binary-document"]),
        ("letter.docx", b"PK\x03\x04" + NOISE.randbytes(500), ["unsupported-format"]),
        ("letter.txt", b"PK\x03\x04" + NOISE.randbytes(500), ["unsupported-format"]),
        ("letter.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + NOISE.randbytes(500), ["unsupported-format"]),
        ("scan.png", b"\x89PNG\r\n\x1a\n" + NOISE.randbytes(500), ["unsupported-format"]),
        ("empty.pdf", b"", ["empty-document"]),
        ("text.pdf", ENGLISH.encode(), ["broken-pdf"]),
        ("head.pdf", b"%PDF-1.7\n", ["broken-pdf"]),
        ("half.pdf", PDF[: len(PDF) // 2], ["broken-pdf"]),
        ("locked.pdf", write_encrypted_pdf(), ["encrypted-pdf"]),
        ("blank.pdf", write_pdf([""]), ["no-text-in-pdf"]),
        ("empty.html", b"<!doctype html><html><body></body></html>", ["broken-html", "empty-document"]),
        ("script.html", b"<html><script>alert(1)</script></html>", ["broken-html", "empty-document"]),
        ("deep.html", b"<html>" + b"<div>" * 200_000 + ENGLISH.encode(), ["broken-html", "parser-failed"]),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_reason(
    client: httpx.Client, name: str, data: bytes, types: list[str]
) -> None:
    response = upload(client, (name, data))
    assert response.json()["type"].removeprefix(PROBLEM) in types
    problem_of(response, 422, response.json()["type"].removeprefix(PROBLEM))


def test_files_that_cannot_be_read_fail_alone_and_the_others_go_on(client: httpx.Client) -> None:
    bad = {
        "half.pdf": PDF[: len(PDF) // 2],
        "text.pdf": ENGLISH.encode(),
        "locked.pdf": write_encrypted_pdf(),
        "noise.bin": NOISE.randbytes(2_000),
        "empty.txt": b"",
        "letter.docx": b"PK\x03\x04" + NOISE.randbytes(100),
    }
    run = upload(client, *bad.items(), GOOD, ("good.pdf", PDF)).json()
    shown = {document["id"]: document for document in run["documents"]}
    assert list(shown) == [*bad, "good.txt", "good.pdf"]
    assert run["status"] == "partial"
    assert "6 of the documents could not be read" in run["error"]["detail"]
    assert {
        id: document["error"] and document["error"]["type"].removeprefix(PROBLEM) for id, document in shown.items()
    } == {
        "half.pdf": "broken-pdf",
        "text.pdf": "broken-pdf",
        "locked.pdf": "encrypted-pdf",
        "noise.bin": "binary-document",
        "empty.txt": "empty-document",
        "letter.docx": "unsupported-format",
        "good.txt": None,
        "good.pdf": None,
    }
    assert shown["good.txt"]["summary"]["text"]
    assert shown["good.pdf"]["summary"]["text"]
    assert run["summary"]["text"]
    assert run["coverage"]["summarised"] == run["coverage"]["characters"]


def test_a_pdf_with_changed_bytes_is_read_or_fails_alone(client: httpx.Client) -> None:
    files = [GOOD]
    for number in range(20):
        changed = bytearray(PDF)
        for _ in range(1 + number * 3):
            changed[NOISE.randrange(len(changed))] = NOISE.randrange(256)
        files.append((f"{number}.pdf", bytes(changed)))
    run = upload(client, *files).json()
    good, *rest = run["documents"]
    assert run["status"] in ("succeeded", "partial")
    assert good["status"] == "succeeded"
    assert len(rest) == 20
    types = {document["error"]["type"].removeprefix(PROBLEM) for document in rest if document["status"] == "failed"}
    assert types <= {
        "broken-pdf",
        "encrypted-pdf",
        "no-text-in-pdf",
        "parser-failed",
        "unknown-encoding",
        "binary-document",
    }
    assert all(document["summary"] for document in rest if document["status"] == "succeeded")


def test_a_pdf_that_wants_all_of_the_memory_fails_alone_and_the_service_stays_well(client: httpx.Client) -> None:
    file = ("bomb.pdf", write_pdf_bomb())
    assert len(file[1]) < 10_000
    run = upload(client, file, ("good.pdf", PDF), GOOD).json()
    bomb, *rest = run["documents"]
    assert bomb["error"]["type"] == PROBLEM + "parser-failed"
    assert [document["status"] for document in rest] == ["succeeded"] * 2
    assert run["status"] == "partial"


@pytest.mark.parametrize(
    ("name", "id"),
    [
        (b"../../../etc/passwd", "passwd"),
        (b"..\\\\..\\\\windows\\\\win.ini", "win.ini"),
        (b"/absolute/a.txt", "a.txt"),
        (b"a\x01\x1b[31m\x7f.txt", "a[31m.txt"),
        (b"a\x00.txt", "a.txt"),
        ("\u202etxt.exe".encode(), "txt.exe"),
        (b"..", None),
        (b"", None),
        (b"dir/", None),
        (b"\xff\xfe.txt", None),
        (b"\xed\xa0\x80.txt", None),
        (b"<img src=x onerror=alert(1)>.txt", "<img src=x onerror=alert(1)>.txt"),
        ("보고서 최종.txt".encode(), "보고서 최종.txt"),
        (b"a" * 1_000 + b".txt", "a" * 200),
    ],
)
def test_a_hostile_file_name_is_only_a_name(client: httpx.Client, name: bytes, id: str | None) -> None:
    (document,) = upload_raw(client, file_part(name)).json()["documents"]
    assert document["status"] == "succeeded"
    assert document["id"]
    assert document["id"].isprintable()
    assert "/" not in document["id"]
    assert "\\" not in document["id"]
    assert id is None or document["id"] == id


def test_a_file_name_of_5000_characters_is_cut_or_refused(client: httpx.Client) -> None:
    response = upload_raw(client, file_part(b"a" * 5_000 + b".txt"))
    if response.status_code == 200:
        assert len(response.json()["documents"][0]["id"]) <= 200
    else:
        problem_of(response, 400, "invalid-body")


@pytest.mark.usefixtures("nothing_is_stored")
@pytest.mark.parametrize(
    ("options", "status", "type"),
    [
        ("{", 400, "invalid-body"),
        ("length=short", 400, "invalid-body"),
        (" " * 70_000, 400, "invalid-body"),
        ("[]", 422, "invalid-fields"),
        ("null", 422, "invalid-fields"),
        ('{"colour": "red"}', 422, "invalid-fields"),
        ('{"words": -5}', 422, "invalid-fields"),
        ('{"min_coverage": NaN}', 422, "invalid-fields"),
        ('{"model": "nobody:model"}', 422, "unknown-model"),
        (["{}", "{}"], 422, "invalid-fields"),
    ],
)
def test_wrong_multipart_options_are_refused(client: httpx.Client, options: Any, status: int, type: str) -> None:
    problem = problem_of(upload(client, GOOD, options=options), status, type)
    assert all(field["field"].startswith("options") for field in problem.get("fields", []))


@pytest.mark.usefixtures("nothing_is_stored")
def test_wrong_multipart_parts_are_refused(client: httpx.Client) -> None:
    options = b'Content-Disposition: form-data; name="options"\r\n\r\n{}'
    unknown = b'Content-Disposition: form-data; name="colour"\r\n\r\nred'
    field = b'Content-Disposition: form-data; name="files"\r\n\r\nno file name'
    options_file = b'Content-Disposition: form-data; name="options"; filename="o.json"\r\n\r\n{}'
    problem_of(upload_raw(client, options), 422, "empty-batch")
    assert "colour" in problem_of(upload_raw(client, file_part(b"a.txt"), unknown), 422, "invalid-fields")["detail"]
    problem_of(upload_raw(client, field), 422, "invalid-fields")
    problem_of(upload_raw(client, file_part(b"a.txt"), options_file), 422, "invalid-fields")
    problem_of(upload_raw(client, b"no head at all"), 400, "invalid-body")
    problem_of(upload_raw(client, file_part(b"a.txt"), boundary=""), 400, "invalid-body")
    problem_of(upload_raw(client, file_part(b"a.txt"), boundary="other"), 400, "invalid-body")


@pytest.mark.parametrize("charset", ["rot13", "undefined", "idna", "punycode", "utf-7", "zip", "nothing", '"'])
def test_an_odd_charset_of_a_multipart_body_is_no_fault_of_the_service(client: httpx.Client, charset: str) -> None:
    response = upload_raw(client, file_part("보고서.txt".encode()), boundary=f"x; charset={charset}")
    if response.status_code == 200:
        assert response.json()["documents"][0]["status"] == "succeeded"
    else:
        assert response.status_code in (400, 422)
        assert response.json()["type"] in (PROBLEM + "invalid-body", PROBLEM + "invalid-fields")


@pytest.mark.usefixtures("nothing_is_stored")
def test_a_multipart_body_that_breaks_off_is_refused_and_loses_no_file_silently(client: httpx.Client) -> None:
    second = b"--x\r\n" + file_part(b"second.txt", b"The second file begi")
    problem_of(upload_raw(client, file_part(b"first.txt"), end=second), 400, "invalid-body")
