"""Fixtures of tests that look at the storage itself."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.store.database import Database
from app.store.migrate import migrate


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """A migrated database of the test's own."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'precis.db'}"
    migrate(url)
    database = Database(url)
    yield database
    await database.close()
