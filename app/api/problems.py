"""Every error as problem+json (RFC 9457): one handler."""

import errno
import logging
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from app.errors import (
    BodyTooLarge,
    InternalError,
    InvalidBody,
    InvalidFields,
    MethodNotAllowed,
    PageNotFound,
    PrecisError,
    StorageUnavailable,
)

MOST_FIELDS = 20  # named in one problem

logger = logging.getLogger(__name__)


def install_problem_handlers(app: FastAPI) -> None:
    """Make every error of an app a problem."""

    @app.exception_handler(PrecisError)
    async def on_precis_error(request: Request, error: PrecisError) -> JSONResponse:
        return render(error)

    @app.exception_handler(RequestValidationError)
    async def on_validation_error(request: Request, error: RequestValidationError) -> JSONResponse:
        if error.errors()[0]["type"] == "json_invalid":
            return render(InvalidBody(f"Invalid JSON: {error.errors()[0]['ctx']['error']}"))
        # FastAPI says first where a field comes from, such as "query".
        return render(fields_problem([found | {"loc": found["loc"][1:]} for found in error.errors()]))

    @app.exception_handler(HTTPException)
    async def on_http_error(request: Request, error: HTTPException) -> JSONResponse:
        known = {404: PageNotFound, 405: MethodNotAllowed, 413: BodyTooLarge, 400: InvalidBody}
        response = render(known.get(error.status_code, InternalError)())
        response.headers.update(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            response.headers["Allow"] = ", ".join(sorted(_methods(request)))
        return response

    @app.exception_handler(OperationalError)
    @app.exception_handler(NoConnection)
    @app.exception_handler(sqlite3.OperationalError)  # of the checkpoints, which LangGraph's saver writes
    async def on_storage_error(request: Request, error: Exception) -> JSONResponse:
        logger.error("the database does not answer: %s", error)
        return render(StorageUnavailable())

    @app.exception_handler(OSError)
    async def on_system_error(request: Request, error: OSError) -> JSONResponse:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)  # an upload is spooled to the temporary folder
        logger.error("the system refuses: %s", error, exc_info=None if is_full else error)
        return render(StorageUnavailable() if is_full else InternalError())

    @app.exception_handler(Exception)
    async def on_any_error(request: Request, error: Exception) -> JSONResponse:
        return render(InternalError())  # the server logs the trace


def _methods(request: Request) -> set[str]:
    """Return what the path of a request can be asked; each route of a path knows its own method alone."""
    operations = request.app.openapi()["paths"].items()
    matching = [methods for path, methods in operations if compile_path(path)[0].match(request.url.path)]
    return {method.upper() for methods in matching for method in methods}


def render(error: PrecisError) -> JSONResponse:
    """Return an error as a response."""
    return JSONResponse(
        error.problem(), status_code=error.status, headers=error.headers, media_type="application/problem+json"
    )


def fields_problem(errors: Sequence[Any], prefix: Iterable[str] = ()) -> InvalidFields:
    """Return the problem that names wrong fields one by one, without repeating what was sent."""
    fields = [_field(error, prefix) for error in errors[:MOST_FIELDS]]
    return InvalidFields("; ".join(f"{field['field']}: {field['message']}" for field in fields[:3]), fields=fields)


def _field(error: Mapping[str, Any], prefix: Iterable[str]) -> dict[str, str]:
    place = [*prefix, *map(str, error["loc"])]
    return {"field": ".".join(place).encode("utf-8", "replace").decode(), "message": str(error["msg"])}


def problems(*errors: type[PrecisError]) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that may answer with these errors."""
    responses: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        response = responses.setdefault(
            error.status,
            {
                "description": "",
                "content": {
                    "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}
                },
            },
        )
        response["description"] = (
            response["description"] + "\n\n" if response["description"] else ""
        ) + f"`{error.type()}`: {error.title()}"
        response["content"]["application/problem+json"]["examples"][error.__name__] = {"value": error().problem()}
    return responses
