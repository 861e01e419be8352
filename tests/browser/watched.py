"""A page in Debian's Chromium, and everything that went wrong in it."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Dialog, Page, Request, Response, Route

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
FLAGS += ["--disable-sync", "--no-first-run"]
HEIGHT = 900
WIDTHS = (1440, 360)  # a desktop's, and a small phone's


class Watched:
    """A page that may reach nothing but the service."""

    def __init__(self, page: Page, base_url: str) -> None:
        self.page = page
        self.base_url = base_url
        self.wrong: list[str] = []
        page.on("console", lambda said: self.wrong.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("dialog", self._spoken)
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)
        page.route("**/*", self._stay_here)

    def is_here(self, request: Request) -> bool:
        return request.url.startswith((f"{self.base_url}/", "data:", "blob:"))

    def open(self, address: str = "") -> Page:
        """Show a view of the page: `address` is what stands behind `#/`."""
        self.page.goto(f"{self.base_url}/#/{address}")
        return self.page

    def _spoken(self, dialog: Dialog) -> None:
        self.wrong.append(f"said: {dialog.message}")
        dialog.dismiss()

    def _failed(self, request: Request) -> None:
        # A plan is given up when something changes before it is there, a stream when its view is left.
        if request.failure != "net::ERR_ABORTED":
            self.wrong.append(f"failed: {request.url} {request.failure}")

    def _answered(self, answer: Response) -> None:
        if answer.status >= 400:
            self.wrong.append(f"{answer.status}: {answer.url}")

    def _stay_here(self, route: Route, request: Request) -> None:
        if self.is_here(request):
            route.continue_()
        else:
            self.wrong.append(f"left the service: {request.url}")
            route.abort()


def new_context(browser: Browser, width: int, **settings: Any) -> BrowserContext:
    """Open a browser's window without a past."""
    return browser.new_context(viewport={"width": width, "height": HEIGHT}, reduced_motion="reduce", **settings)


def has_sideways_scroll(page: Page) -> bool:
    width: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return width > 0
