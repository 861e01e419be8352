"""The operator's settings, from the environment and `.env`."""

from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from graphs.models import EMBEDDED

MEGABYTE = 1024 * 1024


class Settings(BaseSettings):
    """What the operator sets. Each has an environment variable `PRECIS_<NAME>`; `precis serve` has a flag of the same
    name for most.
    """

    model_config = SettingsConfigDict(
        env_prefix="PRECIS_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        populate_by_name=True,
        use_attribute_docstrings=True,
    )

    host: str = "127.0.0.1"
    """The address to listen on."""
    port: int = Field(default=8000, ge=0, le=65_535)
    """The port to listen on; 0: a free one, named in the ready line."""
    data_dir: Path = Path("data")
    """Where the databases are kept."""
    database_url: str = ""
    """SQLAlchemy's address of the database; empty: SQLite in the data directory."""
    model: str | None = None
    """The model of runs that name none; default: `openai:gpt-4o-mini` with OPENAI_API_KEY, else
    `embedded:extractive`."""
    models: str = ""
    """The models that callers may name, separated by commas, `openai:*` for all of a provider; default: all that are
    set up."""
    concurrency: int = Field(default=16, ge=1, le=1_000)
    """Model calls in flight to one provider."""
    call_seconds: float = Field(default=120.0, gt=0)
    """The deadline of one attempt of a model call."""
    openai_api_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("openai_api_key", "OPENAI_API_KEY")
    )
    openai_base_url: str | None = Field(
        default=None, validation_alias=AliasChoices("openai_base_url", "OPENAI_BASE_URL")
    )
    chunk_tokens: int = Field(default=3_000, ge=100)
    """The most tokens of a chunk."""
    window_tokens: int | None = Field(default=None, ge=2_000)
    """The context window of models that the built-in table does not know."""
    max_body_bytes: int = Field(default=64 * MEGABYTE, ge=1)
    """The largest request body."""
    max_documents: int = Field(default=10_000, ge=1)
    """The most documents of one batch."""
    runs_at_once: int = Field(default=8, ge=1)
    """Runs that are driven at the same time; the others wait in the queue."""
    parse_seconds: float = Field(default=60.0, gt=0)
    """The time that one file may take to be read."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """How much is logged, to standard error."""

    @property
    def default_model(self) -> str:
        """The model of runs that name none."""
        return self.model or ("openai:gpt-4o-mini" if self.openai_api_key else EMBEDDED)

    @property
    def allowed_models(self) -> list[str]:
        """Names and `provider:*` patterns of the models that callers may name."""
        if self.models:
            return [name.strip() for name in self.models.split(",") if name.strip()]
        reachable = self.openai_api_key or self.openai_base_url
        return [EMBEDDED, "openai:*"] if reachable else [EMBEDDED]

    @property
    def sqlalchemy_url(self) -> str:
        """The database's address with its async driver."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir.resolve() / 'precis.db'}"
