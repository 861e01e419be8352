"""What is known of models before they are called."""

import re
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
REASONING = ("o1", "o3", "o4", "gpt-5")  # they take no temperature


_NAME = re.compile(r"[!-~]+")  # it travels in requests, headers and logs


class ModelFacts(NamedTuple):
    """What a plan and a call need to know of a model."""

    name: str  # provider:name
    window_tokens: int  # prompt and answer together
    takes_temperature: bool

    @property
    def provider(self) -> str:
        """The part of the name before the colon."""
        return self.name.partition(":")[0]


def model_facts(name: str, window_tokens: int | None = None) -> ModelFacts:
    """Return the facts of a model named `provider:name`; raise `ValueError` for a name that is not of this form or
    names no known provider.
    """
    provider, colon, short = name.partition(":")
    if not colon or provider not in PROVIDERS or not _NAME.fullmatch(short):
        raise ValueError(f"{name!r} is not a model: say one of {EMBEDDED!r}, 'openai:NAME'")
    if provider == "embedded":
        if name != EMBEDDED:
            raise ValueError(f"{name!r} is not a model: the embedded one is {EMBEDDED!r}")
        return ModelFacts(name, UNLIMITED_TOKENS, takes_temperature=False)
    known = max((prefix for prefix in WINDOWS if short.startswith(prefix)), key=len, default=None)
    window = window_tokens or (WINDOWS[known] if known else UNKNOWN_WINDOW_TOKENS)
    return ModelFacts(name, window, takes_temperature=not short.startswith(REASONING))
