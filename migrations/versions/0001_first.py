"""Runs, documents, calls, events."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "runs",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT),
        sa.Column("finished_at", MOMENT),
        sa.Column("cancel_requested_at", MOMENT),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String()),
        sa.Column("lease_until", sa.Double(), nullable=False),
        sa.Column("error", sa.JSON()),
        sa.Column("progress", sa.JSON(), nullable=False),
        sa.Column("summary", sa.JSON()),
        sa.Column("coverage", sa.JSON()),
        sa.Column("usage", sa.JSON(), nullable=False),
        sa.Column("documents", sa.Integer(), nullable=False),
    )
    op.create_index("ix_runs_status_lease_until", "runs", ["status", "lease_until"])
    op.create_index("ix_runs_owner_id", "runs", ["owner", "id"])
    op.create_table(
        "documents",
        sa.Column(
            "run_id",
            sa.String(),
            sa.ForeignKey("runs.id", name="fk_documents_run_id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("position", sa.Integer(), primary_key=True),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("characters", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("language", sa.String()),
        sa.Column("chunks", sa.Integer(), nullable=False),
        sa.Column("failed_chunks", sa.Integer(), nullable=False),
        sa.Column("error", sa.JSON()),
        sa.Column("summary", sa.JSON()),
        sa.Column("pages", sa.JSON(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
    )
    op.create_table(
        "calls",
        sa.Column("key", sa.String(), primary_key=True),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("prompt_tokens", sa.Integer(), nullable=False),
        sa.Column("completion_tokens", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("spans", sa.JSON(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
    )
    op.create_table(
        "events",
        sa.Column(
            "run_id",
            sa.String(),
            sa.ForeignKey("runs.id", name="fk_events_run_id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("seq", sa.Integer(), primary_key=True),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("step", sa.String()),
        sa.Column("call_key", sa.String()),
        sa.Column("data", sa.JSON(), nullable=False),
    )
    op.create_index("ix_events_call_key", "events", ["call_key"])


def downgrade() -> None:
    """Take the change back."""
    for table in ("events", "calls", "documents", "runs"):
        op.drop_table(table)
