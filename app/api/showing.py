"""From rows to the bodies that the API shows.

A later version of the service, over the same data, may have written more than this one knows: that is left out.
"""

from typing import Any

from pydantic import TypeAdapter, ValidationError

from app.api.facets import Facets
from app.api.schemas import (
    ChunkOut,
    CoverageOut,
    DocumentOut,
    GroupOut,
    Problem,
    ProgressOut,
    RunHead,
    RunOut,
    SummaryOut,
    UsageOut,
)
from app.store import runs
from app.store.database import Database
from app.store.models import DocumentRow, EventRow, Run, Status
from app.store.runs import Brief
from graphs.summarize import NO_USAGE, Options

_FACETS = TypeAdapter(Facets)


async def show_run(database: Database, run_id: str) -> RunOut:
    """Return a run with its documents as it is now. Raises `RunNotFound`."""
    async with database.read() as session:
        run = await runs.get(session, run_id)
        rows = await runs.documents_of(session, run_id)
    return run_out(run, [document_out(row) for row in rows])


def run_out(run: Run, documents: list[DocumentOut]) -> RunOut:
    """Return a run as the API shows it."""
    return RunOut(
        **_common(run),
        documents=documents,
        groups=_groups(run, documents),
        summary=_summary(run.summary),
        variants=[SummaryOut.model_validate(summary, extra="ignore") for summary in run.variants or []],
        facets=_FACETS.validate_python(run.facets or {}, extra="ignore"),
        coverage=run.coverage and CoverageOut.model_validate(run.coverage, extra="ignore"),
        warnings=run.warnings,
    )


def run_head(run: Run, title: str) -> RunHead:
    """Return a run as the list shows it, with the title of its first document."""
    return RunHead(**_common(run), title=title, documents=run.documents)


def document_out(row: DocumentRow) -> DocumentOut:
    """Return a document as the API shows it."""
    return DocumentOut(
        id=row.id,
        title=row.title,
        group=row.group,
        metadata=row.details,
        format=row.format,
        characters=row.characters,
        status=Status(row.status),
        language=row.language,
        chunks=row.chunks,
        failed_chunks=row.failed_chunks,
        summary=_summary(row.summary),
        facets=_FACETS.validate_python(row.facets or {}, extra="ignore"),
        error=_problem(row.error),
    )


def chunk_out(event: EventRow, text: str | None) -> ChunkOut:
    """Return a chunk from the event that told of it."""
    data = event.data
    usage = data["usage"]
    shown = {name: data[name] for name in ("document", "part", "start", "end", "status", "error", "message", "seconds")}
    tokens = {name: usage[name] for name in ("prompt_tokens", "completion_tokens")}
    return ChunkOut(**shown, **tokens, remembered=bool(usage["remembered"]), text=text)


def counts_of(run: Run | Brief) -> dict[str, Any]:
    """Return a run's progress and usage as events tell them."""
    return {"progress": _progress(run), "run_usage": NO_USAGE | run.usage}


def _progress(run: Run | Brief) -> dict[str, Any]:
    """Return how far a run is; one that has begun and told nothing yet is being planned."""
    progress = runs.NO_PROGRESS | run.progress
    if run.status == Status.RUNNING and progress["phase"] == "queued":
        progress["phase"] = "plan"
    return progress


def _common(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "status": Status(run.status),
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "options": options_of(run),
        "progress": ProgressOut.model_validate(_progress(run), extra="ignore"),
        "error": _problem(run.error),
        "usage": UsageOut.model_validate(NO_USAGE | run.usage, extra="ignore"),
    }


def _groups(run: Run, documents: list[DocumentOut]) -> list[GroupOut]:
    """Return the groups of a run that has some, with documents that could not be read: the graph knew nothing of
    these.
    """
    stored = {group["name"]: group for group in run.groups or []}
    members: dict[str, list[DocumentOut]] = {}
    for document in documents if stored else ():
        if document.group:
            members.setdefault(document.group, []).append(document)
    shown = []
    for name, own in members.items():
        group = stored.get(name, {"status": Status.FAILED, "summary": None})
        lacks_some = group["status"] == Status.SUCCEEDED and any(document.status == Status.FAILED for document in own)
        shown.append(
            GroupOut(
                name=name,
                documents=[document.id for document in own],
                status=Status.PARTIAL if lacks_some else group["status"],
                summary=_summary(group["summary"]),
            )
        )
    return shown


def _summary(stored: dict[str, Any] | None) -> SummaryOut | None:
    return SummaryOut.model_validate(stored, extra="ignore") if stored else None


def _problem(stored: dict[str, Any] | None) -> Problem | None:
    return Problem(**stored) if stored else None


def options_of(run: Run) -> Options:
    """Return the options of a run as far as this version knows them and their values."""
    try:
        return Options.model_validate(run.options, extra="ignore")
    except ValidationError as error:
        unknown = {problem["loc"][0] for problem in error.errors()}
        return Options.model_validate(
            {name: run.options[name] for name in run.options.keys() - unknown}, extra="ignore"
        )
