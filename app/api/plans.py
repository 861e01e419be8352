"""Plans: what a run would do."""

import asyncio

from fastapi import APIRouter

from app.api.batch import REQUEST_BODY, BatchDep, BatchDocument
from app.api.dependencies import ServicesDep
from app.api.problems import problems
from app.api.runs import BATCH_PROBLEMS
from app.api.schemas import Body, Problem
from app.errors import PlanImpossible
from graphs.models import EMBEDDED, model_facts
from graphs.summarize import Document, DocumentPlan, Documents, DoesNotFit, make_plan, plan_cost

router = APIRouter(prefix="/v1/plans", tags=["plans"])


class PlannedDocument(Body):
    """What a plan says of one document."""

    id: str
    title: str
    language: str
    characters: int
    words: int
    chunks: int
    error: Problem | None = None


class PlanOut(Body):
    """What a run would do, before anything is paid."""

    model: str
    documents: list[PlannedDocument]
    calls: int
    """Model calls, if none fails."""
    maps: int
    """Of these, calls that read chunks."""
    merges: int
    """Of these, calls that merge partial summaries."""
    verbatim: int
    """Documents so short that they are their own summary, without a call."""
    extra_calls: int
    """Further calls at most, for summaries that miss their language (one each) or length (two each). Checks with
    `verify: llm` come on top: a call for ten doubtful sentences, and as many to mend them, at most twice."""
    facets: int
    """Of these, calls for facets; one whose answer cannot be read is asked a second time beside them."""
    depth: int
    """How many calls wait for each other at most."""
    prompt_tokens: int
    """Upper bound; 0 for the embedded model, which has no tokens."""
    completion_tokens: int
    """Upper bound; 0 for the embedded model."""
    sections: int
    """Groups of chunks that are sent out at once."""
    expected_usd: float | None
    """What the calls cost if each answer is as long as asked, in US dollars; null: the price of the model is not
    known."""
    most_usd: float | None
    """What they cost at most, extra calls apart."""


# A request that makes a run is planned as it is. (Some generators of clients also need an operation whose body has two
# forms to have something that may be left out.)
IGNORED_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Ignored: nothing is stored. So you can have the same request planned and then made.",
    "schema": {"type": "string"},
}


@router.post(
    "",
    summary="Plan a batch without running it",
    openapi_extra={"requestBody": REQUEST_BODY, "parameters": [IGNORED_KEY]},
    responses=problems(*BATCH_PROBLEMS, PlanImpossible),
)
async def create_plan(batch: BatchDep, services: ServicesDep) -> PlanOut:
    """Return how a batch would be cut and merged, how many model calls that takes and how many tokens at most. Nothing
    is stored, nothing is paid.
    """
    name = batch.options.model or services.settings.default_model
    facts = model_facts(name, services.settings.window_tokens, services.settings.prices)
    texts = Documents(
        Document(document.id, document.title, document.read.text) for document in batch.documents if document.read
    )
    try:
        plan = await asyncio.to_thread(make_plan, texts, batch.options, facts, services.settings.chunk_tokens)
    except DoesNotFit as error:
        raise PlanImpossible(str(error)) from None
    cost = plan_cost(plan)
    by_id = {document["id"]: document for document in plan["documents"]}
    has_tokens = name != EMBEDDED
    return PlanOut(
        model=name,
        documents=[_shown(document, by_id.get(document.id)) for document in batch.documents],
        calls=cost.maps + cost.merges + cost.facets,
        maps=cost.maps,
        merges=cost.merges,
        verbatim=cost.verbatim,
        extra_calls=cost.extra_calls if has_tokens else 0,
        facets=cost.facets,
        depth=cost.depth,
        prompt_tokens=cost.prompt_tokens if has_tokens else 0,
        completion_tokens=cost.completion_tokens if has_tokens else 0,
        sections=len(plan["sections"]),
        expected_usd=facts.usd(cost.prompt_tokens, cost.expected_tokens),
        most_usd=facts.usd(cost.prompt_tokens, cost.completion_tokens),
    )


def _shown(document: BatchDocument, planned: DocumentPlan | None) -> PlannedDocument:
    """Return what the plan says of a document, or why it says nothing."""
    return PlannedDocument(
        id=document.id,
        title=document.title,
        language=planned["language"] if planned else "",
        characters=planned["characters"] if planned else 0,
        words=planned["words"] if planned else 0,
        chunks=planned["chunks"] if planned else 0,
        error=Problem(**document.error.problem()) if document.error else None,
    )
