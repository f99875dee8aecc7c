"""The project pages in a real browser: a project's first minutes, and what axe finds."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import connection
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from labeling.models import Project
from labeling.operations.imports import run_import
from labeling.operations.snapshots import queue_snapshot, run_snapshot
from tests.cast import TEST, Cast
from tests.project_pages.conftest import answer, enrol, load, rows

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
GRAVE = ("serious", "critical")
Open = Callable[..., Page]
T = TypeVar("T")


@pytest.fixture
def browser(cast: Cast, lab_project: Project) -> Iterator[Browser]:
    """Of one test, and after its rows: Playwright's loop is in the way of whoever publishes."""
    if CHROMIUM is None:
        pytest.skip("no chromium binary on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


def apart(do: Callable[..., T], *given: Any) -> T:
    """Do something with the database in a thread, where no loop runs."""

    def done() -> T:
        try:
            return do(*given)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(done).result()


@pytest.fixture
def open_as(browser: Browser, live_server: Any, seen_by: Callable[[str], Client]) -> Iterator[Open]:
    """Open a page as somebody; at the end no page may have complained."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def opener(name: str, path: str, **options: Any) -> Page:
        options = {"viewport": {"width": 1440, "height": 900}, "locale": "en-GB", **options}
        context = browser.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(15_000)
        session = apart(seen_by, name).cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page = context.new_page()
        page.on("console", lambda said: complaints.extend([said.text] * (said.type == "error")))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(live_server.url + path)
        return page

    yield opener
    for context in contexts:
        context.close()
    assert complaints == []


def test_a_project_is_made_filled_and_watched_while_people_answer(
    cast: Cast, open_as: Open, tmp_path: Path
) -> None:
    page = open_as("maya", "/workspaces/lab/new-project/")
    page.get_by_role("link", name="Preferences").click()
    page.get_by_label("Name").fill("Skies")
    page.get_by_label("Nobody").check()
    questions = page.get_by_label("Questions, as JSON")
    written = questions.input_value()
    questions.fill(written.replace('"preference",', '"riddle",'))
    expect(page.locator("#question-mistakes")).to_contain_text("questions[0].type")
    questions.fill(written)
    expect(page.locator("#question-mistakes")).to_contain_text("without a mistake")
    expect(page.locator("#preview")).to_contain_text("How to work")
    page.get_by_role("button", name="Create and activate").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Skies")

    page.get_by_role("link", name="Import prompts").click()
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_bytes(rows(3) + b"nonsense\n")
    page.get_by_label("File").set_input_files(prompts)
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("No worker is alive for queue exchange")).to_be_visible()
    project = apart(lambda: Project.objects.get(name="Skies"))
    apart(lambda: run_import(run_id=project.import_runs.get().pk))
    expect(page.get_by_text("is not JSON")).to_be_visible()
    page.get_by_role("link", name="To the project").click()

    tile = page.locator(".tile").first
    expect(tile).to_contain_text("of 9")
    expect(page.locator("#live")).to_contain_text("9 places are open, and nobody is at a desk.")
    apart(lambda: answer(enrol(project, cast.ana), 2))
    expect(tile).to_contain_text("2 of 9")
    expect(page.locator(".quota-list")).to_contain_text("2 today")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#project-state")).to_contain_text("paused")


def test_a_hidden_tab_asks_for_nothing(lab_project: Project, open_as: Open) -> None:
    page = open_as("maya", "/projects/cats/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    with page.expect_request("**/live/**"):
        pass
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true})")
    page.wait_for_timeout(300)
    asked.clear()
    page.wait_for_timeout(2500)
    assert asked == []


def test_focus_stays_where_it_was_when_the_page_changes(
    cast: Cast, lab_project: Project, open_as: Open
) -> None:
    apart(load, lab_project, rows(2))
    page = open_as("maya", "/projects/cats/")
    page.locator("#quotas-link").focus()
    apart(lambda: answer(enrol(lab_project, cast.ana)))
    expect(page.locator(".tile").first).to_contain_text("1 of 6")
    expect(page.locator("#quotas-link")).to_be_focused()


def test_a_quota_is_set_by_keyboard_alone(cast: Cast, lab_project: Project, open_as: Open) -> None:
    enrolment = apart(enrol, lab_project, cast.ana)
    page = open_as("maya", "/projects/cats/quotas/")
    page.get_by_label(f"Quota of {enrolment.annotator.pseudonym} in all").focus()
    page.keyboard.type("25")
    page.keyboard.press("Enter")
    expect(page.locator(".saved")).to_be_visible()
    apart(enrolment.refresh_from_db)
    assert enrolment.quota_total == 25


PAGES = (
    "",
    "items/",
    "items/{item}/",
    "responses/",
    "flags/",
    "import/",
    "import/{run}/",
    "export/",
    "export/{snapshot}/",
    "quotas/",
    "guidelines/",
    "guidelines/edit/",
    "questions/",
    "questions/edit/",
    "settings/",
)


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_axe_finds_nothing_grave_on_any_page(
    cast: Cast, lab_project: Project, open_as: Open, look: str
) -> None:
    uids = apart(one_of_everything, cast, lab_project)
    paths = [f"/projects/cats/{path.format(**uids)}" for path in PAGES]
    paths += ["/workspaces/lab/new-project/", "/workspaces/lab/new-project/?template=rlhf"]
    options: dict[str, Any] = {"color_scheme": "dark" if look == "dark" else "light"}
    if look == "phone":
        options["viewport"] = {"width": 390, "height": 844}
    page = open_as("maya", "/", **options)
    found = [(path, each) for path in paths for each in grave(page, path)]
    ops = open_as("otto", "/fleet/", **options)
    found += [("/fleet/", each) for each in grave(ops, "/fleet/")]
    assert found == []


def one_of_everything(cast: Cast, project: Project) -> dict[str, Any]:
    item = load(project, rows(3))[0]
    for user in (cast.ana, cast.ben):
        answer(enrol(project, user), 2)
    snapshot = queue_snapshot(project=project, format="raw", actor=TEST)
    run_snapshot(snapshot_id=snapshot.pk)
    run = project.import_runs.get()
    return {"item": item.uid, "run": run.uid, "snapshot": snapshot.uid}


def grave(page: Page, path: str) -> list[str]:
    """Return what axe finds serious on a page, and whether it is wider than the window."""
    origin = page.evaluate("location.origin")
    page.goto(origin + path)
    violations = Axe().run(page).response["violations"]
    said = [
        f"{one['id']}: {one['nodes'][0]['target']}" for one in violations if one["impact"] in GRAVE
    ]
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        said.append("wider than the window")
    return said
