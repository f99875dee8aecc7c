"""Why: one's own API tokens. In a session only: a token must not make tokens."""

from __future__ import annotations

import uuid

from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api import paging
from labeling.api.bodies import PageParams
from labeling.api.people_lines import TokenBody, TokenIssued, TokenShown
from labeling.api.schema import operation, page_of
from labeling.api.views import ApiView
from labeling.errors import NotFound
from labeling.operations.tokens import create_token, revoke_token
from labeling.queries.people import tokens_of


class Tokens(ApiView):
    tag = "tokens"

    @operation("tokens_list", page_of(TokenShown), params=PageParams)
    def get(self, request: Request) -> Response:
        """List your tokens, newest first."""
        self.check_own()
        rows = paging.page(tokens_of(self.user), is_newest_first=True, **self.params(PageParams))
        return paging.answer(TokenShown, rows)

    @operation("tokens_create", TokenIssued, status=201, body=TokenBody)
    def post(self, request: Request) -> Response:
        """Make a token; it is shown this once."""
        self.check_own()
        issued = create_token(user=self.user, actor=self.actor, **self.body(TokenBody))
        shown = TokenShown(issued.token).data
        return Response({**shown, "token": issued.secret}, status=201)


class OneToken(ApiView):
    tag = "tokens"

    @operation("tokens_revoke", None, status=204)
    def delete(self, request: Request, token: uuid.UUID) -> Response:
        """End a token for good."""
        self.check_own()
        row = tokens_of(self.user).filter(uid=token).first()
        if row is None:
            raise NotFound("You have no such token.")
        revoke_token(token=row, actor=self.actor)
        return Response(status=204)
