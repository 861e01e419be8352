"""The tables: runs, documents, texts, calls, events."""

import time
import uuid
from datetime import UTC, datetime
from enum import StrEnum
from secrets import randbits
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    Text,
    TypeDecorator,
)
from sqlalchemy import text as sql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Status(StrEnum):
    """The status of a run or of a document."""

    QUEUED = "queued"  # accepted, waiting for a worker
    RUNNING = "running"  # a worker is driving the graph
    SUCCEEDED = "succeeded"  # everything was summarised
    PARTIAL = "partial"  # there is a summary, and it says what is missing
    FAILED = "failed"  # there is no summary that may be trusted
    CANCELLED = "cancelled"  # the caller stopped it

    @property
    def is_final(self) -> bool:
        """Whether nothing changes any more."""
        return self not in (Status.QUEUED, Status.RUNNING)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite keeps no time zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment with its time zone."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class Base(DeclarativeBase):
    """The tables' common base: names of constraints are stable, so that migrations can speak of them."""

    metadata = MetaData(
        naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "fk": "fk_%(table_name)s_%(column_0_N_name)s"}
    )
    type_annotation_map = {
        dict[str, Any]: JSON(none_as_null=True),
        list[Any]: JSON(none_as_null=True),
        datetime: UtcDateTime,
    }


class Run(Base):
    """One summarisation of a batch."""

    __tablename__ = "runs"
    __table_args__ = (
        Index(None, "status", "lease_until"),
        Index(None, "owner", "id"),
        Index(None, "owner", "request_key", unique=True),
    )

    id: Mapped[str] = mapped_column(primary_key=True)  # sorts by time
    owner: Mapped[str] = mapped_column(default="")
    status: Mapped[str] = mapped_column(default=Status.QUEUED)
    options: Mapped[dict[str, Any]]
    warnings: Mapped[list[Any]] = mapped_column(default=list)
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    attempt: Mapped[int] = mapped_column(
        default=0
    )  # grows with every claim; fences the writes of a worker that lost the run
    worker: Mapped[str | None]  # who drives it
    # Seconds since the epoch, by the holder's clock. The others ask only whether it changes: clocks are put forward and
    # back.
    lease_until: Mapped[float] = mapped_column(default=0.0)
    error: Mapped[dict[str, Any] | None]
    progress: Mapped[dict[str, Any]] = mapped_column(default=dict)
    summary: Mapped[dict[str, Any] | None]
    variants: Mapped[list[Any] | None]  # of the summary
    groups: Mapped[list[Any] | None]  # of the documents: name, documents, status and summary of each
    facets: Mapped[dict[str, Any] | None]  # of the batch, by name
    coverage: Mapped[dict[str, Any] | None]
    usage: Mapped[dict[str, Any]] = mapped_column(default=dict)
    documents: Mapped[int]  # how many
    text_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")  # of their texts, in UTF-8
    request_key: Mapped[str | None]  # the Idempotency-Key of the request that made it, as long as it counts
    request_digest: Mapped[str | None]  # of that request's batch


class DocumentRow(Base):
    """One document of a run."""

    __tablename__ = "documents"

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str]  # the caller's
    title: Mapped[str]
    group: Mapped[str] = mapped_column(default="", server_default=sql("''"))  # the caller's label; "": none
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)  # the caller's metadata, given back
    format: Mapped[str]
    characters: Mapped[int]
    status: Mapped[str] = mapped_column(default=Status.QUEUED)
    language: Mapped[str | None]
    chunks: Mapped[int] = mapped_column(default=0)
    failed_chunks: Mapped[int] = mapped_column(default=0)
    error: Mapped[dict[str, Any] | None]
    summary: Mapped[dict[str, Any] | None]
    facets: Mapped[dict[str, Any] | None]  # by name
    pages: Mapped[list[Any]] = mapped_column(default=list)  # where each page starts, in characters


class TextRow(Base):
    """The text of a document; apart from it, as SQLite writes a whole row anew when one of its columns changes."""

    __tablename__ = "texts"
    __table_args__ = (
        ForeignKeyConstraint(["run_id", "position"], ["documents.run_id", "documents.position"], ondelete="CASCADE"),
    )

    run_id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(Text)


class CallRow(Base):
    """One finished model call: the ledger."""

    __tablename__ = "calls"
    __table_args__ = (Index(None, "run_id"),)

    key: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    run_id: Mapped[str | None]  # of the run that has paid for it; null: not known
    model: Mapped[str]
    created_at: Mapped[datetime]
    prompt_tokens: Mapped[int]
    completion_tokens: Mapped[int]
    seconds: Mapped[float]
    spans: Mapped[list[Any]]
    text: Mapped[str] = mapped_column(Text)


class EventRow(Base):
    """One step of a run that a client is told of."""

    __tablename__ = "events"
    __table_args__ = (Index(None, "call_key"),)

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)  # 1, 2, 3, … without a gap
    type: Mapped[str]
    at: Mapped[datetime]
    step: Mapped[str | None]  # of the plan, where the event is about one
    call_key: Mapped[str | None]  # of the step's answer in the ledger
    data: Mapped[dict[str, Any]]


def new_id() -> str:
    """Return a UUID of version 7 (RFC 9562): it sorts by its time in milliseconds."""
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | 0x7 << 76 | randbits(12) << 64 | 0b10 << 62 | randbits(62)
    return str(uuid.UUID(int=value))


def now() -> datetime:
    """Return this moment, in UTC."""
    return datetime.now(UTC)
