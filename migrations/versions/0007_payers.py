"""Calls have the run that has paid for them: it goes with them, also those that no event tells of."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column("calls", sa.Column("run_id", sa.String()))
    op.create_index("ix_calls_run_id", "calls", ["run_id"])


def downgrade() -> None:
    """Take the change back."""
    op.drop_index("ix_calls_run_id", "calls")
    op.drop_column("calls", "run_id")
