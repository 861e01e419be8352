"""Documents have the label of their group, and runs what was made of each group."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column("documents", sa.Column("group", sa.String(), nullable=False, server_default=sa.text("''")))
    op.add_column("runs", sa.Column("groups", sa.JSON()))


def downgrade() -> None:
    """Take the change back."""
    op.drop_column("runs", "groups")
    op.drop_column("documents", "group")
