"""Runs: accept, look at, wait for, cancel, try again, delete."""

import asyncio
import logging
import re
import sqlite3
import time
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response

from app.api.acceptance import accept
from app.api.batch import REQUEST_BODY, BatchDep
from app.api.dependencies import Accepting, ExistingRun, JsonOnly, RunId, ServicesDep
from app.api.footnotes import Citations
from app.api.problems import problems
from app.api.rendering import render_html, render_markdown
from app.api.schemas import ChunkPage, RetryIn, RunOut, RunPage
from app.api.showing import chunk_out, run_head, show_run
from app.bootstrap import Services
from app.errors import (
    BodyTooLarge,
    DuplicateDocumentId,
    EmptyBatch,
    EmptyDocument,
    IdempotencyKeyReused,
    InvalidBody,
    InvalidFields,
    MemoryShort,
    NothingToRetry,
    PrecisError,
    QueueFull,
    RunIsActive,
    RunNotFinished,
    RunNotFound,
    ShuttingDown,
    StorageUnavailable,
    TooManyDocuments,
    UnknownModel,
    UnreadableDocuments,
    UnsupportedMediaType,
)
from app.store import events, queue, runs
from app.store.models import Status
from app.work.executor import forget_checkpoints
from app.work.notifier import wait

router = APIRouter(prefix="/v1/runs", tags=["runs"])
logger = logging.getLogger(__name__)

LONGEST_WAIT_SECONDS = 3_600.0
BATCH_PROBLEMS: tuple[type[PrecisError], ...] = (
    InvalidBody,
    BodyTooLarge,
    UnsupportedMediaType,
    InvalidFields,
    EmptyBatch,
    TooManyDocuments,
    DuplicateDocumentId,
    EmptyDocument,
    UnreadableDocuments,
    UnknownModel,
)

_QUALITY = re.compile(r"\bq\s*=\s*([01](?:\.\d+)?)")
_PREFERS_WAIT = re.compile(r"\bwait\s*=\s*(\d+)")


@router.post(
    "",
    status_code=202,
    summary="Summarise a batch",
    response_description="Stored, and done even if this service is killed now. `Location` is the run's address.",
    dependencies=[Accepting],
    openapi_extra={"requestBody": REQUEST_BODY},
    responses={
        200: {"model": RunOut, "description": "With `Prefer: wait=N`: the run has ended."},
        **problems(*BATCH_PROBLEMS, IdempotencyKeyReused, QueueFull, ShuttingDown, MemoryShort, StorageUnavailable),
    },
)
async def create_run(
    batch: BatchDep,
    services: ServicesDep,
    request: Request,
    response: Response,
    prefer: Annotated[
        str | None,
        Header(description="`wait=N`: answer when the run has ended, or after N seconds.", examples=["wait=10"]),
    ] = None,
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=255,
            description="A name of your own for this request, such as a UUID. Sent again with the same batch, within "
            "24 hours, it gives the run that the first one made (and `Idempotency-Replayed: true`); with another batch "
            "it is refused.",
            examples=["6f1c2a52-0b0e-4c1c-9d53-0d0f6c1d9a11"],
        ),
    ] = None,
) -> RunOut:
    """Accept a batch of documents, as JSON or as uploaded files, and summarise each document and the whole.

    The answer comes at once; watch the run at `/v1/runs/{id}/stream`, wait for it at `/v1/runs/{id}/wait`, or look at
    it again. It goes on when you leave. A document that cannot be read fails alone and carries its problem; the request
    is refused when none can be read.
    """
    run, is_new = await accept(batch, services, idempotency_key)
    if not is_new:
        response.headers["Idempotency-Replayed"] = "true"
    response.headers["Location"] = f"/v1/runs/{run.id}"
    seconds = _PREFERS_WAIT.search(prefer or "")
    if seconds:
        await _wait_for_end(run.id, services, min(float(seconds[1]), LONGEST_WAIT_SECONDS), request)
    shown = await show_run(services.database, run.id)
    if shown.status.is_final:
        response.status_code = 200
    return shown


