"""Runs keep all the summaries that were written of their batch."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column("runs", sa.Column("variants", sa.JSON()))


def downgrade() -> None:
    """Take the change back."""
    op.drop_column("runs", "variants")
