"""Bring the database's schema up to date."""

from importlib import resources
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

UNUSABLE = (CommandError, SQLAlchemyError, OSError)
"""What `migrate` raises when a database cannot be used."""


def migrate(url: str, revision: str = "head") -> None:
    """Run all migrations that the database at `url` lacks. Blocks; several processes may call it at once."""
    parsed = make_url(url)
    if parsed.database and parsed.get_backend_name() == "sqlite":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    config = _config()
    config.attributes["url"] = parsed.set(drivername=parsed.get_backend_name())
    command.upgrade(config, revision)


def why_unusable(error: Exception, where: object) -> str:
    """Return one of `UNUSABLE` in a sentence; `where` is what its reader calls the database's place."""
    if isinstance(error, CommandError):  # a database of a later version, whose migrations are not known here
        return f"the database in {where} cannot be brought up to date: {error}"
    if isinstance(error, OSError):
        is_file = isinstance(error, (FileExistsError, NotADirectoryError))
        why = "it is a file, not a folder" if is_file else error.strerror or str(error)
        return f"{error.filename or where} cannot be used: {why}."
    cause = (isinstance(error, DBAPIError) and error.orig) or str(error).partition("\n")[0]  # without the statement
    return f"the database in {where} cannot be used: {cause}."


def known_revisions() -> set[str]:
    """Return the revisions that a database of this version, or of an earlier one, may have."""
    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(resources.files("migrations")).replace("%", "%%"))
    return config
