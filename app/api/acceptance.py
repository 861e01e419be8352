"""Accepts batches: each becomes a queued run, and a request that is sent again the run that it has made before."""

import asyncio
import hashlib
import json
from collections.abc import Collection
from typing import Any

from app.api.batch import Batch, BatchDocument
from app.bootstrap import Services
from app.errors import IdempotencyKeyReused
from app.store import queue, runs
from app.store.models import Run, Status, new_id, now

FORM = "2:"  # of fingerprints, which begin with it


async def accept(batch: Batch, services: Services, request_key: str | None = None) -> tuple[Run, bool]:
    """Store a batch as a queued run and wake the worker; return the run, which survives a crash, and whether it is new.

    It is not when a request with the same key and the same batch has made it before. Raises `IdempotencyKeyReused` and
    `QueueFull`.
    """
    settings = services.settings
    run = Run(
        id=new_id(),
        owner="",
        status=Status.QUEUED,
        options=batch.options.model_dump(),
        warnings=batch.warnings,
        created_at=now(),
        attempt=0,
        progress={},
        usage={},
        documents=len(batch.documents),
        text_bytes=await asyncio.to_thread(_size, batch),
        request_key=request_key,
        request_digest=fingerprint(batch) if request_key is not None else None,
    )
    rows = [_row(document) for document in batch.documents]
    texts = [document.read.text if document.read else "" for document in batch.documents]
    async with services.database.begin() as session:
        if request_key is not None:
            earlier = await runs.of_request(session, run.owner, request_key)
            if earlier is not None:
                if not await _has_made(batch, earlier):
                    raise IdempotencyKeyReused
                return earlier, False
        await queue.admit(session, run.text_bytes, most_runs=settings.queue_runs, most_bytes=settings.queue_bytes)
        await runs.create(session, run, rows, texts)
    services.worker.wake()
    return run, True


def fingerprint(batch: Batch) -> str:
    """Return a hash of all that a caller asks for, however the body was written.

    It holds what was sent and nothing that this version makes of it, such as its defaults or the text that it reads
    from a file: a request that is sent again to a later version is the same request.
    """
    options = batch.wished.model_dump(mode="json", exclude_unset=True)
    sent = json.dumps([options, [document.sent for document in batch.documents]], sort_keys=True)
    return FORM + hashlib.sha256(sent.encode()).hexdigest()


async def _has_made(batch: Batch, run: Run) -> bool:
    """Tell whether a run is what a request with this batch has made."""
    if run.request_digest is None or run.request_digest.startswith(FORM):
        return run.request_digest == fingerprint(batch)
    # An earlier version has noted it, which knew no other options than the run has. Such a key counts for a day.
    if batch.options.model_dump(exclude=set(run.options), exclude_defaults=True):
        return False
    return run.request_digest == await asyncio.to_thread(_first_form, batch, run.options)


def _first_form(batch: Batch, options: Collection[str]) -> str:
    """Return the fingerprint that an earlier version, which knew these options, would have given a batch."""
    digest = hashlib.sha256(batch.options.model_dump_json(include=set(options)).encode())
    for document in batch.documents:
        text = document.read.text if document.read else str(document.error)
        group = [document.group] if document.group else []
        head = json.dumps([document.id, document.title, document.metadata, len(text), *group], sort_keys=True)
        digest.update(head.encode())
        digest.update(text.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _size(batch: Batch) -> int:
    """Return how many bytes the texts of a batch have in UTF-8."""
    texts = [document.read.text for document in batch.documents if document.read]
    return sum(len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass")) for text in texts)


def _row(document: BatchDocument) -> dict[str, Any]:
    read = document.read
    return {
        "id": document.id,
        "title": document.title,
        "group": document.group,
        "details": document.metadata,
        "format": read.format if read else "text",
        "characters": len(read.text) if read else 0,
        "status": Status.QUEUED if read else Status.FAILED,
        "error": document.error.problem() if document.error else None,
        "pages": list(read.pages) if read else [],
    }
