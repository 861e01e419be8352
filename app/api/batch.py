"""Read a batch from a request: JSON, or multipart with files."""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from io import BytesIO
from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import ValidationError
from pydantic_core import from_json
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.types import Message

from app.api.dependencies import ServicesDep
from app.api.problems import fields_problem
from app.api.schemas import EXAMPLE_BATCH, EXAMPLE_REPORT, BatchIn, DocumentIn
from app.api.titles import one_line
from app.bootstrap import Services
from app.errors import (
    DocumentError,
    DuplicateDocumentId,
    EmptyBatch,
    InvalidBody,
    InvalidFields,
    PrecisError,
    TooManyDocuments,
    UnknownModel,
    UnreadableDocuments,
    UnsupportedMediaType,
)
from app.ingest.reader import ReadText, check_text
from graphs.facets import OFFLINE_FACETS
from graphs.models import EMBEDDED
from graphs.summarize import Options

OPTIONS_BYTES = 64 * 1024  # of the multipart field `options`
LONGEST_GROUP = 200  # characters of a label that is made of folders
FILES_AT_ONCE = 4  # that are in memory as bytes beside their texts, and take the processors
TAIL_BYTES = 256  # of a body, enough for its closing boundary


@dataclass(slots=True)
class BatchDocument:
    """A document of a batch: its text, or why it has none."""

    id: str
    title: str
    metadata: dict[str, Any] = field(default_factory=dict)
    group: str = ""
    sent: str = ""  # a hash of what the caller sent, before anything was made of it
    read: ReadText | None = None
    error: DocumentError | None = None


@dataclass(slots=True)
class Batch:
    """A batch that may be run."""

    documents: list[BatchDocument]
    options: Options
    warnings: list[str]
    wished: Options  # as the caller sent them