@router.get("", summary="List runs", responses=problems(InvalidFields))
async def list_runs(
    services: ServicesDep,
    before: Annotated[str | None, Query(max_length=100, description="The `next` of the page before.")] = None,
    status: Annotated[Status | None, Query(description="Only runs of this status.")] = None,
    search: Annotated[
        str | None,
        Query(max_length=200, description="Only runs with a document whose title holds this.", examples=["harbour"]),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="The most runs of one page.")] = 50,
) -> RunPage:
    """Return runs, newest first, without their documents and summaries."""
    async with services.database.read() as session:
        found = await runs.page(session, "", before=before, status=status, search=search, limit=limit)
        titles = await runs.first_titles(session, [run.id for run in found])
    return RunPage(
        runs=[run_head(run, titles.get(run.id, "")) for run in found],
        next=found[-1].id if len(found) == limit else None,
    )


@router.get("/{run_id}", summary="Look at a run", responses=problems(RunNotFound))
async def get_run(run_id: RunId, services: ServicesDep) -> RunOut:
    """Return a run with its progress, and its summaries as far as they are written."""
    return await show_run(services.database, run_id)


@router.get("/{run_id}/wait", summary="Wait for a run's end", responses=problems(RunNotFound, InvalidFields))
async def wait_for_run(
    run: ExistingRun,
    services: ServicesDep,
    request: Request,
    seconds: Annotated[
        float, Query(ge=0, le=LONGEST_WAIT_SECONDS, description="Answer after so long in any case.")
    ] = 60.0,
) -> RunOut:
    """Return the run when it has ended, or as it is when the time is over: look at `status`."""
    await _wait_for_end(run.id, services, seconds, request)
    return await show_run(services.database, run.id)


@router.post("/{run_id}/cancel", summary="Cancel a run", responses=problems(RunNotFound, StorageUnavailable))
async def cancel_run(run: ExistingRun, services: ServicesDep) -> RunOut:
    """Stop a run, and answer when it has stopped. Finished chunks stay readable; a run that has ended is returned as it
    is.
    """
    async with services.database.begin() as session:
        status = await runs.request_cancel(session, run.id)
    services.notifier.notify(run.id, has_ended=status.is_final)
    services.worker.wake()
    if not status.is_final:
        await _wait_for_end(run.id, services, LONGEST_WAIT_SECONDS)
    return await show_run(services.database, run.id)


@router.post(
    "/{run_id}/retry",
    status_code=202,
    summary="Try a run again",
    response_description="Queued again, durably.",
    dependencies=[Accepting, JsonOnly],
    responses=problems(
        InvalidBody,
        BodyTooLarge,
        UnsupportedMediaType,
        InvalidFields,
        RunNotFound,
        RunIsActive,
        NothingToRetry,
        QueueFull,
        ShuttingDown,
        MemoryShort,
        StorageUnavailable,
    ),
)
async def retry_run(
    run: ExistingRun, services: ServicesDep, response: Response, changes: RetryIn | None = None
) -> RunOut:
    """Queue a failed, partial or cancelled run again. It pays only for what is missing: finished model calls are
    remembered. Documents that could not be read stay failed.

    Until there is something newer, what it had stays readable. Its stream goes on behind the events that were: the
    earlier `finished` is now called `ended`, then come `retried`, each step anew, and `finished` as the last one. A run
    that a newer version of the service plans otherwise is told anew behind a `retried` as well, without a try by you.
    """
    if not run.status.is_final:
        raise RunIsActive
    settings = services.settings
    budget = changes.budget.model_dump() if changes and changes.budget else None
    async with services.database.begin() as session:
        await queue.admit(session, run.text_bytes, most_runs=settings.queue_runs, most_bytes=settings.queue_bytes)
        await runs.retry(session, run.id, budget=budget)
        # Before anyone can take it: the next try would find that its graph has ended. Not if it goes on already.
        await forget_checkpoints(run.id, services.resources)
    services.worker.wake()
    response.headers["Location"] = f"/v1/runs/{run.id}"
    return await show_run(services.database, run.id)


@router.delete(
    "/{run_id}",
    status_code=204,
    summary="Delete a run",
    responses=problems(RunNotFound, RunIsActive, StorageUnavailable),
)
async def delete_run(run: ExistingRun, services: ServicesDep) -> None:
    """Delete a run that has ended, with its documents, summaries, events, and the model calls that no other run
    uses.
    """
    async with services.database.begin() as session:
        await runs.remove(session, run.id)
    services.worker.housekeeping.soon()  # it finds the checkpoints, too, if they cannot be deleted now
    try:
        await forget_checkpoints(run.id, services.resources)
    except sqlite3.Error as error:
        logger.info("the checkpoints of run %s are deleted later: %s", run.id, error)


