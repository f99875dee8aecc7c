"""Why: what PostgreSQL alone can do with the same statements: pgbench, no Python at all."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

_PARAMETER = re.compile(r"%\((\w+)\)s")


def pgbench_claims(
    *, folder: Path, database_url: str, project: Any, n_clients: int, seconds: int
) -> float:
    """Return claims-and-answers a second of pgbench running the product's own statements."""
    from deploy.local.postgres import _find_binaries
    from labeling.models import Annotator, Enrolment
    from labeling.operations import sql

    annotators = Annotator.objects.bulk_create(
        [
            Annotator(workspace=project.workspace, pseudonym=f"pgbench-{n}-{project.pk}")
            for n in range(n_clients)
        ]
    )
    enrolments = Enrolment.objects.bulk_create(
        [Enrolment(project=project, annotator=one) for one in annotators]
    )
    named = {name: _for_pgbench(text) for name, text in sql.statements("desk").items()}
    lines = [
        f"\\set enrolment {enrolments[0].pk} + :client_id",
        f"\\set annotator {annotators[0].pk} + :client_id",
        f"\\set project {project.pk}",
        f"\\set questions {project.questions_id}",
        "\\set want 1",
        "BEGIN;",
        named["enter"] + ";",
        named["claim"] + ";",
        "SELECT a.id AS assignment, a.item_id AS item FROM labeling_assignment a"
        " WHERE a.enrolment_id = :enrolment AND a.state = 'held' LIMIT 1 \\gset",
        named["store_response"] + ";",
        named["progress"] + ";",
        "COMMIT;",
    ]
    script = folder / "claim-and-answer.sql"
    script.write_text("\n".join(_one_line(line) for line in lines))
    script.chmod(0o644)
    pgbench = next(_find_binaries(None).glob("**/pgbench"), None)
    if pgbench is None:
        raise FileNotFoundError("pgbench is not among PostgreSQL's programs")
    done = subprocess.run(
        [str(pgbench), "-n", "-M", "prepared", "-f", str(script), "-c", str(n_clients), "-j", "2",
         "-T", str(seconds), database_url],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if found is None:
        raise RuntimeError(done.stderr[-2000:])
    return float(found.group(1))


_CONSTANTS = {
    "rescan": "false",
    "uids": "ARRAY[gen_random_uuid()]",
    "guidelines": "NULL::bigint",
    "uid": "gen_random_uuid()",
    "lease": "(SELECT lease FROM labeling_assignment WHERE id = :assignment)",
    "values": '\'{"better": {"better": "A", "strength": 1}}\'',
    "spent_ms": "900",
    "source": "'desk'",
    "counted_on": "now()::date",
    "retaken": "0",
    "from_held": "1",
    "from_parked": "0",
}


def _for_pgbench(text: str) -> str:
    text = re.sub(r"--[^\n]*", "", text)
    return _PARAMETER.sub(lambda m: _CONSTANTS.get(m.group(1), f":{m.group(1)}"), text)


def _one_line(text: str) -> str:
    return " ".join(text.split())
