"""Bring the database's schema up to date."""

from importlib import resources
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import make_url


def migrate(url: str, revision: str = "head") -> None:
    """Run all migrations that the database at `url` lacks. Blocks; several processes may call it at once."""
    parsed = make_url(url)
    if parsed.database and parsed.get_backend_name() == "sqlite":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    config = Config()
    config.set_main_option("script_location", str(resources.files("migrations")).replace("%", "%%"))
    config.attributes["url"] = parsed.set(drivername=parsed.get_backend_name())
    command.upgrade(config, revision)
