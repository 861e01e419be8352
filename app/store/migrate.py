"""Bring the database's schema up to date."""

from importlib import resources
from pathlib import Path

from sqlalchemy import URL, NullPool, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError


class MadeByLaterVersion(Exception):
    """The database has migrations that are not known here."""


UNUSABLE = (MadeByLaterVersion, SQLAlchemyError, OSError)
"""What `migrate` raises when a database cannot be used."""


def migrate(url: str, revision: str = "head") -> None:
    """Run all migrations that the database at `url` lacks. Blocks; several processes may call it at once."""
    parsed = make_url(url)
    parsed = parsed.set(drivername=parsed.get_backend_name())
    if parsed.database and parsed.drivername == "sqlite":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    if revision == "head" and _is_up_to_date(parsed):
        return
    # 12 MB and a fifth of a second, which only a service that has something to migrate need spend.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_migrations()).replace("%", "%%"))
    config.attributes["url"] = parsed
    try:
        command.upgrade(config, revision)
    except CommandError as error:
        raise MadeByLaterVersion(str(error)) from error


def why_unusable(error: Exception, where: object) -> str:
    """Return one of `UNUSABLE` in a sentence; `where` is what its reader calls the database's place."""
    if isinstance(error, MadeByLaterVersion):
        return f"the database in {where} cannot be brought up to date: {error}"
    if isinstance(error, OSError):
        is_file = isinstance(error, (FileExistsError, NotADirectoryError))
        why = "it is a file, not a folder" if is_file else error.strerror or str(error)
        return f"{error.filename or where} cannot be used: {why}."
    cause = (isinstance(error, DBAPIError) and error.orig) or str(error).partition("\n")[0]  # without the statement
    return f"the database in {where} cannot be used: {cause}."


def known_revisions() -> list[str]:
    """Return the revisions that a database of this version, or of an earlier one, may have, in order. The name of each
    migration's file begins with its revision.
    """
    names = [file.name for file in (_migrations() / "versions").iterdir()]
    return sorted(name.partition("_")[0] for name in names if name[0].isdigit())


def _is_up_to_date(url: URL) -> bool:
    """Tell whether a database has the newest revision; not where that cannot be read, and why is told later."""
    if url.database and url.drivername == "sqlite" and not Path(url.database).exists():
        return False  # to connect would make an empty file
    engine = create_engine(url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            found = connection.scalars(text("SELECT version_num FROM alembic_version")).all()
    except SQLAlchemyError:
        return False
    return found == known_revisions()[-1:]


def _migrations() -> Path:
    return Path(str(resources.files("migrations")))
