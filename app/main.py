"""The application: routes, error handler, docs page, lifespan."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from app.api import documents, health, metrics, models, plans, runs, stream
from app.api.events import event_components
from app.api.limits import BodyLimit
from app.api.page import install_page
from app.api.problems import install_problem_handlers
from app.api.schemas import BatchIn
from app.bootstrap import bootstrap
from app.settings import Settings

VERSION = "0.1.0"
DESCRIPTION = """\
Send a pile of documents; get a summary of each and one of all. Every sentence says which places of the sources it
rests on, and the answer says what was not covered. Nothing that was paid is paid twice: finished model calls are kept,
and a run that was interrupted goes on where it stopped.

**Try it here:** open `POST /v1/runs` and press *Execute*; copy the `id` of the answer into
`GET /v1/runs/{run_id}/wait` and press *Execute* there.

Errors are `application/problem+json` with a stable `type`. Times are UTC, ids sort by time, offsets are characters of
the text that was sent or read.
"""
TAGS = [
    {"name": "runs", "description": "A run is one summarisation of a batch of documents."},
    {"name": "plans", "description": "What a run would do and cost at most, before anything is paid."},
    {"name": "models", "description": "What can write, and the limits in front of it."},
    {"name": "health", "description": "For whoever operates the service."},
]


def create_app(settings: Settings) -> FastAPI:
    """Return the application; its lifespan opens and closes everything."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with bootstrap(settings) as services:
            app.state.services = services
            warming = asyncio.create_task(asyncio.to_thread(services.chat.warm_up), name="warm up")
            yield
            warming.cancel()

    app = FastAPI(
        title="Precis",
        version=VERSION,
        summary="Summaries of document batches that can be trusted.",
        description=DESCRIPTION,
        openapi_tags=TAGS,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        lifespan=lifespan,
        docs_url=None,  # `install_page` serves one that needs no network
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        generate_unique_id_function=_operation_id,
    )
    install_problem_handlers(app)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    for module in (runs, documents, stream, plans, models, health, metrics):
        app.include_router(module.router)
    install_page(app)

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _openapi(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to change the schema
    return app


def _operation_id(route: APIRoute) -> str:
    """Return what a generated client calls an operation."""
    return route.name


def _say_once(body: dict[str, Any]) -> None:
    """Describe a body that may be left out by what it is when it is there: generated clients else send neither."""
    for content in body.get("content", {}).values():
        match content["schema"]:
            case {"anyOf": [{"$ref": schema}, {"type": "null"}]} if not body.get("required"):
                content["schema"] = {"$ref": schema}


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, with the bodies that FastAPI does not see because the routes read them by hand."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
        license_info=app.license_info,
    )
    schema = BatchIn.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = document["components"]["schemas"]
    schemas |= event_components() | schema.pop("$defs") | {"BatchIn": schema}
    for unused in (
        "HTTPValidationError",
        "ValidationError",
    ):  # FastAPI's own error body, which no route of ours answers with
        schemas.pop(unused, None)
    for path in document["paths"].values():
        for operation in path.values():
            _say_once(operation.get("requestBody", {}))
            invalid = operation.get("responses", {}).get("422", {}).get("content", {})
            if "application/json" in invalid:
                operation["responses"].pop("422")
    return document
