"""Finished projects to export, answered through the hot path."""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import call_command

from labeling.models import Candidate, Item
from tests.consensus.answering import better, run_campaign
from tests.desk.builders import Campaign, build_campaign


def make_two_turn(item: Item) -> None:
    """Turn an item into one with two open turns."""
    messages = [{"role": "user", "content": "First?"}, {"role": "user", "content": "And then?"}]
    item.messages = messages
    item.rendered = [{**message, "html": "<p>…</p>"} for message in messages]
    item.n_open_turns = 2
    item.save()
    for candidate in item.candidates.all():
        candidate.turns = [{"text": f"{candidate.sample} one"}, {"text": f"{candidate.sample} two"}]
        candidate.rendered = [{**turn, "html": "<p>…</p>"} for turn in candidate.turns]
        candidate.save()


def mixed_campaign() -> Campaign:
    """Six finished items: q0 and q1 prefer candidate 1, q2 (two turns) candidate 0, q3 is a
    tie, q4 neither, q5 undecided; and q6, of which one answer is missing.
    """
    campaign = build_campaign(n_items=7)
    make_two_turn(campaign.project.items.get(external_id="q2"))
    said: dict[str, tuple[Any, Any, Any]] = {
        "q0": (better(1, 3), better(1, 1), better(0, 1)),
        "q1": (better(1), better(1), better(1)),
        "q2": (better(0), better(0), better("tie")),
        "q3": (better("tie"), better("tie"), better(0)),
        "q4": (better("neither"), better("neither"), better("neither")),
        "q5": (better(0), better(1), better("tie")),
        "q6": (better(0), better(0), better(0)),
    }
    last = campaign.project.items.get(external_id="q6")
    Item.objects.filter(pk=last.pk).update(overlap=4)
    run_campaign(
        campaign,
        *(lambda item, keys, n=n: said[str(item.external_id)][n](item, keys) for n in range(3)),
    )
    return campaign


def text_of(item: Item, number: int) -> str:
    """Return the first turn of a candidate by its number."""
    candidate = Candidate.objects.filter(item=item).order_by("id")[number]
    return str(candidate.turns[0]["text"])


def export(out: Path, format: str, *arguments: str, slug: str = "cats") -> tuple[Any, str]:
    """Run the command; returns its JSON and what it said on standard error."""
    stdout, stderr = StringIO(), StringIO()
    call_command(
        "export",
        *(slug, "--format", format, "--out", str(out), "--json", *arguments),
        stdout=stdout,
        stderr=stderr,
    )
    return json.loads(stdout.getvalue()), stderr.getvalue()


def rows_of(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return all rows of JSON Lines files, split after split."""
    lines = (line for path in found["files"] for line in Path(path).read_text("utf-8").split("\n"))
    return [json.loads(line) for line in lines if line]


def manifest_of(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / "manifest.json").read_text("utf-8")))
