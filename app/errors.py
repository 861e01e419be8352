"""Every error that a caller can meet. The docstring is the title; one handler renders all as problem+json (RFC 9457).

PrecisError
├── InvalidRequest
│   ├── InvalidBody              400  not JSON, or not multipart as its header says
│   ├── UnsupportedMediaType     415
│   ├── BodyTooLarge             413
│   ├── InvalidFields            422  unknown or wrong fields, named one by one
│   ├── EmptyBatch               422
│   ├── TooManyDocuments         422
│   ├── DuplicateDocumentId      422
│   ├── UnreadableDocuments      422  not one document of the batch can be read
│   ├── UnknownModel             422
│   └── PlanImpossible           422
├── NotFound                     404
│   ├── RunNotFound
│   ├── DocumentNotFound
│   └── PageNotFound
├── MethodNotAllowed             405
├── Conflict                     409
│   ├── RunNotFinished
│   ├── RunIsActive
│   └── NothingToRetry
├── QueueFull                    429
├── ShuttingDown                 503
├── StorageUnavailable           503
├── WorkerGone                   503
├── InternalError                500  a fault of the service; its log has the trace
├── RunError                     on a run that has ended, never the answer to a request
│   ├── Incomplete               it is partial, or covers too little and failed
│   └── ModelStopped             the provider ended it
└── DocumentError                on a document of an accepted run, or listed in UnreadableDocuments
    ├── SummaryFailed            all of its model calls failed
    ├── EmptyDocument
    ├── InvalidText
    ├── BinaryDocument
    ├── UnknownEncoding
    ├── UnsupportedFormat
    ├── BrokenPdf
    ├── EncryptedPdf
    ├── NoTextInPdf
    ├── BrokenHtml
    └── ParserFailed             too slow, too large in memory, or crashed
"""

import re
from typing import Any

TYPE_PREFIX = "urn:precis:problem:"


class PrecisError(Exception):
    """Something went wrong."""

    status = 500
    headers: dict[str, str] = {}

    def __init__(self, detail: str = "", **more: Any) -> None:
        self.detail = detail
        self.more = more  # members that the problem carries beside the standard ones
        super().__init__(f"{self.title()} {detail}".strip())

    @classmethod
    def title(cls) -> str:
        """Return what kind of problem this is, in one sentence."""
        return str(cls.__doc__)

    @classmethod
    def type(cls) -> str:
        """Return the stable name of this kind of problem."""
        return TYPE_PREFIX + re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()

    def problem(self) -> dict[str, Any]:
        """Return the members of the problem."""
        problem: dict[str, Any] = {"type": self.type(), "title": self.title(), "status": self.status}
        if self.detail:
            problem["detail"] = self.detail
        return problem | self.more


class InvalidRequest(PrecisError):
    """The request cannot be understood."""

    status = 400


class InvalidBody(InvalidRequest):
    """The body is not what its Content-Type says."""


class UnsupportedMediaType(InvalidRequest):
    """The body must be application/json or multipart/form-data."""

    status = 415


class BodyTooLarge(InvalidRequest):
    """The body is larger than this service accepts."""

    status = 413


class InvalidFields(InvalidRequest):
    """Some fields are unknown or have a wrong value."""

    status = 422


class EmptyBatch(InvalidRequest):
    """The batch holds no document."""

    status = 422


class TooManyDocuments(InvalidRequest):
    """The batch holds more documents than this service accepts."""

    status = 422


class DuplicateDocumentId(InvalidRequest):
    """Two documents of the batch have the same id."""

    status = 422


class UnreadableDocuments(InvalidRequest):
    """Not one document of the batch can be read."""

    status = 422


class UnknownModel(InvalidRequest):
    """This service has no such model."""

    status = 422


class IdempotencyKeyReused(InvalidRequest):
    """Another batch was sent with this Idempotency-Key."""

    status = 422


class PlanImpossible(InvalidRequest):
    """The documents do not fit the strategy that the options ask for."""

    status = 422


class NotFound(PrecisError):
    """There is nothing here."""

    status = 404


class RunNotFound(NotFound):
    """No run has this id."""


class DocumentNotFound(NotFound):
    """The run has no document of this id."""


class PageNotFound(NotFound):
    """No route has this path."""


class MethodNotAllowed(PrecisError):
    """This path does not take this method."""

    status = 405


class Conflict(PrecisError):
    """The run is in a state that does not allow this."""

    status = 409


class RunNotFinished(Conflict):
    """The run has no summary yet."""


class RunIsActive(Conflict):
    """The run has not ended; cancel it first."""


class NothingToRetry(Conflict):
    """The run has succeeded: there is nothing left to do."""


class QueueFull(PrecisError):
    """As many runs wait as this service accepts."""

    status = 429

    def __init__(self, detail: str = "", *, retry_after: int = 15) -> None:
        super().__init__(detail)
        self.headers = {"Retry-After": str(retry_after)}  # seconds


class ShuttingDown(PrecisError):
    """The service is shutting down."""

    status = 503
    headers = {"Retry-After": "5"}


class StorageUnavailable(PrecisError):
    """The database cannot be written at the moment."""

    status = 503
    headers = {"Retry-After": "5"}


class MemoryShort(PrecisError):
    """The service has no memory left for another run at the moment."""

    status = 503
    headers = {"Retry-After": "15"}


class WorkerGone(PrecisError):
    """Runs are not being driven; the service must be started again."""

    status = 503


class InternalError(PrecisError):
    """The service failed; nothing is wrong with the request."""


class RunError(PrecisError):
    """The run has ended with an error."""

    status = 200


class Incomplete(RunError):
    """The summaries do not rest on all of the documents."""


class BudgetExceeded(RunError):
    """The plan needs more than the run's budget allows. Nothing was paid."""


class ModelStopped(RunError):
    """The provider ended the run: no further model call could succeed."""


class DocumentError(PrecisError):
    """The document cannot be read."""

    status = 422


class SummaryFailed(DocumentError):
    """No summary of this document could be written."""


class EmptyDocument(DocumentError):
    """The document holds no words."""


class InvalidText(DocumentError):
    """The text holds characters that no text has."""


class BinaryDocument(DocumentError):
    """The file is not text, and not of a format that is read here."""


class UnknownEncoding(DocumentError):
    """The file's character encoding cannot be told."""


class UnsupportedFormat(DocumentError):
    """Files of this format are not read: send .txt, .md, .html or .pdf."""


class BrokenPdf(DocumentError):
    """The PDF is damaged."""


class EncryptedPdf(DocumentError):
    """The PDF is protected by a password."""


class NoTextInPdf(DocumentError):
    """The PDF holds no text, only pictures."""


class BrokenHtml(DocumentError):
    """The HTML holds no text."""


class ParserFailed(DocumentError):
    """The file took too much time or memory to read."""
