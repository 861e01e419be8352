"""The models that runs may name."""

from fastapi import APIRouter

from app.api.dependencies import ServicesDep
from app.api.schemas import Body
from app.bootstrap import Services
from graphs.models import EMBEDDED, embedding_version, model_facts

router = APIRouter(prefix="/v1/models", tags=["models"])


class GateOut(Body):
    """The limits in front of a provider at this moment."""

    limit: int
    """Calls in flight at most, as much as the provider bears at present."""
    most: int
    """The operator's upper bound of it."""
    in_flight: int
    waiting: int
    """Calls that wait for their turn."""
    paused_seconds: float
    """How long the provider still asks for a pause."""
    requests_per_minute: float | None
    """Calls that may start in a minute, by the operator's settings and what the provider states; null: not limited."""
    tokens_per_minute: float | None
    """Tokens that may be sent in a minute, likewise."""
    calls: int
    """Calls made since the service was started."""
    hedges: int
    """Of these, second ones, made because the first took unusually long."""


class ModelOut(Body):
    """A model, or with `*` all models of a provider, that runs may name."""

    name: str
    is_default: bool
    window_tokens: int | None
    """Its context window; null: it has none, or it depends on the model."""
    usd_per_million_tokens: tuple[float, float] | None
    """What a million tokens of prompt and of answer cost; null: not known, or it depends on the model."""
    embedding: str | None
    """The embedding that the embedded model compares reviews with, and its version; null: the extra `meaning` is not
    installed or not to be used, or the model needs none."""
    gate: GateOut


@router.get("", summary="List models")
async def list_models(services: ServicesDep) -> list[ModelOut]:
    """Return the models that this service offers, the default first, and the limits in front of each provider as they
    are now.
    """
    default = services.settings.default_model
    names = dict.fromkeys([default, *services.settings.allowed_models])
    return [_shown(name, services, is_default=name == default) for name in names]


def _shown(name: str, services: Services, *, is_default: bool) -> ModelOut:
    provider = name.partition(":")[0]
    gate = services.resources.calls.gate(provider)
    requests, tokens = gate.per_minute
    settings = services.settings
    facts = None if name.endswith("*") else model_facts(name, settings.window_tokens, settings.prices)
    return ModelOut(
        name=name,
        is_default=is_default,
        window_tokens=facts.window_tokens if facts and name != EMBEDDED else None,
        usd_per_million_tokens=facts.price if facts else None,
        embedding=embedding_version() if name == EMBEDDED and settings.meaning else None,
        gate=GateOut(
            limit=int(gate.limit),
            most=gate.limits.most,
            in_flight=gate.in_flight,
            waiting=gate.waiting,
            paused_seconds=gate.paused_seconds,
            requests_per_minute=requests,
            tokens_per_minute=tokens,
            calls=gate.calls,
            hedges=gate.hedges,
        ),
    )
