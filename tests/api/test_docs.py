"""The schema is complete and the page that shows it obeys the Content-Security-Policy."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    text = io.StringIO()
    call_command("spectacular", "--format", "openapi-json", stdout=text)
    found: dict[str, Any] = json.loads(text.getvalue())
    return found


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_schema_is_valid_and_without_warnings() -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=io.StringIO())


def test_every_operation_has_words_a_tag_an_answer_and_errors(schema: dict[str, Any]) -> None:
    for name, operation in operations(schema):
        assert operation.get("description"), name
        assert operation["tags"] != [""], name
        assert "4XX" in operation["responses"], name
        assert operation["security"] == [{"bearer": []}, {"cookieAuth": []}], name


def test_task_object_is_described(schema: dict[str, Any]) -> None:
    task = schema["components"]["schemas"]["TaskShown"]
    assert set(task["required"]) == {
        "task",
        "lease",
        "expires_at",
        "item",
        "candidates",
        "questions",
        "draft",
        "suggestion",
    }


def test_schema_and_page_are_public(client: Client) -> None:
    assert client.get("/api/schema/").status_code == 200
    page = client.get("/api/docs/")
    assert page.status_code == 200
    assert not re.search(rb"<script(?![^>]*\bsrc=)", page.content)
    policy = page["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert re.search(r"script-src [^;]*unsafe", policy) is None
    script = client.get("/api/docs/?script=")
    assert script["Content-Type"].startswith("application/javascript")
    assert b"/api/schema/" in script.content


def test_other_pages_keep_the_strict_policy(client: Client) -> None:
    assert "unsafe" not in client.get("/api/v1/")["Content-Security-Policy"]


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_page_shows_the_operations_in_a_browser(live_server: Any) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium on this machine")
    sync_playwright = pytest.importorskip("playwright.sync_api").sync_playwright
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("console", lambda said: complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{live_server.url}/api/docs/")
        page.get_by_text("/api/v1/projects/{slug}/tasks/claim/").first.wait_for(timeout=60_000)
        browser.close()
    assert [said for said in complaints if "Content Security Policy" in said] == []
