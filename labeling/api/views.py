"""Why: what every resource's views share: who asks, with which scopes, and how bodies are read.

A view parses, makes one domain call, and writes the answer. Every address's slug goes
through queries/access.py with the scopes of the token.
"""

from __future__ import annotations

from typing import Any, TypeVar

from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from labeling.api.bodies import Body, Params
from labeling.api.errors import LengthRequired
from labeling.api.parsers import JsonBody
from labeling.api.schema import Schema
from labeling.models import Project, User, Workspace
from labeling.operations.audit import Actor
from labeling.queries import access
from labeling.rules.permissions import Permission

T = TypeVar("T", bound=Body | Params)


class ApiView(APIView):
    """A view of /api/v1/. `tag` groups its operations in the schema."""

    parser_classes = [JsonBody]
    metadata_class = None
    schema = Schema()
    tag = ""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if "HTTP_TRANSFER_ENCODING" in request.META and not request.META.get("CONTENT_LENGTH"):
            raise LengthRequired
        super().initial(request, *args, **kwargs)

    @property
    def user(self) -> User:
        user = self.request.user
        assert isinstance(user, User)
        return user

    @property
    def scopes(self) -> access.Scopes:
        """Return the token's scopes; None for a session."""
        return self.request.auth  # type: ignore[return-value]

    @property
    def actor(self) -> Actor:
        return Actor(user=self.user, via="api")

    def project(self, slug: str, permission: Permission) -> Project:
        """Return the project if whoever asks may do this in it. Raises: as project_for."""
        return access.project_for(self.user, slug, permission, scopes=self.scopes)

    def workspace(self, slug: str, permission: Permission) -> Workspace:
        """Return the workspace if whoever asks may do this in it. Raises: as workspace_for."""
        return access.workspace_for(self.user, slug, permission, scopes=self.scopes)

    def check_instance(self, permission: Permission) -> None:
        """Refuse who may not do something instance-wide. Raises: as check_instance."""
        access.check_instance(self.user, permission, scopes=self.scopes)

    def check_own(self) -> None:
        """Refuse tokens: one's own account is for a person at a browser. Raises: OutOfScope."""
        access.check_permission(
            permission=Permission.TOKENS_OWN, role=None, is_ops=False, scopes=self.scopes
        )

    def body(self, kind: type[Body]) -> dict[str, Any]:
        """Return the checked fields of the JSON body."""
        return _checked(kind(data=self.request.data))

    def params(self, kind: type[Params]) -> dict[str, Any]:
        """Return the checked parameters of the address."""
        return _checked(kind(data=self.request.query_params.dict()))


def _checked(serializer: Serializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


class Index(ApiView):
    """Where to begin."""

    permission_classes = [AllowAny]
    schema = None  # type: ignore[assignment]

    def get(self, request: Request) -> Response:
        """Name the addresses that everything else is found from."""
        names = ("me", "projects", "templates", "workspaces", "tokens", "fleet", "schema", "docs")
        return Response({name: reverse(f"api:{name}", request=request) for name in names})


class NoSuchAddress(ApiView):
    """Answers in JSON, where Django would in HTML."""

    authentication_classes = []
    permission_classes = [AllowAny]
    schema = None  # type: ignore[assignment]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound("There is no such address; addresses end in a slash.")
