"""The OpenAPI document is valid, complete and true."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.app import ENGLISH, KOREAN, WAIT

Json = dict[str, Any]

# Names that say all there is to say, in a schema that says whose they are.
OBVIOUS = {
    *("id", "title", "text", "language", "status", "name", "model", "document", "documents", "chunks", "runs", "start"),
    *("end", "words", "characters", "format", "metadata", "options", "progress", "phase", "usage", "coverage"),
    *("created_at", "started_at", "finished_at", "is_default", "gate", "summary", "error", "message", "seconds"),
    *("summarised", "failed", "failed_chunks", "in_flight", "prompt_tokens", "completion_tokens"),
}


@pytest.fixture
def document(client: httpx.Client) -> Json:
    response = client.get("/openapi.json")
    assert response.status_code == 200
    document: Json = response.json()
    return document


def operations(document: Json) -> Iterator[tuple[str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def validator(document: Json, schema: Json) -> OAS31Validator:
    """A validator of a schema that may refer to the document's components."""
    return OAS31Validator(schema | {"components": document["components"]})


def examples_of(schema: Any) -> Iterator[tuple[Json, Any]]:
    """Every schema within a schema that gives examples, with each of them."""
    if isinstance(schema, dict):
        for example in schema.get("examples", []) if isinstance(schema.get("examples"), list) else []:
            yield {name: value for name, value in schema.items() if name != "examples"}, example
        for value in schema.values():
            yield from examples_of(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from examples_of(value)


def test_the_document_is_valid_openapi(document: Json) -> None:
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


def test_every_operation_says_what_it_does(document: Json) -> None:
    found = dict(operations(document))
    assert len(found) >= 12
    for name, operation in found.items():
        assert operation.get("summary"), name
        assert len(operation.get("description", "")) > 20, name
        assert operation["tags"], name
    ids = [operation["operationId"] for operation in found.values()]
    assert len(ids) == len(set(ids))
    assert {"create_run", "get_run", "wait_for_run", "delete_run", "create_plan"} <= set(ids)  # a client's functions
    described = {tag["name"] for tag in document["tags"] if tag["description"]}
    assert {tag for operation in found.values() for tag in operation["tags"]} == described


def test_every_parameter_is_described(document: Json) -> None:
    bare = [
        f"{name}: {parameter['name']}"
        for name, operation in operations(document)
        for parameter in operation.get("parameters", [])
        if not parameter.get("description")
    ]
    assert bare == []


def test_every_field_is_described_or_named_obviously(document: Json) -> None:
    schemas = document["components"]["schemas"]
    bare = [
        f"{name}.{field}"
        for name, schema in schemas.items()
        for field, shown in schema.get("properties", {}).items()
        if not shown.get("description") and field not in OBVIOUS
    ]
    assert bare == []
    assert [name for name, schema in schemas.items() if not schema.get("description")] == []


def test_every_schema_is_used(document: Json) -> None:
    text = str(document)
    assert [name for name in document["components"]["schemas"] if f"#/components/schemas/{name}'" not in text] == []


def test_every_example_is_valid(document: Json) -> None:
    found = list(examples_of(document["components"]["schemas"]))
    assert len(found) >= 8
    for schema, example in found:
        assert list(validator(document, schema).iter_errors(example)) == [], example
    told = 0
    for _, operation in operations(document):
        for parameter in operation.get("parameters", []):
            for schema, example in examples_of(parameter["schema"]):
                validator(document, schema).validate(example)
        for response in operation["responses"].values():
            for content in response.get("content", {}).values():
                for example in content.get("examples", {}).values():
                    validator(document, content["schema"]).validate(example["value"])
                    told += 1
    assert told > 20


def test_a_generated_client_reads_what_comes_unasked(document: Json, client: httpx.Client) -> None:
    """It takes the first form of an answer that it knows, and asks for none."""
    path = "/v1/runs/{run_id}/summary"
    first = next(iter(document["paths"][path]["get"]["responses"]["200"]["content"]))
    id = client.post("/v1/runs", json={"documents": [{"text": ENGLISH}]}, headers=WAIT).json()["id"]
    assert client.get(path.replace("{run_id}", id)).headers["Content-Type"].startswith(first)


def test_a_generated_client_may_leave_out_what_is_not_required(document: Json) -> None:
    """It sends nothing for a body that is left out only where that is no `null`, and knows what may be left out of an
    operation whose body has two forms only where there is something.
    """
    for name, operation in operations(document):
        body = operation.get("requestBody", {"content": {}})
        for content in body["content"].values():
            assert "anyOf" not in content["schema"], name
        optional = [parameter for parameter in operation.get("parameters", []) if not parameter["required"]]
        assert len(body["content"]) < 2 or (body["required"] and optional), name


def test_the_example_is_accepted_as_it_is(client: httpx.Client, document: Json) -> None:
    (example,) = document["components"]["schemas"]["BatchIn"]["examples"]
    for path in ("/v1/runs", "/v1/plans"):
        content = document["paths"][path]["post"]["requestBody"]["content"]
        assert content["application/json"]["schema"] == {"$ref": "#/components/schemas/BatchIn"}
    run = client.post("/v1/runs", json=example, headers=WAIT)
    assert run.status_code == 200
    assert run.json()["status"] == "succeeded"
    assert run.json()["summary"]["text"]
    assert client.post("/v1/plans", json=example).status_code == 200


def test_the_multipart_example_is_accepted_as_it_is(client: httpx.Client, document: Json) -> None:
    content = document["paths"]["/v1/runs"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert set(content["schema"]["properties"]) == {"files", "options"}
    (options,) = content["schema"]["properties"]["options"]["examples"]
    files = [("files", ("a.txt", ENGLISH.encode()))]
    response = client.post("/v1/runs", files=files, data={"options": options}, headers=WAIT)
    assert response.status_code == 200
    assert response.json()["options"]["length"] == "short"


def test_every_event_of_a_stream_is_as_its_schema_says(client: httpx.Client, document: Json) -> None:
    content = document["paths"]["/v1/runs/{run_id}/stream"]["get"]["responses"]["200"]["content"]
    schema = content["text/event-stream"]["schema"]
    assert schema["contentMediaType"] == "text/event-stream"
    kinds = {kind["properties"]["event"]["const"]: kind for kind in schema["contentSchema"]["items"]["oneOf"]}
    assert set(kinds) == {"queued", "planned", "progress", "document", "draft", "finished", "goodbye"}
    body = {"documents": [{"text": ENGLISH}, {"text": KOREAN}], "options": {"strategy": "map_reduce"}}
    id = client.post("/v1/runs", json=body, headers=WAIT).json()["id"]
    seen = set()
    for block in client.get(f"/v1/runs/{id}/stream").text.strip().split("\n\n")[1:]:
        event = dict(line.partition(": ")[::2] for line in block.splitlines())
        validator(document, schema["contentSchema"]["items"]).validate(event)
        data = kinds[event["event"]]["properties"]["data"]["contentSchema"]
        validator(document, data).validate(json.loads(event["data"]))
        seen.add(event["event"])
    assert seen == set(kinds) - {"goodbye", "draft"}  # the embedded model has its summary at once


def test_every_error_is_a_problem_with_an_example_of_each_kind(document: Json) -> None:
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            if int(status) < 400:
                continue
            assert set(response["content"]) == {"application/problem+json"}, name
            content = response["content"]["application/problem+json"]
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
            assert content["examples"], name
            for example in content["examples"].values():
                assert example["value"]["status"] == int(status)
                assert f"`{example['value']['type']}`" in response["description"]


def test_every_operation_names_its_success_and_its_problems(document: Json) -> None:
    for name, operation in operations(document):
        statuses = set(operation["responses"])
        assert statuses & {"200", "202", "204"}, name
        if "{run_id}" in name:
            assert "404" in statuses, name
        if any(parameter["in"] == "query" for parameter in operation.get("parameters", [])):
            assert "422" in statuses, name
        if "requestBody" in operation:
            assert {"400", "413", "415", "422"} <= statuses, name


def test_the_answers_are_as_their_schemas_say(client: httpx.Client, document: Json) -> None:
    body = {"documents": [{"text": ENGLISH, "metadata": {"year": 2026}}, {"text": " "}]}
    id = client.post("/v1/runs", json=body, headers=WAIT).json()["id"]
    reads = ["/v1/runs", "/v1/runs/{run_id}", "/v1/runs/{run_id}/wait", "/v1/runs/{run_id}/chunks", "/v1/models"]
    reads += ["/healthz", "/readyz"]
    answers = [(path, "get", client.get(path.replace("{run_id}", id))) for path in reads]
    passage = client.get(f"/v1/runs/{id}/text", params={"document": "1", "end": 40})
    answers += [("/v1/runs/{run_id}/text", "get", passage)]
    answers += [("/v1/plans", "post", client.post("/v1/plans", json=body))]
    for path, method, response in answers:
        assert response.status_code == 200, path
        schema = document["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"]
        assert list(validator(document, schema).iter_errors(response.json())) == [], path
    problem = client.get("/v1/runs/nobody")
    validator(document, {"$ref": "#/components/schemas/Problem"}).validate(problem.json())
