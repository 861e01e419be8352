"""Runs know the Idempotency-Key of the request that made them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column("runs", sa.Column("request_key", sa.String()))
    op.add_column("runs", sa.Column("request_digest", sa.String()))
    op.create_index("ix_runs_owner_request_key", "runs", ["owner", "request_key"], unique=True)


def downgrade() -> None:
    """Take the change back."""
    op.drop_index("ix_runs_owner_request_key", "runs")
    for column in ("request_digest", "request_key"):
        op.drop_column("runs", column)
