"""The whole life of an item: two annotators and a manager, in three browsers, on the real stack.

Prompts go in by the manager's page, the local language model writes the candidates, tasks are
pushed to desks that wait, the manager's page changes by itself, a training set comes out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import RunningStack

pytestmark = [
    pytest.mark.browser,
    pytest.mark.stack,
    pytest.mark.timeout(420),
    pytest.mark.xdist_group("e2e"),
]

PASSWORD = "correct horse battery"
PROMPTS = [
    {"id": "sky", "prompt": "Why is the sky blue? One sentence."},
    {"id": "tea", "prompt": "How long should green tea steep? One sentence."},
    {
        "id": "sum",
        "prompt": "What is 2 + 2?",
        "candidates": [{"text": "It is **4**."}, {"text": "It is 5."}],
    },
]


@pytest.fixture
def people(browser: Browser, stack: RunningStack) -> Iterator[dict[str, Page]]:
    """Maya manages, Ana and Ben annotate; each in a browser of their own, logged in."""
    complaints: list[str] = []
    pages = {}
    for name, role in (("maya", "manager"), ("ana", "annotator"), ("ben", "annotator")):
        email = f"{name}@lab.example"
        stack.verb(
            "create_user", email, "--workspace", "lab", "--role", role, "--password", PASSWORD
        )
        context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
        context.set_default_timeout(30_000)
        page = pages[name] = context.new_page()
        page.on(
            "console", lambda said: complaints.append(said.text) if said.type == "error" else None
        )
        page.goto(f"{stack.url}/")
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Password").first.fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Log out")).to_be_visible()
    yield pages
    for page in pages.values():
        page.context.close()
    assert complaints == []


def test_the_whole_life_of_an_item(
    stack: RunningStack, people: dict[str, Page], tmp_path: Path
) -> None:
    maya, ana, ben = people["maya"], people["ana"], people["ben"]
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("".join(json.dumps(row) + "\n" for row in PROMPTS))

    maya.goto(f"{stack.url}/workspaces/lab/new-project/?template=preference")
    maya.get_by_label("Name").fill("Skies")
    maya.get_by_label("People per item (overlap)").fill("2")
    maya.get_by_role("button", name="Create and activate").click()
    expect(maya.get_by_role("heading", level=1)).to_have_text("Skies")

    # Both sit down before there is any work: it will be pushed to them.
    for page in (ana, ben):
        page.goto(f"{stack.url}/desk/skies/")
        expect(page.locator("body")).to_contain_text("Connected")

    maya.get_by_role("link", name="Import prompts").click()
    maya.get_by_label("File").set_input_files(prompts)
    maya.get_by_role("button", name="Import").click()
    maya.get_by_role("link", name="To the project").click()
    overview = maya.locator("#live")
    expect(overview).to_contain_text("of 6", timeout=30_000)

    for n in range(1, 4):
        for page in (ana, ben):
            submit = page.get_by_role("button", name="Submit")
            expect(submit).to_be_visible(timeout=120_000)
            page.keyboard.press("1" if n < 3 else "4")
            page.keyboard.press("Control+Enter")
            expect(page.locator("body")).to_contain_text(f"{n} done", timeout=30_000)
    for page in (ana, ben):
        expect(page.get_by_role("button", name="Submit")).to_be_hidden(timeout=30_000)

    # The manager has touched nothing since the import.
    expect(overview.locator(".tile").first).to_contain_text("6 of 6", timeout=30_000)
    expect(overview).to_contain_text("3 of 3 done")
    candidates = overview.locator(".tile", has_text="Candidates")
    expect(candidates).to_contain_text("4 of 4")

    assert stack.verb("verify", "skies")["ok"] is True
    [question] = [
        one for one in stack.verb("agreement", "skies")["questions"].values() if one["n_units"]
    ]
    assert question["n_units"] == 3
    out = tmp_path / "out"
    exported = stack.verb("export", "skies", "--format", "raw", "--out", str(out))
    assert exported["rows"] == 6
    assert (out / "manifest.json").exists()
