"""What real people wrote, from the file to the training set, by commands alone."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from labeling.models import Item
from labeling.operations.consensus import settle_finished
from tests.agreement.conftest import _file
from tests.export.builders import export, manifest_of

pytestmark = pytest.mark.django_db(transaction=True)


def command(*words: str) -> Any:
    out = StringIO()
    call_command(*words, "--json", stdout=out, stderr=StringIO())
    return json.loads(out.getvalue())


def test_pandalm_gives_its_published_figures_and_a_training_set(tmp_path: Path) -> None:
    path = _file("pandalm/testset-v1.json")
    slug = command("create_project", "Pandas", "--workspace", "lab", "--template", "preference")[
        "slug"
    ]
    assert command("import_items", slug, str(path))["added"] == 999
    found = command("agreement", slug)["questions"]
    [preference] = [one for one in found.values() if one["type"] == "preference"]
    assert preference["alpha"] == pytest.approx(0.8642, abs=0.0001)
    assert preference["majority"] == {
        "counts": {"#1": 422, "#2": 472, "tie": 105},
        "undecided": 0,
    }
    assert settle_finished(limit=2_000) == 999
    assert Item.objects.filter(consensus_at=None).count() == 0
    assert command("verify", slug)["broken"] == {}
    made, said = export(tmp_path, "preference", slug=slug)
    counts = manifest_of(tmp_path)["counts"]
    assert counts["dropped"]["tie"] == 105
    assert made["rows"] + sum(counts["dropped"].values()) == 999
    assert "the answers are equally good (105)" in said
