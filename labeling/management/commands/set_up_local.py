"""Why: `make up` calls it after the migrations; it prints the demo logins."""

from __future__ import annotations

from typing import Any

from labeling.management.command import COMMAND, QuorumCommand, Result
from labeling.operations.local_setup import set_up_local


class Command(QuorumCommand):
    help = (
        "Make the rows a local stack begins with: the endpoint and policies of LLM_BASE_URL and, "
        "with DEMO=1, the demo workspace. Every start may call it again."
    )

    def run(self, **options: Any) -> Result:
        found = set_up_local(actor=COMMAND)
        if found.problem:
            self.say(found.problem)
        if found.n_shut_out:
            self.say(f"DEMO is off: {found.n_shut_out} demo logins were shut out.")
        data = {"logins": list(found.logins), "policies": list(found.policies)}
        lines = [f"{one['email']}  {one['password']}  ({one['role']})" for one in found.logins]
        return Result(data, "\n".join(lines) or "There are no demo logins.")
