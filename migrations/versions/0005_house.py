"""Runs know how large their documents are, so that the queue and what is kept can be bounded."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

RUNS = sa.table("runs", sa.column("id"), sa.column("text_bytes"))
DOCUMENTS = sa.table("documents", sa.column("run_id"), sa.column("text", sa.Text()))


def upgrade() -> None:
    """Apply the change."""
    op.add_column("runs", sa.Column("text_bytes", sa.BigInteger(), nullable=False, server_default="0"))
    size = sa.func.length(sa.cast(DOCUMENTS.c.text, sa.LargeBinary()))
    own = sa.select(sa.func.coalesce(sa.func.sum(size), 0)).where(DOCUMENTS.c.run_id == RUNS.c.id)
    op.execute(sa.update(RUNS).values(text_bytes=own.scalar_subquery()))


def downgrade() -> None:
    """Take the change back."""
    op.drop_column("runs", "text_bytes")