async def read_batch(request: Request, services: ServicesDep) -> Batch:
    """Read a batch; one document that cannot be read does not take the others along.

    Raises `InvalidRequest`, or the document's own error when it is the only one.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        documents, options = await _from_json(request, services)
    elif kind == "multipart/form-data":
        documents, options = await _from_multipart(request, services)
    else:
        raise UnsupportedMediaType
    return batch_of(documents, options, services)


def batch_of(documents: list[BatchDocument], options: Options, services: Services) -> Batch:
    """Return the batch if it may be run. Raises `InvalidRequest`, or the document's own error when it is the only
    one.
    """
    _check(documents)
    chosen = _with_model(options, services)
    return Batch(documents, chosen, [*_warnings(documents), *_option_warnings(chosen)], wished=options)


BatchDep = Annotated[Batch, Depends(read_batch)]


async def _from_json(request: Request, services: Services) -> tuple[list[BatchDocument], Options]:
    body = BytesIO()  # `request.body()` would hold it twice for a moment, and then as long as the request
    async for part in request.stream():
        body.write(part)
    batch = await asyncio.to_thread(_parse, body)
    _count(len(batch.documents), services)
    return await asyncio.to_thread(_from_body, batch.documents), batch.options


def _parse(body: BytesIO) -> BatchIn:
    """Read a batch, and close the body behind it."""
    try:
        with body:
            data = from_json(body.getvalue())  # `model_validate_json` would take one copy of all texts more
    except ValueError as error:
        raise InvalidBody(f"Invalid JSON: {error}") from None
    try:
        return BatchIn.model_validate(data)
    except ValidationError as error:
        raise fields_problem(error.errors()) from None


def _from_body(documents: Sequence[DocumentIn]) -> list[BatchDocument]:
    ids = [document.id or str(number) for number, document in enumerate(documents, 1)]
    if repeated := [id for id, times in Counter(ids).items() if times > 1]:
        raise DuplicateDocumentId(f"{repeated[0]!r} is there more than once.", ids=repeated[:100])
    return [_given(id, document) for id, document in zip(ids, documents, strict=True)]


def _given(id: str, document: DocumentIn) -> BatchDocument:
    title = one_line(document.title or "") or one_line(id)
    head = document.model_dump(mode="json", exclude={"text"}, exclude_unset=True)
    sent = _hash(head, document.text.encode("utf-8", "surrogatepass"))
    found = BatchDocument(id, title, document.metadata, one_line(document.group or ""), sent)
    try:
        found.read = ReadText(check_text(document.text), "text")
    except DocumentError as error:
        found.error = error
    return found


async def _from_multipart(request: Request, services: Services) -> tuple[list[BatchDocument], Options]:
    limit = services.settings.max_documents
    tail = b""

    async def watched() -> Message:
        nonlocal tail
        message = await request.receive()
        tail = (tail + message.get("body", b""))[-TAIL_BYTES:]
        return message

    try:
        form = await Request(request.scope, watched).form(
            max_files=limit + 1, max_fields=100, max_part_size=OPTIONS_BYTES
        )
    except (LookupError, UnicodeError) as error:  # a charset that Python does not know, or that the names are not in
        raise InvalidBody(str(error)) from None
    except HTTPException as error:
        if "Too many files" in str(error.detail):
            raise TooManyDocuments(f"At most {limit:,} are accepted.") from None
        raise InvalidBody(str(error.detail)) from None
    async with AsyncExitStack() as stack:
        stack.push_async_callback(form.close)
        if not tail.rstrip().endswith(b"--"):  # the parser takes a body that breaks off for a shorter one
            raise InvalidBody("The multipart body breaks off before its closing boundary.")
        options = _options(form)
        files = [file for file in form.getlist("files") if isinstance(file, UploadFile)]
        unknown = sorted(set(form) - {"files", "options"})
        if unknown or len(files) != len(form.getlist("files")):
            detail = (
                f"Unknown parts: {', '.join(unknown)}." if unknown else "Each part `files` must be a file with a name."
            )
            raise InvalidFields(f"{detail} Send parts `files`, repeated, and one part `options` with JSON.")
        _count(len(files), services)
        names = _unique([_file_name(file) for file in files])
        turns = asyncio.Semaphore(FILES_AT_ONCE)
        return await asyncio.gather(
            *[_from_file(name, file, services, turns) for name, file in zip(names, files, strict=True)]
        ), options


async def _from_file(name: str, file: UploadFile, services: Services, turns: asyncio.Semaphore) -> BatchDocument:
    found = BatchDocument(name, name, group=_folder(file))
    try:
        async with turns:
            data = await file.read()
            await file.close()  # what was uploaded need not stay in memory beside what was read
            found.sent = await asyncio.to_thread(_hash, file.filename, data)
            found.read = await services.reader.read(name, data)
    except DocumentError as error:
        found.error = error
    else:
        found.title = one_line(found.read.title)[:500] or name
    return found


def _hash(head: Any, content: bytes) -> str:
    """Return a hash of a document as it was sent: a gigabyte a second."""
    digest = hashlib.sha256(json.dumps(head, sort_keys=True).encode())
    digest.update(content)
    return digest.hexdigest()


def _options(form: FormData) -> Options:
    given = form.getlist("options")
    if len(given) > 1 or any(isinstance(value, UploadFile) for value in given):
        raise InvalidFields("Send `options` once, as a plain part with JSON.")
    try:
        return Options.model_validate_json(str(given[0])) if given and given[0] else Options()
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":
            raise InvalidBody(f"The part `options` is not JSON: {error.errors()[0]['msg']}") from None
        raise fields_problem(error.errors(), prefix=("options",)) from None


def _with_model(options: Options, services: Services) -> Options:
    """Return the options with the model that the run will use. Raises `UnknownModel`."""
    name = options.model or services.settings.default_model
    try:
        services.settings.check_model(name)
    except ValueError as error:
        raise UnknownModel(str(error), models=services.settings.allowed_models) from None
    return options.model_copy(update={"model": name})


def _count(documents: int, services: Services) -> None:
    if not documents:
        raise EmptyBatch
    if documents > services.settings.max_documents:
        raise TooManyDocuments(f"It holds {documents:,}; at most {services.settings.max_documents:,} are accepted.")


def _check(documents: Sequence[BatchDocument]) -> None:
    """Raise when not one document can be read: there is nothing to run."""
    errors = [(document, document.error) for document in documents if document.error]
    if len(errors) < len(documents):
        return
    if len(documents) == 1:
        raise errors[0][1]
    shown = [_named(document, error) for document, error in errors[:100]]
    raise UnreadableDocuments(f"All {len(documents):,} failed.", documents=shown)


def _named(document: BatchDocument, error: PrecisError) -> dict[str, Any]:
    return {"id": document.id} | error.problem()


def _warnings(documents: Iterable[BatchDocument]) -> list[str]:
    return [
        f"{document.id}: read as {document.read.encoding}."
        for document in documents
        if document.read and not document.read.encoding.startswith("utf-8")
    ]


def _option_warnings(options: Options) -> list[str]:
    warnings = []
    if options.model == EMBEDDED and options.language != "auto":
        warnings.append(
            f"{EMBEDDED} quotes its sources: each summary is in its source's language, not in {options.language}."
        )
    lacking = [facet for facet in options.all_facets if facet not in OFFLINE_FACETS]
    if options.model == EMBEDDED and lacking:
        warnings.append(f"{EMBEDDED} cannot give every facet; a language model is needed for: {', '.join(lacking)}.")
    if options.categories and "categories" not in options.facets:
        warnings.append("The categories have no use: the facet `categories` was not asked for.")
    return warnings


def _file_name(file: UploadFile) -> str:
    """Return the bare name of an upload: no folders, no control characters."""
    name = (file.filename or "").replace("\\", "/").rsplit("/", 1)[-1]
    return one_line(name)[:200] or "unnamed"


def _folder(file: UploadFile) -> str:
    """Return the folders of an upload's name as one label; empty where it has none."""
    *folders, _ = (file.filename or "").replace("\\", "/").split("/")
    return one_line("/".join(folder for folder in folders if folder.strip() not in ("", ".", "..")))[
        :LONGEST_GROUP
    ].strip()


def _unique(names: Sequence[str]) -> list[str]:
    """Number the files that have the name of another: they may come from different folders."""
    taken: set[str] = set()
    unique: list[str] = []
    for name in names:
        number, free = 1, name
        while free in taken:
            number += 1
            free = f"{name} ({number})"
        taken.add(free)
        unique.append(free)
    return unique


# What the docs page says of the body: FastAPI reads it from a signature, but this body has two forms.
REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"$ref": "#/components/schemas/BatchIn"},
            "examples": {
                "documents": {"summary": "Two documents", "value": EXAMPLE_BATCH},
                "groups": {"summary": "A report over two groups of documents", "value": EXAMPLE_REPORT},
            },
        },
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["files"],
                "properties": {
                    "files": {
                        "type": "array",
                        "items": {"type": "string", "format": "binary"},
                        "description": "The documents: .txt, .md, .html and .pdf, in any encoding. "
                        "The part's file name is the document's id; folders before it, as in `agency/a.pdf`, are its "
                        "group.",
                    },
                    "options": {
                        "type": "string",
                        "description": "The options, as JSON.",
                        "contentMediaType": "application/json",
                        "contentSchema": {"$ref": "#/components/schemas/Options"},
                        "examples": [json.dumps({"length": "short"})],
                    },
                },
            },
        },
    },
}
