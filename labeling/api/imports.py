"""Why: files that become items: uploaded here, read by a worker, watched here."""

from __future__ import annotations

import uuid
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api import paging
from labeling.api.bodies import PageParams
from labeling.api.item_lines import (
    ImportLine,
    ImportShown,
    ReadShown,
    UploadBody,
    UploadParams,
)
from labeling.api.parsers import Upload
from labeling.api.schema import operation, page_of
from labeling.api.views import ApiView
from labeling.errors import Invalid, NotFound
from labeling.models import ImportRun
from labeling.operations.imports import Progress, as_json, import_now, queue_import
from labeling.rules.permissions import Permission

MAX_WAIT_BYTES = 8 * 2**20
"""Of a file read within a request: some seconds of rendering."""
MAX_BAD_SHOWN = 1_000


class Imports(ApiView):
    tag = "imports"
    parser_classes = [Upload]

    @operation("imports_list", page_of(ImportLine), params=PageParams)
    def get(self, request: Request, slug: str) -> Response:
        """List a project's imports, newest first."""
        project = self.project(slug, Permission.ITEMS_IMPORT)
        rows = ImportRun.objects.filter(project=project).defer("bad")
        found = paging.page(rows, is_newest_first=True, **self.params(PageParams))
        return paging.answer(ImportLine, found)

    @operation(
        "imports_upload",
        ImportLine,
        status=202,
        body={"multipart/form-data": UploadBody},
        params=UploadParams,
        also={200: ReadShown},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Upload a file; a worker reads it, and `wait` reads a small one at once."""
        project = self.project(slug, Permission.ITEMS_IMPORT)
        is_awaited = self.params(UploadParams)["wait"]
        said = self.body(UploadBody)
        file = said["file"]
        wanted: dict[str, Any] = {
            "project": project,
            "file": file,
            "name": file.name,
            "format": said.get("format"),
            "mapping": said.get("map"),
            "actor": self.actor,
        }
        if not is_awaited:
            return Response(ImportLine(queue_import(**wanted)).data, status=202)
        if file.size > MAX_WAIT_BYTES:
            limit = f"{MAX_WAIT_BYTES // 2**20} MiB"
            raise Invalid(
                f"A file above {limit} is read by a worker: leave `wait` out.",
                fields={"wait": f"files up to {limit} only"},
            )
        return Response(_told(import_now(**wanted)))


class OneImport(ApiView):
    tag = "imports"

    @operation("imports_retrieve", ImportShown)
    def get(self, request: Request, slug: str, run: uuid.UUID) -> Response:
        """Return how far an import is, with its bad rows."""
        project = self.project(slug, Permission.ITEMS_IMPORT)
        found = ImportRun.objects.filter(project=project, uid=run).first()
        if found is None:
            raise NotFound("There is no such import.")
        return Response(ImportShown(found).data)


def _told(progress: Progress) -> dict[str, Any]:
    return {
        "added": progress.added,
        "already": progress.already,
        "n_read": progress.n_read,
        "n_bad": progress.n_bad,
        "bad": [as_json(row) for row in progress.bad[:MAX_BAD_SHOWN]],
    }
