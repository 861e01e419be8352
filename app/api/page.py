"""The web page and the docs page: files that the browser gets as they are."""

from pathlib import Path

from fastapi import FastAPI
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).resolve().parent.parent / "page"
# Summaries, titles and file names are hostile. The page makes no HTML of them; if it ever did, nothing in it could run,
# load or send anything.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",  # asked for again at each visit, and answered 304 where nothing has changed
}
# Swagger UI sets styles and makes HTML itself; what it loads is here as well.
DOCS_HEADERS = HEADERS | {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}


class PageFiles(StaticFiles):
    """Scripts and styles of the pages."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file with the headers that keep the page to itself."""
        response = await super().get_response(path, scope)
        response.headers.update(HEADERS)
        return response


def install_page(app: FastAPI) -> None:
    """Serve the page at `/` and the docs at `/docs`, without any network; their files below `/page` and `/swagger`."""
    app.mount("/page", PageFiles(directory=FOLDER), name="page")
    app.mount("/swagger", PageFiles(packages=[("fastapi_swagger", "resources")]), name="swagger")

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(FOLDER / "index.html", headers=HEADERS)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return FileResponse(FOLDER / "docs.html", headers=DOCS_HEADERS)
