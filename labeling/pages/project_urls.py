"""Addresses of the project pages and of the fleet."""

from django.urls import URLPattern, URLResolver, path

from labeling.pages import (
    fleet,
    project_exports,
    project_imports,
    project_items,
    project_new,
    project_overview,
    project_people,
    project_responses,
    project_settings,
    project_texts,
)

P = "projects/<slug:slug>"

urlpatterns: list[URLPattern | URLResolver] = [
    path("workspaces/<slug:workspace>/new-project/", project_new.new_project, name="project_new"),
    path("editor/questions/", project_texts.check, name="check_questions"),
    path("editor/markdown/", project_texts.preview, name="preview_markdown"),
    path(f"{P}/", project_overview.overview, name="project"),
    path(f"{P}/live/", project_overview.live, name="project_live"),
    path(f"{P}/burn-up/", project_overview.burn, name="project_burn"),
    path(f"{P}/state/", project_overview.set_state, name="project_state"),
    path(f"{P}/retry/", project_overview.retry, name="project_retry"),
    path(f"{P}/items/", project_items.items, name="project_items"),
    path(f"{P}/items/<uuid:uid>/", project_items.item, name="project_item"),
    path(f"{P}/items/<uuid:uid>/act/", project_items.act, name="project_item_act"),
    path(f"{P}/responses/", project_responses.responses, name="project_responses"),
    path(f"{P}/flags/", project_responses.flags, name="project_flags"),
    path(f"{P}/import/", project_imports.imports, name="project_imports"),
    path(f"{P}/import/<uuid:uid>/", project_imports.run_page, name="project_import"),
    path(f"{P}/export/", project_exports.exports, name="project_exports"),
    path(f"{P}/export/<uuid:uid>/", project_exports.snapshot_page, name="project_export"),
    path(f"{P}/export/<uuid:uid>/file/", project_exports.download, name="project_export_file"),
    path(f"{P}/quotas/", project_people.people, name="project_people"),
    path(f"{P}/quotas/all/", project_people.quota_of_all, name="project_quota_all"),
    path(f"{P}/quotas/add/", project_people.add, name="project_people_add"),
    path(f"{P}/quotas/<uuid:uid>/", project_people.quota, name="project_quota"),
    path(f"{P}/quotas/<uuid:uid>/state/", project_people.standing, name="project_standing"),
    path(f"{P}/notice/", project_people.notice, name="project_notice"),
    path(f"{P}/guidelines/", project_texts.guidelines, name="project_guidelines"),
    path(f"{P}/guidelines/edit/", project_texts.edit_guidelines, name="project_guidelines_edit"),
    path(f"{P}/questions/", project_texts.questions, name="project_questions"),
    path(f"{P}/questions/edit/", project_texts.edit_questions, name="project_questions_edit"),
    path(f"{P}/settings/", project_settings.settings, name="project_settings"),
    path(f"{P}/settings/slate/", project_settings.slate, name="project_slate"),
    path("fleet/", fleet.fleet, name="fleet"),
    path("fleet/live/", fleet.live, name="fleet_live"),
    path("fleet/steer/", fleet.steer, name="fleet_steer"),
]
