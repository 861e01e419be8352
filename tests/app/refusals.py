"""Bad requests as they are sent, and the problem that each must end in."""

import json
from typing import Any

import httpx

from tests.app import ENGLISH, PROBLEM, WAIT

Json = dict[str, Any]

JSON = {"Content-Type": "application/json"}


def problem_of(response: httpx.Response, status: int, type: str) -> Json:
    """The problem, if it is one of this type."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    problem: Json = response.json()
    assert problem["type"] == PROBLEM + type
    assert problem["status"] == status
    assert problem["title"].endswith((".", "?"))
    return problem


def post(client: httpx.Client, body: Any, **headers: str) -> httpx.Response:
    """Send a body; `bytes` and `str` as they are."""
    content = body if isinstance(body, bytes | str) else json.dumps(body)
    return client.post("/v1/runs", content=content, headers=JSON | WAIT | headers)


def upload(client: httpx.Client, *files: tuple[str, bytes], options: Any = None) -> httpx.Response:
    data = None if options is None else {"options": options}
    return client.post("/v1/runs", files=[("files", file) for file in files], data=data, headers=WAIT)


def upload_raw(client: httpx.Client, *parts: bytes, end: bytes = b"--x--\r\n", boundary: str = "x") -> httpx.Response:
    """Send multipart parts, each with its own head, byte for byte."""
    body = b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + end
    headers = WAIT | {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    return client.post("/v1/runs", content=body, headers=headers)


def file_part(name: bytes, data: bytes = ENGLISH.encode()) -> bytes:
    return b'Content-Disposition: form-data; name="files"; filename="' + name + b'"\r\n\r\n' + data
