"""Why: the page against what it is made for: a real web process, socket and database."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect

from labeling.models import Annotator, Assignment, Draft, Membership, Response, User
from tests.desk.builders import Campaign, build_campaign
from tests.wire.conftest import Web, _wait_until_up, database_url, start_web  # noqa: F401

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.django_db(transaction=True)]

ROOT = Path(__file__).parents[2]
StartWeb = Callable[..., Web]


@pytest.fixture(autouse=True, scope="module")
def database_beside_playwright() -> Iterator[None]:
    """Playwright's loop runs in this thread, though nothing here is asynchronous."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    yield
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="module")
def static_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Static files as they are deployed: collected, under names with their hash."""
    folder = tmp_path_factory.mktemp("static")
    environment = {"STATIC_ROOT": str(folder), "STATIC_HASHED": "1"}
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--noinput", "-v", "0"],
        cwd=ROOT,
        env={**os.environ, **environment},
        check=True,
        timeout=120,
    )
    return environment


@pytest.fixture
def web(start_web: StartWeb, static_files: dict[str, str]) -> Web:  # noqa: F811
    return start_web(**static_files)


def start_again(web: Web, environment: dict[str, str]) -> None:
    """Start a killed web process on its old port."""
    more = {"DATABASE_URL": database_url(), "PUBLIC_URL": web.url}
    web.process = subprocess.Popen(
        [sys.executable, "-m", "project.serve", "127.0.0.1", str(web.port), "-v", "0"],
        cwd=ROOT,
        env={**os.environ, **environment, **more},
    )
    _wait_until_up(web)


def sit_down(browser: Browser, web: Web, campaign: Campaign, name: str = "ana") -> Page:
    user = User.objects.create_user(f"{name}@lab.example", "correct horse battery")
    workspace = campaign.project.workspace
    Membership.objects.create(workspace=workspace, user=user, role="annotator")
    Annotator.objects.create(workspace=workspace, user=user, pseudonym=name)
    client = Client()
    client.force_login(user)
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": web.url}]
    )
    page = context.new_page()
    page.goto(f"{web.url}/desk/{campaign.project.slug}/")
    return page


def test_a_day_at_the_desk(browser: Browser, web: Web) -> None:
    campaign = build_campaign(n_items=4, n_annotators=0, overlap=1)
    complaints: list[str] = []
    page = sit_down(browser, web, campaign)
    page.on("console", lambda said: complaints.extend([said.text] if said.type == "error" else []))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    expect(page.get_by_role("radiogroup").first).to_be_visible()
    page.keyboard.press("2")
    expect(page.locator("#desk-draft")).to_have_text("Draft saved")
    assert Draft.objects.get().values == {"better": {"better": "A", "strength": 2}}

    page.reload()
    expect(page.get_by_role("radio", name="A better")).to_be_checked()
    first = page.locator(".task").get_attribute("data-task")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "first => document.querySelector('.task')?.dataset.task !== first", arg=first
    )
    expect(page.locator("#desk-progress-text")).to_contain_text("1 done")

    page.keyboard.press("z")
    page.wait_for_function(
        "first => document.querySelector('.task')?.dataset.task === first", arg=first
    )
    expect(page.get_by_role("radio", name="A better")).to_be_checked()
    page.keyboard.press("7")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "first => document.querySelector('.task')?.dataset.task !== first", arg=first
    )

    page.keyboard.press("s")
    page.keyboard.press("1")
    for _ in range(2):
        page.wait_for_timeout(300)
        page.keyboard.press("4")
        page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Nothing to do right now")).to_be_visible()
    expect(page.locator("#desk-progress-text")).to_contain_text("3 done")
    newest = Response.objects.filter(assignment__uid=str(first), is_current=True).get()
    assert newest.values["better"]["strength"] == 3
    assert Assignment.objects.filter(state="skipped").count() == 1
    assert complaints == []
    page.context.close()


def test_a_restarted_server_gets_what_was_answered_meanwhile(
    browser: Browser, web: Web, static_files: dict[str, str]
) -> None:
    campaign = build_campaign(n_items=2, n_annotators=0, overlap=1)
    page = sit_down(browser, web, campaign)
    expect(page.get_by_role("radiogroup").first).to_be_visible()
    page.wait_for_timeout(500)
    web.kill()
    expect(page.locator("#desk-connection")).to_contain_text("Offline")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    assert Response.objects.count() == 0
    start_again(web, static_files)
    expect(page.locator("#desk-connection")).to_have_attribute("data-state", "open", timeout=30_000)
    expect(page.locator("#desk-progress-text")).to_contain_text("1 done")
    assert Response.objects.count() == 1
    page.context.close()


def test_only_members_find_a_desk(browser: Browser, web: Web) -> None:
    campaign = build_campaign(n_items=1, n_annotators=0, overlap=1)
    page = browser.new_page()
    page.goto(f"{web.url}/desk/{campaign.project.slug}/")
    assert "/login/" in page.url
    page.close()
    page = sit_down(browser, web, campaign)
    assert page.request.get(f"{web.url}/desk/no-such-project/").status == 404
    Membership.objects.all().delete()
    assert page.request.get(f"{web.url}/desk/{campaign.project.slug}/").status == 404
    page.context.close()
