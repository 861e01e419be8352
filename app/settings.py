"""The operator's settings, from the environment and `.env`."""

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from graphs.models import EMBEDDED, model_facts

MEGABYTE = 1024 * 1024
NO_SETTINGS = ("PRECIS_SERVER", "PRECIS_MEMORY")  # variables of the command line and of docker-compose.yml
Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Settings(BaseSettings):
    """What the operator sets. Each has an environment variable `PRECIS_<NAME>`; `precis serve` has a flag of the same
    name for the most used.
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
    `embedded:extractive`; where callers may not name that, the first that they may."""
    models: str = ""
    """The models that callers may name, separated by commas, `openai:*` for all of a provider; default: all that are
    set up."""
    concurrency: int = Field(default=16, ge=1, le=1_000)
    """Model calls in flight to one provider, at most."""
    concurrency_start: int | None = Field(default=None, ge=1, le=1_000)
    """Calls in flight at first; default: as many as allowed. They follow what the provider bears."""
    concurrency_least: int = Field(default=1, ge=1, le=1_000)
    """Calls in flight however often the provider refuses."""
    requests_per_minute: int | None = Field(default=None, ge=1)
    """Model calls to one provider in any minute; what the provider states in its answers counts besides."""
    tokens_per_minute: int | None = Field(default=None, ge=1)
    """Tokens of prompts and, at most, of answers that are sent to one provider in any minute."""
    hedge: bool = False
    """Ask a second time what takes longer than 95 % of the recent calls did, and take the first answer; costs 5 % more
    calls at most."""
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
    prices: dict[str, tuple[Dollars, Dollars]] = Field(default_factory=dict)
    """US dollars for a million tokens of prompt and of answer, by model, as JSON: `{"openai:my-model": [0.5, 1.5]}`.
    They go before the built-in table."""
    ledger_days: float = Field(default=90.0, gt=0)
    """How long finished model calls are remembered."""
    ledger_bytes: int = Field(default=2 * 1024 * MEGABYTE, ge=0)
    """How much of them is kept, in bytes of text; the oldest go first."""
    memory_bytes: int | None = Field(default=None, ge=64 * MEGABYTE)
    """The memory that the process may use; default: its container's limit, else the machine's. From 85 % on new model
    calls wait, from 92 % on new runs are refused."""
    max_body_bytes: int = Field(default=64 * MEGABYTE, ge=1)
    """The largest request body."""
    max_documents: int = Field(default=10_000, ge=1)
    """The most documents of one batch."""
    runs_at_once: int = Field(default=8, ge=1)
    """Runs that are driven at the same time; the others wait in the queue."""
    queue_runs: int = Field(default=1_000, ge=1)
    """Runs that may wait; more are refused with 429."""
    queue_bytes: int = Field(default=4 * 1024 * MEGABYTE, ge=1)
    """The texts of the runs that wait, in bytes; more are refused with 429. One run alone may be larger."""
    run_days: float | None = Field(default=None, gt=0)
    """How long runs are kept after their end; default: until they are deleted."""
    run_bytes: int | None = Field(default=None, ge=0)
    """How much of them is kept, in bytes of their documents' texts and characters of their events; those that ended
    first go first. Runs that have not ended count, but stay. Default: no limit."""
    meaning: bool = True
    """Whether the embedded model compares reviews by what they mean, where `precis[meaning]` is installed: it chooses
    better and takes some twenty seconds for a hundred of them."""
    lease_seconds: float = Field(default=15.0, ge=1)
    """How long a worker may be silent before another takes its runs over."""
    parse_seconds: float = Field(default=60.0, gt=0)
    """The time that one file may take to be read."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """How much is logged, to standard error."""

    @model_validator(mode="after")
    def _check_concurrency(self) -> Self:
        if not self.concurrency_least <= (self.concurrency_start or self.concurrency) <= self.concurrency:
            raise ValueError("concurrency_least <= concurrency_start <= concurrency is wanted")
        return self

    @property
    def default_model(self) -> str:
        """The model of runs that name none."""
        if self.model:
            return self.model
        usual = "openai:gpt-4o-mini" if self.openai_api_key else EMBEDDED
        if self._allows(usual):
            return usual
        return next((name for name in self.allowed_models if not name.endswith(":*")), usual)

    @property
    def allowed_models(self) -> list[str]:
        """Names and `provider:*` patterns of the models that callers may name."""
        if self.models:
            return [name.strip() for name in self.models.split(",") if name.strip()]
        reachable = self.openai_api_key or self.openai_base_url
        return [EMBEDDED, "openai:*"] if reachable else [EMBEDDED]

    def check_model(self, name: str) -> None:
        """Raise `ValueError` for a model that callers may not name, or that is none."""
        model_facts(name)
        if not self._allows(name):
            raise ValueError(f"{name!r} is not among the models of this service: {', '.join(self.allowed_models)}.")

    def check_models(self) -> None:
        """Raise `WrongSetting` where a name is no model's, or callers may not name the default model."""
        try:
            for name in self.allowed_models:
                if not name.endswith(":*"):
                    model_facts(name)
        except ValueError as error:
            raise WrongSetting(f"the setting models is wrong: {error}") from None
        try:
            if self.model:
                self.check_model(self.model)
        except ValueError as error:
            raise WrongSetting(f"the setting model is wrong: {error}") from None

    def _allows(self, name: str) -> bool:
        allowed = self.allowed_models
        return name in allowed or f"{name.partition(':')[0]}:*" in allowed

    @property
    def database_place(self) -> object:
        """Where the database is, as people are told: without its password."""
        return self.database_url.rpartition("@")[2] or self.data_dir

    @property
    def sqlalchemy_url(self) -> str:
        """The database's address with its async driver."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir.resolve() / 'precis.db'}"


class WrongSetting(ValueError):
    """A setting has a value that it cannot have; the message names it."""


def read_settings(**given: Any) -> Settings:
    """Return the settings: what is given, such as by flags, goes before the environment. Raises `WrongSetting`."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except SettingsError as error:
        raise WrongSetting(f"a setting is not the JSON that it should be: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        what = f"the setting {place} is" if place else "the settings are"
        raise WrongSetting(f"{what} wrong: {said}") from None


def unknown_settings(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield those of some environment variables that look like settings and are none, each with the setting that may be
    meant, or "".
    """
    known = [*(f"PRECIS_{name.upper()}" for name in Settings.model_fields), *NO_SETTINGS]
    for name in sorted(names):
        if name.startswith("PRECIS_") and name not in known:
            yield name, next(iter(difflib.get_close_matches(name, known, 1)), "")
