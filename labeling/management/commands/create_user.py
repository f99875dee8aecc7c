"""`manage.py create_user EMAIL --workspace W --role R [--password P]`"""

from __future__ import annotations

import secrets
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from labeling.management.command import COMMAND, QuorumCommand, Result
from labeling.operations.members import find_or_create_workspace, set_role
from labeling.operations.users import change_password, create_user, set_ops
from labeling.queries.people import user_by_email
from labeling.rules.states import Role

OPS = "ops"


class Command(QuorumCommand):
    help = (
        "Make a user and a member of a workspace (which is made if need be). "
        "An existing user gets the role, and the password if one is given."
    )

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--workspace", required=True, help="slug or name")
        parser.add_argument("--role", required=True, choices=[*Role, OPS])
        parser.add_argument("--password", help="drawn at random and printed if left out")
        parser.add_argument("--name", default="")
        parser.add_argument("--staff", action="store_true", help="may open the admin")

    @transaction.atomic
    def run(self, **options: Any) -> Result:
        """Make or change the user, then the membership."""
        email, password, is_ops = options["email"], options["password"], options["role"] == OPS
        user = user_by_email(email)
        data: dict[str, Any] = {}
        if user is None:
            if password is None:
                password = data["password"] = secrets.token_urlsafe(12)
                self.say(f"The password is {password}")
            user = create_user(
                email=email,
                password=password,
                name=options["name"],
                is_staff=options["staff"],
                is_password_checked=False,
                actor=COMMAND,
            )
        else:
            self.say(f"There is a user {user.email} already; setting the role.")
            if password is not None:
                change_password(
                    user=user, password=password, is_password_checked=False, actor=COMMAND
                )
                self.say("The password was changed.")
        workspace = find_or_create_workspace(name=options["workspace"], actor=COMMAND)
        if is_ops:  # instance-wide, and opens no workspace
            set_ops(user=user, is_ops=True, actor=COMMAND)
        else:
            role = Role(options["role"])
            set_role(workspace=workspace, user=user, role=role, actor=COMMAND)
        data = {"email": user.email, "workspace": workspace.slug, "role": options["role"], **data}
        where = "the whole instance" if is_ops else workspace.slug
        return Result(data, f"{user.email} is {options['role']} in {where}.")
