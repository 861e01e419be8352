"""The events of a stream: their schemas, and how steps become one `progress` event."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import models_json_schema

from app.api.schemas import Problem, ProgressOut, UsageOut
from app.store.models import Status
from graphs.summarize import Writing

SHOWN = ("kind", "facet", "document", "part", "start", "end", "level", "status", "error", "message", "seconds")


class Told(BaseModel):
    """The data of an event. More fields may come."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)


class TreeDocument(Told):
    """A document in the tree of a plan."""

    id: str
    chunks: int
    """Calls that read it."""
    merges: int
    """Calls that merge its partial summaries."""


class StepOut(Told):
    """A call that has ended."""

    kind: Literal["map", "collapse", "reduce", "facet", "review"]
    """It read a chunk, merged partial summaries, made the last merge, asked for a facet (`facet` names it), or looked
    at what was written."""
    document: str | None
    """The document's id; null: it is about several documents, or the whole batch."""
    part: int
    """Of a map: the chunk's place in its document, from 0."""
    start: int
    end: int
    level: int
    """Its height in the tree: 0 for a chunk."""
    status: Literal["succeeded", "failed", "skipped"]
    """`skipped`: nothing in the chunk had to do with the focus."""
    error: str | None
    """Why it was given up, as a stable code."""
    message: str | None
    seconds: float


class GateNow(Told):
    """The gate in front of the run's provider, which all runs of the service share, at this moment."""

    in_flight: int
    """Calls that the provider is answering."""
    waiting: int
    """Calls that wait for a place: the provider's limits, or the operator's, let no more through."""
    paused_seconds: float
    """How long the provider still asks everyone to wait."""


class QueuedEvent(Told):
    """`queued`: the run was accepted."""

    documents: int
    """How many."""


class PlannedEvent(Told):
    """`planned`: every call of the run is known."""

    maps: int
    """Calls that read chunks."""
    merges: int
    """Calls that merge partial summaries."""
    depth: int
    """Calls that wait for each other, at most."""
    prompt_tokens: int
    """Upper bound."""
    completion_tokens: int
    """Upper bound."""
    documents: list[TreeDocument]
    """The foot of the tree: the documents that could be read, in order, with their chunks."""
    levels: list[int]
    """The merges above: how many each level has, from the one right above the chunks."""
    progress: ProgressOut
    run_usage: UsageOut
    """Empty."""


class ProgressEvent(Told):
    """`progress`: how far the run is; at most four a second. Without an `id` when it tells of no further step."""

    progress: ProgressOut
    """As of the newest step."""
    run_usage: UsageOut
    """What the run's calls have cost so far."""
    steps: list[StepOut]
    """The calls that have ended since the event before, oldest first."""
    gate: GateNow | None
    """Null when the run has ended, or another process drives it."""


class DocumentEvent(Told):
    """`document`: a document's summary is ready. Its citations come with the run, when that has ended."""

    id: str
    """The document's."""
    text: str
    """Markdown."""
    steps: list[StepOut]
    """As in `progress`."""


class DraftOut(Told):
    """What has been written since the event before."""

    document: str | None
    """The document's id; null: it is of the whole batch."""
    start: int
    """In characters: how much of the draft you have. 0: a new one begins, and what you have of an older one is no more;
    else `text` goes behind it."""
    text: str
    """Markdown, without citations; cut anywhere."""


class DraftEvent(Told):
    """`draft`: a language model is writing the batch's summary, or, where none is wanted, those of documents.

    It has no `id`: whoever comes back gets it from its start. The model may begin anew, and the summary that comes in
    the end, with `document` or with the run, may differ.
    """

    drafts: list[DraftOut]
    """Those that have grown or begun anew."""


class FinishedEvent(Told):
    """`finished`: the run has ended; look at it for summaries, citations and coverage."""

    status: Status
    error: Problem | None


class GoodbyeEvent(Told):
    """`goodbye`: the service stops, the run goes on at its next start; come back with the last `id`."""

    reason: str
    """In words."""


EVENTS: dict[str, type[Told]] = {
    "queued": QueuedEvent,
    "planned": PlannedEvent,
    "progress": ProgressEvent,
    "document": DocumentEvent,
    "draft": DraftEvent,
    "finished": FinishedEvent,
    "goodbye": GoodbyeEvent,
}


class Gathered:
    """Steps that have ended since the last event that was sent, and what the newest of them has counted."""

    def __init__(self, counts: dict[str, Any]) -> None:
        self.counts = counts  # `progress` and `run_usage`
        self._steps: list[dict[str, Any]] = []
        self.seq = 0  # of the newest
        self.is_ahead = False  # of what the last `progress` has told
        self.gate: dict[str, Any] | None = None  # that it has told

    def __bool__(self) -> bool:
        return bool(self._steps)

    def add(self, seq: int, data: dict[str, Any]) -> None:
        """Add the data of a `progress` row."""
        self.seq = seq
        self.count(data)
        self.is_ahead = True
        self._steps.append({name: data[name] for name in SHOWN if name in data} | {"level": data.get("level", 0)})

    def count(self, data: dict[str, Any]) -> None:
        """Note what an event has counted."""
        self.counts = {name: data[name] for name in ("progress", "run_usage")}

    @property
    def is_under_way(self) -> bool:
        """Whether the run's calls are known, and it has not ended."""
        progress = self.counts["progress"]
        return bool(progress["total"]) and progress["phase"] != "finished"

    def take(self) -> list[dict[str, Any]]:
        """Return the steps and forget them."""
        steps, self._steps = self._steps, []
        return steps


class DraftsTold:
    """What one client knows of the drafts of a run."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Writing, str]] = {}  # by step

    def news(self, drafts: Mapping[str, Writing]) -> list[dict[str, Any]]:
        """Return what the client does not know of the drafts as they are now, and note that it does."""
        told = []
        for step, writing in drafts.items():
            known, before = self._known.get(step, (writing, ""))
            text = writing.text
            if text == before:
                continue
            start = len(before) if known is writing and text.startswith(before) else 0
            told.append({"document": writing.document, "start": start, "text": text[start:]})
            self._known[step] = writing, text
        return told


def stream_schema() -> dict[str, Any]:
    """Return the schema of the stream as text, after the words of JSON Schema 2020-12 for content within a string."""
    return {
        "type": "string",
        "contentMediaType": "text/event-stream",
        "contentSchema": {"type": "array", "items": {"oneOf": [_event_schema(name) for name in EVENTS]}},
    }


def _event_schema(name: str) -> dict[str, Any]:
    model = EVENTS[name]
    data = {
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": {"$ref": f"#/components/schemas/{model.__name__}"},
    }
    properties = {"event": {"const": name}, "id": {"type": "string", "pattern": "^[0-9]+$"}, "data": data}
    return {"type": "object", "required": ["event", "data"], "properties": properties}


def event_components() -> dict[str, Any]:
    """Return the schemas of all events, by name, for the components of the OpenAPI document."""
    _, schema = models_json_schema(
        [(model, "serialization") for model in EVENTS.values()], ref_template="#/components/schemas/{model}"
    )
    components: dict[str, Any] = schema["$defs"]
    return components