@router.get(
    "/{run_id}/chunks", summary="See every chunk's partial summary", responses=problems(RunNotFound, InvalidFields)
)
async def list_chunks(
    run: ExistingRun,
    services: ServicesDep,
    document: Annotated[
        str | None, Query(max_length=300, description="Only chunks of the document of this id.", examples=["harbour"])
    ] = None,
    part: Annotated[
        int | None, Query(ge=0, lt=2**31, description="Only the chunk of this place in its document.", examples=[0])
    ] = None,
) -> ChunkPage:
    """Return the chunks that have been read so far, each with its span and its partial summary."""
    async with services.database.read() as session:
        found = await events.partials(session, run.id, "map", document=document, part=part)
    return ChunkPage(chunks=[chunk_out(event, text) for event, text in found])


class Form(StrEnum):
    """What the summaries are handed out as."""

    MARKDOWN = "text/markdown"
    HTML = "text/html"
    JSON = "application/json"
    WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


SUMMARY_FORMS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The summaries.",
        "content": {
            Form.MARKDOWN.value: {"schema": {"type": "string"}},  # first, as it is what comes unasked
            Form.HTML.value: {"schema": {"type": "string"}},
            Form.JSON.value: {"schema": {"$ref": "#/components/schemas/RunOut"}},
            Form.WORD.value: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


class MarkdownResponse(Response):
    """Markdown."""

    media_type = Form.MARKDOWN


@router.get(
    "/{run_id}/summary",
    summary="Read the summaries",
    response_class=MarkdownResponse,
    responses={**SUMMARY_FORMS, **problems(RunNotFound, RunNotFinished, InvalidFields)},
)
async def get_summary(
    run: ExistingRun,
    services: ServicesDep,
    request: Request,
    citations: Annotated[
        Citations,
        Query(
            description="`footnotes`: numbers behind the sentences, and at the end of the text a list of the "
            "passages that they stand for, each with title, page and up to 200 characters. Numbers in brackets "
            "that the text has of its own get round brackets. JSON has all citations in any case."
        ),
    ] = "none",
) -> Response:
    """Return the batch's summary and each document's, as `Accept` asks: Markdown (also by default), HTML, a Word
    document, or JSON like the run itself.
    """
    shown = await show_run(services.database, run.id)
    if not run.status.is_final or not (shown.summary or any(document.summary for document in shown.documents)):
        raise RunNotFinished("It ended without one." if run.status.is_final else "")
    match _wanted_form(request.headers.get("accept", "")):
        case Form.JSON:
            return Response(shown.model_dump_json(), media_type=Form.JSON)
        case Form.HTML:
            # A summary may hold what a hostile document put there: no script, no picture, no link to elsewhere is let
            # through.
            return Response(
                render_html(shown, citations),
                media_type=Form.HTML,
                headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"},
            )
        case Form.WORD:
            return Response(
                await asyncio.to_thread(_word_document, shown, citations),
                media_type=Form.WORD,
                headers={"Content-Disposition": 'attachment; filename="summary.docx"'},
            )
    return MarkdownResponse(render_markdown(shown, citations))


def _word_document(run: RunOut, citations: Citations) -> bytes:
    """Return the summaries as a Word document. Blocks."""
    from app.api.docx import render_docx  # 7 MB of memory, and few ask for it

    return render_docx(run, citations)


def _wanted_form(accept: str) -> Form:
    """Return the form that an Accept header likes best; of equals, the first."""
    wanted: dict[str, float] = {}
    for part in accept.split(","):
        form, _, parameters = part.partition(";")
        quality = _QUALITY.search(parameters)
        wanted[form.strip().lower()] = float(quality[1]) if quality else 1.0
    known = [Form(form) for form in wanted if form in tuple(Form)]
    return max(known, key=lambda form: wanted[form], default=Form.MARKDOWN)


async def _wait_for_end(run_id: str, services: Services, seconds: float, request: Request | None = None) -> None:
    """Return when the run has ended, or after `seconds`, or when the service stops or the client has left."""
    until = time.monotonic() + seconds
    while True:
        waiter = services.notifier.waiter(run_id, of_end=True)
        has_ended = await runs.has_ended(services.database, run_id)
        left = until - time.monotonic()
        if has_ended or left <= 0 or services.stopping.is_set():
            return
        await wait(waiter, min(left, 1.0))
        if request is not None and await request.is_disconnected():
            return
