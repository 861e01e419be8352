"""Changes of the database's schema, run at start by Alembic."""
