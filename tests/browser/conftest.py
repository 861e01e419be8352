"""Fixtures: one browser for all tests, a new window for each."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.watched import CHROMIUM, FLAGS, WIDTHS, Watched, new_context
from tests.service import Service

expect.set_options(timeout=30_000)  # milliseconds; what is proved is that it comes, on however busy a machine


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"no browser: {CHROMIUM} is not there (tests/install_chromium.sh installs it as root)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(params=WIDTHS)
def watched(request: pytest.FixtureRequest, browser: Browser, shared_service: Service) -> Iterator[Watched]:
    """A page of a desktop's width, then of a phone's."""
    context = new_context(browser, request.param, locale="en-US")
    yield Watched(context.new_page(), shared_service.base_url)
    context.close()


@pytest.fixture
def wide(browser: Browser, shared_service: Service) -> Iterator[Watched]:
    """A page of a desktop's width, where the width makes no difference."""
    context = new_context(browser, WIDTHS[0], locale="en-US")
    yield Watched(context.new_page(), shared_service.base_url)
    context.close()
