"""Runs and documents have facets."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply the change."""
    for table in ("runs", "documents"):
        op.add_column(table, sa.Column("facets", sa.JSON()))


def downgrade() -> None:
    """Take the change back."""
    for table in ("runs", "documents"):
        op.drop_column(table, "facets")
