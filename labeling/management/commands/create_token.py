"""`manage.py create_token EMAIL`"""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from labeling.errors import NotFound
from labeling.management.command import COMMAND, QuorumCommand, Result
from labeling.operations.tokens import create_token
from labeling.queries.people import user_by_email
from labeling.rules.permissions import Scope


class Command(QuorumCommand):
    help = "Make an API token for a user and print it, this once."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", default="command line")
        parser.add_argument(
            "--scope", action="append", choices=list(Scope), help="all of use if left out"
        )

    def run(self, **options: Any) -> Result:
        """Make the token."""
        user = user_by_email(options["email"])
        if user is None:
            raise NotFound(f"There is no user {options['email']}.")
        issued = create_token(
            user=user, name=options["name"], scopes=options["scope"], actor=COMMAND
        )
        data = {"token": issued.secret, "scopes": issued.token.scopes, "email": user.email}
        return Result(data, issued.secret)
