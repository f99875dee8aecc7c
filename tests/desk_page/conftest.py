"""Why: a browser, and a desk server that needs no database."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import override_settings
from playwright.sync_api import Browser, Page, sync_playwright

from tests.desk_page.fake_desk import FakeDesk

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]

OpenDesk = Callable[..., tuple[FakeDesk, Page]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Module-wide, not longer: Playwright's loop would be in the way of asyncio tests."""
    if CHROMIUM is None:
        pytest.skip("no chromium binary on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_desk(browser: Browser) -> Iterator[OpenDesk]:
    """Open a desk with these tasks; at the end no page may have complained."""
    opened: list[tuple[FakeDesk, Any]] = []
    complaints: list[str] = []

    def opener(
        *tasks: dict[str, Any], desk: FakeDesk | None = None, **options: Any
    ) -> tuple[FakeDesk, Page]:
        desk = desk or FakeDesk(list(tasks))
        desk.start()
        options = {"viewport": {"width": 1440, "height": 900}, "locale": "en-GB", **options}
        context = browser.new_context(**options)
        context.set_default_timeout(10_000)
        page = context.new_page()
        page.on(
            "console", lambda said: complaints.extend([said.text] if said.type == "error" else [])
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        opened.append((desk, context))
        page.goto(desk.url)
        return desk, page

    files = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    with override_settings(STORAGES=files):
        yield opener
    for desk, context in opened:
        context.close()
        desk.close()
    # A cut connection is the browser's to report and the desk's to mend.
    expected = ("WebSocket connection to", "net::ERR_")
    assert [text for text in complaints if not any(each in text for each in expected)] == []
