"""The six templates keep what DESIGN section 8 pins."""

from __future__ import annotations

import pytest

from labeling.rules.questions import QuestionType, parse_questions, to_wire
from labeling.rules.states import Template
from labeling.rules.templates import TEMPLATES, ProjectTemplate, UnknownTemplate, get_template

ALL = list(TEMPLATES.values())


def test_there_are_the_six_pinned_templates() -> None:
    names = ["demonstration", "preference", "ranking", "rating", "classification", "rlhf"]
    assert [each.name.value for each in ALL] == names
    assert [get_template(name) for name in names] == ALL


def test_unknown_template_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownTemplate) as caught:
        get_template("essay")
    assert "demonstration" in caught.value.detail


@pytest.mark.parametrize(
    ("name", "overlap", "shape", "needed"),
    [
        (Template.DEMONSTRATION, 1, (1, 1), 0),
        (Template.PREFERENCE, 3, (2, 1), 2),
        (Template.RANKING, 3, (2, 2), 2),
        (Template.RATING, 3, (2, 1), 1),
        (Template.CLASSIFICATION, 3, (0, 0), 0),
        (Template.RLHF, 3, (2, 2), 0),
    ],
)
def test_overlap_slate_and_candidates_needed(
    name: Template, overlap: int, shape: tuple[int, int], needed: int
) -> None:
    template = TEMPLATES[name]
    assert template.overlap == overlap
    assert (template.slate.n_policies, template.slate.n_samples) == shape
    assert template.candidates_needed == needed
    assert template.slate.n_candidates >= needed
    assert template.slate.as_suggestion is (name is Template.DEMONSTRATION)


@pytest.mark.parametrize("template", ALL, ids=lambda each: each.name)
def test_questions_are_readable_in_their_wire_form(template: ProjectTemplate) -> None:
    assert parse_questions([to_wire(q) for q in template.questions]) == template.questions


@pytest.mark.parametrize("template", ALL, ids=lambda each: each.name)
def test_preferences_allow_ties(template: ProjectTemplate) -> None:
    for question in template.questions:
        if question.type is QuestionType.PREFERENCE:
            assert question.tie
            assert question.neither


@pytest.mark.parametrize("template", ALL, ids=lambda each: each.name)
def test_guidelines_are_half_a_page_that_a_person_can_use(template: ProjectTemplate) -> None:
    assert template.guidelines.startswith("# ")
    assert 200 <= len(template.guidelines.split()) <= 900
    for heading in ("## How to work", "## When not to answer"):
        assert heading in template.guidelines
