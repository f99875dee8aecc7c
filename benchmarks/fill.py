"""Why: projects full of ready items, made by one SQL statement each: a million take a minute."""

from __future__ import annotations

import json
from typing import Any

WORDS = "the cat sat on a mat and looked at the moon while rain fell softly ".split()


def fill_project(*, slug: str, n_items: int, overlap: int = 3, n_words: int = 150) -> Any:
    """Create an active preference project with ready items of two candidates each."""
    from django.db import connection, transaction

    from labeling.models import Project, QuestionSet, Workspace

    workspace, _ = Workspace.objects.get_or_create(slug="bench", defaults={"name": "Bench"})
    project = Project.objects.create(
        workspace=workspace, name=slug, slug=slug, template="preference", state="active",
        overlap=overlap, candidates_needed=2,
    )  # fmt: skip
    project.questions = QuestionSet.objects.create(
        project=project, version=1, questions=[{"name": "better", "type": "preference"}]
    )
    project.save(update_fields=["questions"])
    text = " ".join((WORDS * (n_words // len(WORDS) + 1))[:n_words])
    message = json.dumps([{"role": "user", "content": text}])
    shown = json.dumps([{"role": "user", "content": text, "html": f"<p>{text}</p>"}])
    params: dict[str, str | int] = {
        "project": project.pk,
        "n": n_items,
        "overlap": overlap,
        "text": text,
        "message": message,
        "shown": shown,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ITEMS, params)
        cursor.execute(_CANDIDATES, params)
    with connection.cursor() as cursor:
        for table in ("item", "candidate", "assignment", "enrolment"):
            cursor.execute(f"VACUUM ANALYZE labeling_{table}")
    return project


_ITEMS = """
INSERT INTO labeling_item
       (uid, created_at, project_id, external_id, content_hash, source, licence, language,
        sensitivity, messages, context, metadata, rendered, renderer_version, n_open_turns,
        state, overlap, place, priority, ready_at)
SELECT gen_random_uuid(), now(), %(project)s, 'i' || n, md5(n::text), '', '', 'en', '',
       %(message)s::jsonb, '', '{}', %(shown)s::jsonb, 1, 1, 'ready', %(overlap)s,
       nextval('labeling_place'), 0, now()
  FROM generate_series(1, %(n)s) n
"""
_CANDIDATES = """
INSERT INTO labeling_candidate
       (uid, created_at, item_id, policy_name, sample, turns, rendered, renderer_version, model,
        model_revision, parameters, finish_reason, server_request_id, marks, draws, rejections)
SELECT gen_random_uuid(), now(), i.id, 'bench', k,
       jsonb_build_array(jsonb_build_object('text', k || ' ' || i.id || ' ' || %(text)s)),
       jsonb_build_array(jsonb_build_object('text', k || ' ' || i.id || ' ' || %(text)s,
           'html', '<p>' || k || ' ' || i.id || ' ' || %(text)s || '</p>')),
       1, '', '', '{}', 'stop', '', '{}', 1, '[]'
  FROM labeling_item i, generate_series(0, 1) k
 WHERE i.project_id = %(project)s
"""
