"""Texts have a table of their own: SQLite writes a whole row anew when a document's status changes."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

KEY = ("run_id", "position")
DOCUMENTS = sa.table("documents", *map(sa.column, (*KEY, "text")))
TEXTS = sa.table("texts", *map(sa.column, (*KEY, "text")))


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "texts",
        sa.Column("run_id", sa.String(), primary_key=True),
        sa.Column("position", sa.Integer(), primary_key=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            KEY, [f"documents.{name}" for name in KEY], ondelete="CASCADE", name="fk_texts_run_id_position"
        ),
    )
    op.execute(sa.insert(TEXTS).from_select([*KEY, "text"], sa.select(DOCUMENTS)))
    op.drop_column("documents", "text")


def downgrade() -> None:
    """Take the change back."""
    op.add_column("documents", sa.Column("text", sa.Text(), nullable=False, server_default=""))
    own = sa.and_(TEXTS.c.run_id == DOCUMENTS.c.run_id, TEXTS.c.position == DOCUMENTS.c.position)
    op.execute(sa.update(DOCUMENTS).values(text=sa.select(TEXTS.c.text).where(own).scalar_subquery()))
    op.drop_table("texts")
