"""Why: training sets: asked for here, written by a worker, taken away as one archive or file
by file."""

from __future__ import annotations

import uuid
import zipfile
from collections.abc import AsyncIterator, Callable
from typing import IO, Any

from asgiref.sync import sync_to_async
from django.core.files.storage import default_storage
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api import paging
from labeling.api.bodies import Body, Object, PageParams, Text
from labeling.api.schema import operation, page_of
from labeling.api.views import ApiView
from labeling.errors import Conflict, NotFound
from labeling.exchange.files import FILE_TYPES
from labeling.exchange.manifest import NAME as MANIFEST
from labeling.exchange.training_sets import FORMATS
from labeling.models import Snapshot, StoredFile
from labeling.operations.snapshots import queue_snapshot
from labeling.rules.permissions import Permission

CHUNK = 1 << 16


class NewSnapshotBody(Body):
    format = Text(max_length=40, help_text=", ".join(FORMATS))
    file_type = Text(default="jsonl", max_length=16, help_text=" or ".join(FILE_TYPES))
    options = Object(default=dict, help_text="As operations/export_choices.py lists them.")


class SnapshotLine(serializers.ModelSerializer[Snapshot]):
    id = serializers.CharField(source="uid")
    file_type = serializers.CharField()
    state = serializers.CharField(help_text="pending, running, done or failed")
    options = serializers.SerializerMethodField()

    class Meta:
        model = Snapshot
        fields = (
            "id",
            "format",
            "file_type",
            "options",
            "state",
            "n_rows",
            "error",
            "created_at",
            "finished_at",
        )

    def get_options(self, snapshot: Snapshot) -> dict[str, Any]:
        chosen: dict[str, Any] = snapshot.options.get("choices", {})
        return chosen


class SnapshotShown(SnapshotLine):
    manifest = Object(allow_null=True)
    files = serializers.SerializerMethodField(help_text="Names to take away one by one.")

    class Meta(SnapshotLine.Meta):
        fields = (*SnapshotLine.Meta.fields, "manifest", "files")  # type: ignore[assignment]

    def get_files(self, snapshot: Snapshot) -> list[str]:
        return _names(snapshot)


class Snapshots(ApiView):
    tag = "snapshots"

    @operation("snapshots_list", page_of(SnapshotLine), params=PageParams)
    def get(self, request: Request, slug: str) -> Response:
        """List a project's snapshots, newest first."""
        project = self.project(slug, Permission.EXPORT_MAKE)
        rows = Snapshot.objects.filter(project=project).defer("manifest")
        found = paging.page(rows, is_newest_first=True, **self.params(PageParams))
        return paging.answer(SnapshotLine, found)

    @operation("snapshots_create", SnapshotLine, status=202, body=NewSnapshotBody)
    def post(self, request: Request, slug: str) -> Response:
        """Freeze what there is now, and have a worker write it."""
        project = self.project(slug, Permission.EXPORT_MAKE)
        wanted = self.body(NewSnapshotBody)
        snapshot = queue_snapshot(project=project, actor=self.actor, **wanted)
        return Response(SnapshotLine(snapshot).data, status=202)


class SnapshotView(ApiView):
    tag = "snapshots"

    def snapshot(self, slug: str, uid: uuid.UUID) -> Snapshot:
        """Return a snapshot of a project. Raises: as project_for, NotFound."""
        project = self.project(slug, Permission.EXPORT_MAKE)
        rows = Snapshot.objects.select_related("archive")
        found = rows.filter(project=project, uid=uid).first()
        if found is None:
            raise NotFound("There is no such snapshot.")
        return found

    def archive(self, snapshot: Snapshot) -> StoredFile:
        """Return the stored archive. Raises: Conflict (not written), NotFound (gone)."""
        if snapshot.archive is None:
            raise Conflict(f"The snapshot is {snapshot.state}; it has no files.")
        if not default_storage.exists(snapshot.archive.key):
            raise NotFound("The files of this snapshot are not there any more.")
        return snapshot.archive


class OneSnapshot(SnapshotView):
    @operation("snapshots_retrieve", SnapshotShown)
    def get(self, request: Request, slug: str, snapshot: uuid.UUID) -> Response:
        """Return how far a snapshot is, and its manifest."""
        return Response(SnapshotShown(self.snapshot(slug, snapshot)).data)


class Archive(SnapshotView):
    @operation("snapshots_archive", {(200, "application/zip"): OpenApiTypes.BINARY})
    def get(self, request: Request, slug: str, snapshot: uuid.UUID) -> StreamingHttpResponse:
        """Take away all files in one archive."""
        archive = self.archive(self.snapshot(slug, snapshot))
        pieces = _pieces(lambda: default_storage.open(archive.key, "rb"))
        return _download(pieces, "application/zip", archive.name, archive.n_bytes)


class OneFile(SnapshotView):
    @operation("snapshots_file", {(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def get(
        self, request: Request, slug: str, snapshot: uuid.UUID, name: str
    ) -> StreamingHttpResponse:
        """Take away one file: a split's, or the manifest."""
        found = self.snapshot(slug, snapshot)
        archive = self.archive(found)
        if name not in _names(found):
            raise NotFound("The snapshot has no such file.")
        pieces = _pieces(lambda: _member(archive.key, name))
        return _download(pieces, "application/octet-stream", name)


def _names(snapshot: Snapshot) -> list[str]:
    if snapshot.manifest is None:
        return []
    return [*(str(file["name"]) for file in snapshot.manifest["files"]), MANIFEST]


def _member(key: str, name: str) -> IO[bytes]:
    return zipfile.ZipFile(default_storage.open(key, "rb")).open(name)


async def _pieces(open_file: Callable[[], Any]) -> AsyncIterator[bytes]:
    """Give a file piece by piece: under ASGI a plain iterator is read whole first."""
    file = await sync_to_async(open_file, thread_sensitive=False)()
    try:
        while piece := await sync_to_async(file.read, thread_sensitive=False)(CHUNK):
            yield piece
    finally:
        await sync_to_async(file.close, thread_sensitive=False)()


def _download(
    pieces: AsyncIterator[bytes], content_type: str, name: str, n_bytes: int | None = None
) -> StreamingHttpResponse:
    response = StreamingHttpResponse(pieces, content_type=content_type)
    if n_bytes is not None:
        response["Content-Length"] = str(n_bytes)
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in name)
    response["Content-Disposition"] = f'attachment; filename="{safe}"'
    return response
