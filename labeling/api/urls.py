"""Addresses under /api/; tests/api/test_matrix.py has a line for every one of them."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path, re_path

from labeling.api import (
    docs,
    endpoints,
    fleet,
    imports,
    items,
    people,
    policies,
    project_parts,
    projects,
    quotas,
    responses,
    snapshots,
    tasks,
    tokens,
)
from labeling.api.views import Index, NoSuchAddress

app_name = "api"

_PROJECT = "projects/<slug:slug>"
_TASK = f"{_PROJECT}/tasks/<str:task>"
_ITEM = f"{_PROJECT}/items/<str:item>"
_QUOTA = f"{_PROJECT}/quotas/<uuid:enrolment>"
_SNAPSHOT = f"{_PROJECT}/snapshots/<uuid:snapshot>"
_WORKSPACE = "workspaces/<slug:workspace>"

_tasks = [
    path(f"{_PROJECT}/tasks/", tasks.Tasks.as_view(), name="tasks"),
    path(f"{_PROJECT}/tasks/claim/", tasks.Claim.as_view(), name="task-claim"),
    path(f"{_PROJECT}/tasks/acknowledge/", tasks.Acknowledge.as_view(), name="task-acknowledge"),
    path(f"{_TASK}/submit/", tasks.Submit.as_view(), name="task-submit"),
    path(f"{_TASK}/draft/", tasks.Draft.as_view(), name="task-draft"),
    path(f"{_TASK}/skip/", tasks.Skip.as_view(), name="task-skip"),
    path(f"{_TASK}/release/", tasks.Release.as_view(), name="task-release"),
    path(f"{_TASK}/park/", tasks.Park.as_view(), name="task-park"),
    path(f"{_TASK}/flag/", tasks.Flag.as_view(), name="task-flag"),
    path(f"{_TASK}/active/", tasks.Active.as_view(), name="task-active"),
    path(f"{_TASK}/amend/", tasks.Amend.as_view(), name="task-amend"),
]
_projects = [
    path("templates/", projects.Templates.as_view(), name="templates"),
    path("projects/", projects.Projects.as_view(), name="projects"),
    path(f"{_PROJECT}/", projects.OneProject.as_view(), name="project"),
    path(f"{_PROJECT}/activate/", projects.Activate.as_view(), name="project-activate"),
    path(f"{_PROJECT}/pause/", projects.Pause.as_view(), name="project-pause"),
    path(f"{_PROJECT}/resume/", projects.Resume.as_view(), name="project-resume"),
    path(f"{_PROJECT}/finish/", projects.Finish.as_view(), name="project-finish"),
    path(f"{_PROJECT}/archive/", projects.Archive.as_view(), name="project-archive"),
    path(f"{_PROJECT}/questions/", project_parts.Questions.as_view(), name="questions"),
    path(f"{_PROJECT}/guidelines/", project_parts.Guidelines.as_view(), name="guidelines"),
    path(f"{_PROJECT}/slate/", project_parts.Slate.as_view(), name="slate"),
    path(f"{_PROJECT}/generate/", project_parts.Generate.as_view(), name="generate"),
    path(f"{_PROJECT}/progress/", project_parts.Progress.as_view(), name="progress"),
    path(f"{_PROJECT}/agreement/", project_parts.Agreement.as_view(), name="agreement"),
    path(f"{_PROJECT}/notices/", project_parts.Notices.as_view(), name="notices"),
    path(f"{_PROJECT}/audit/", project_parts.Audit.as_view(), name="audit"),
]
_items = [
    path(f"{_PROJECT}/items/", items.Items.as_view(), name="items"),
    path(f"{_ITEM}/", items.OneItem.as_view(), name="item"),
    path(f"{_ITEM}/withdraw/", items.Withdraw.as_view(), name="item-withdraw"),
    path(f"{_ITEM}/priority/", items.Priority.as_view(), name="item-priority"),
    path(f"{_ITEM}/one-more/", items.OneMore.as_view(), name="item-one-more"),
    path(f"{_ITEM}/gold/", items.Gold.as_view(), name="item-gold"),
    path(f"{_PROJECT}/imports/", imports.Imports.as_view(), name="imports"),
    path(f"{_PROJECT}/imports/<uuid:run>/", imports.OneImport.as_view(), name="import"),
    path(f"{_PROJECT}/responses/", responses.Responses.as_view(), name="responses"),
    path(f"{_PROJECT}/snapshots/", snapshots.Snapshots.as_view(), name="snapshots"),
    path(f"{_SNAPSHOT}/", snapshots.OneSnapshot.as_view(), name="snapshot"),
    path(f"{_SNAPSHOT}/archive/", snapshots.Archive.as_view(), name="snapshot-archive"),
    path(f"{_SNAPSHOT}/files/<str:name>/", snapshots.OneFile.as_view(), name="snapshot-file"),
    path(f"{_PROJECT}/quotas/", quotas.Quotas.as_view(), name="quotas"),
    path(f"{_QUOTA}/", quotas.OneQuota.as_view(), name="quota"),
    path(f"{_QUOTA}/state/", quotas.OneEnrolmentState.as_view(), name="quota-state"),
]
_people = [
    path("me/", people.MeView.as_view(), name="me"),
    path("tokens/", tokens.Tokens.as_view(), name="tokens"),
    path("tokens/<uuid:token>/", tokens.OneToken.as_view(), name="token"),
    path("workspaces/", people.Workspaces.as_view(), name="workspaces"),
    path(f"{_WORKSPACE}/", people.OneWorkspace.as_view(), name="workspace"),
    path(f"{_WORKSPACE}/members/", people.Members.as_view(), name="members"),
    path(f"{_WORKSPACE}/members/<uuid:member>/", people.OneMember.as_view(), name="member"),
    path(f"{_WORKSPACE}/invitations/", people.Invitations.as_view(), name="invitations"),
    path(
        f"{_WORKSPACE}/invitations/<uuid:invitation>/",
        people.OneInvitation.as_view(),
        name="invitation",
    ),
    path(
        f"{_WORKSPACE}/policies/", policies.PoliciesOfWorkspace.as_view(), name="workspace-policies"
    ),
]
_fleet = [
    path("fleet/", fleet.Fleet.as_view(), name="fleet"),
    path("fleet/processes/<str:process>/", fleet.WantedOfProcess.as_view(), name="fleet-process"),
    path("fleet/queues/<str:queue>/", fleet.WantedOfQueue.as_view(), name="fleet-queue"),
    path("endpoints/", endpoints.Endpoints.as_view(), name="endpoints"),
    path("endpoints/<uuid:endpoint>/", endpoints.OneEndpoint.as_view(), name="endpoint"),
    path(
        "endpoints/<uuid:endpoint>/state/",
        endpoints.EndpointStateView.as_view(),
        name="endpoint-state",
    ),
    path(
        "endpoints/<uuid:endpoint>/confirm/", endpoints.Confirm.as_view(), name="endpoint-confirm"
    ),
    path("policies/", policies.Policies.as_view(), name="policies"),
    path("policies/<uuid:policy>/", policies.OnePolicy.as_view(), name="policy"),
    path("policies/<uuid:policy>/state/", policies.PolicyStateView.as_view(), name="policy-state"),
    path(
        "policies/<uuid:policy>/workspaces/<slug:workspace>/",
        policies.PolicyOfWorkspace.as_view(),
        name="policy-workspace",
    ),
]

_v1: list[URLPattern | URLResolver] = [
    path("", Index.as_view(), name="index"),
    *_tasks,
    *_projects,
    *_items,
    *_people,
    *_fleet,
    re_path("", NoSuchAddress.as_view(), name="no-such-address"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/", include(_v1)),
    path("schema/", docs.SchemaView.as_view(), name="schema"),
    path("docs/", docs.DocsView.as_view(), name="docs"),
]
