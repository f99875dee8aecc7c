"""Why: `manage.py generate SLUG`: ask for the candidates a project lacks, and watch them come."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import CommandParser

from generation.kinds import BreakerState, EndpointState
from labeling.errors import NotFound
from labeling.management.command import QuorumCommand, Result
from labeling.models import Project
from labeling.operations import candidates
from labeling.queries.fleet import RequestCounts, has_worker, list_endpoint_loads, request_counts
from labeling.rules.states import ProjectState

LOOK_S = 0.5
TELL_S = 2.0
STALL_S = 10.0
QUEUE = "generation"


class Command(QuorumCommand):
    help = "Make a project's generation requests; with --wait, until all are answered."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the project's slug")
        parser.add_argument(
            "--wait", action="store_true", help="stay until no request is open (or Ctrl-C)"
        )
        parser.add_argument(
            "--retry-dead", action="store_true", help="ask again for those with permanent errors"
        )

    def run(self, **options: Any) -> Result:
        project = Project.objects.filter(slug=options["slug"]).first()
        if project is None:
            raise NotFound(f"There is no project {options['slug']}.")
        n_made = candidates.request_candidates(project_id=project.pk)
        n_retried = candidates.retry_dead(project_id=project.pk) if options["retry_dead"] else 0
        problem = self._wait(project) if options["wait"] else ""
        counts = request_counts(project_id=project.pk)
        if not problem and counts.dead:
            problem = f"{counts.dead} requests are dead: the server refuses them for good."
        data = {"requested": counts.requested, "done": counts.done, "dead": counts.dead}
        text = (
            f"{n_made} requests made, {n_retried} asked again; of {counts.requested} in all, "
            f"{counts.done} are done, {counts.open} open and {counts.dead} dead."
        )
        return Result(data=data, text=text, problem=problem)

    def _wait(self, project: Project) -> str:
        """Tell the progress until nothing is open; returns what went wrong, or ""."""
        told, told_at = RequestCounts(), time.monotonic() - TELL_S
        if request_counts(project_id=project.pk).open and not has_worker(QUEUE):
            self._tell_why()
        try:
            while (counts := request_counts(project_id=project.pk)).open:
                project.refresh_from_db(fields=["state"])
                if project.state != ProjectState.ACTIVE:
                    return (
                        f"The project is {project.state}: nothing is generated until it is active."
                    )
                if counts != told and time.monotonic() - told_at >= TELL_S:
                    told, told_at = counts, time.monotonic()
                    self.say(f"{counts.done} of {counts.requested} answered, {counts.leased} now")
                if not counts.leased and time.monotonic() - told_at >= STALL_S:
                    told_at = time.monotonic()
                    self._tell_why()
                time.sleep(LOOK_S)
        except KeyboardInterrupt:
            return "Interrupted; the workers go on without this command."
        return ""

    def _tell_why(self) -> None:
        """Say what keeps requests from being answered, as far as rows tell."""
        if not has_worker(QUEUE):
            self.say("No worker serves the queue generation: start one, and it goes on.")
        for load in list_endpoint_loads():
            endpoint = load.endpoint
            if not load.n_pending:
                continue
            if endpoint.state != EndpointState.ACTIVE:
                self.say(f"The endpoint {endpoint.name} is {endpoint.state.value}.")
            elif endpoint.breaker_state != BreakerState.CLOSED:
                self.say(f"The endpoint {endpoint.name} fails ({endpoint.last_error_class}).")
