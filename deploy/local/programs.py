"""What the stack runs of Quorum itself: commands and their environment."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.local.model_server import MODEL_NAME
from deploy.local.options import Options
from deploy.local.processes import Program, StopStep

GENERAL_QUEUES = "default,exchange,quality,mail,scoring"
# SIGTERM lets Celery finish its tasks, SIGQUIT hands them back: both are safe, the rows'
# leases see to what was cut short.
CELERY_STOP = (StopStep(signal.SIGTERM, 5.0), StopStep(signal.SIGQUIT, 3.0))
WEB_STOP = (StopStep(signal.SIGTERM, 4.0),)


def service_environment(
    *,
    options: Options,
    port: int,
    database_url: str,
    redis_url: str,
    model_port: int | None,
    secret_key_file: Path,
    data_dir: Path,
    environ: Mapping[str, str],
) -> dict[str, str]:
    """Give the settings of this stack; `run/stack.json` keeps them, so no secret is in it.

    `ALLOWED_HOSTS`, `PUBLIC_URL` and `LLM_MODEL` may be chosen by the caller.
    """
    llm_url = {"none": "", "local": f"http://127.0.0.1:{model_port}/v1"}.get(
        options.llm, options.llm
    )
    names = _names_of(options.host)
    default_model = MODEL_NAME if options.llm == "local" else ""
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY_FILE": str(secret_key_file),
        "ALLOWED_HOSTS": environ.get("ALLOWED_HOSTS") or ",".join(names),
        "PUBLIC_URL": environ.get("PUBLIC_URL") or f"http://{names[0]}:{port}",
        "DEBUG": environ.get("DEBUG") or "0",
        "DATA_DIR": str(data_dir),
        "LLM_BASE_URL": llm_url,
        "LLM_MODEL": environ.get("LLM_MODEL") or default_model,
        "LLM_ALLOW_LOOPBACK": "1",
        "LOG_FORMAT": environ.get("LOG_FORMAT") or "text",
        "DEMO": "1" if options.demo else "0",
    }


def _names_of(host: str) -> list[str]:
    """List the names under which browsers reach the service, the best one first."""
    loopback = ["127.0.0.1", "localhost"]
    if host in loopback:
        return [host, *(name for name in loopback if name != host)]
    first = socket.gethostname() if host == "0.0.0.0" else host  # noqa: S104
    return [first, *loopback]


class ServicePrograms:
    """Makes the programs of Quorum, all run with this interpreter in the checkout."""

    def __init__(self, *, base_dir: Path, data_dir: Path, environment: Mapping[str, str]) -> None:
        self._base_dir = base_dir
        self._data_dir = data_dir
        own = {"PYTHONUNBUFFERED": "1", "DJANGO_SETTINGS_MODULE": "project.settings"}
        self._environment = {**os.environ, **environment, **own}

    def manage(self, verb: str, *arguments: str) -> Program:
        """Describe one run of manage.py."""
        return self._program(verb.replace("_", "-"), "manage.py", verb, *arguments)

    def model_server(self, port: int) -> Program:
        """Describe the local model's server."""
        module = ("-m", "deploy.local.model_server")
        return self._program("model", *module, "--port", str(port))

    def web(self, *, number: int, host: str, port: int) -> Program:
        """Describe one Daphne of several on the same port."""
        return self._program(
            f"web-{number}",
            *("-m", "project.serve", host, str(port), "-v", "0"),
            stop_steps=WEB_STOP,
            environment={"WEB_PROCESS": f"web-{number}"},
        )

    def workers(self) -> list[Program]:
        """Describe the Celery workers: one that waits for models, one for all the rest."""
        quiet = ("--without-mingle", "--without-gossip", "-l", "INFO")
        generation = ("-Q", "generation", "-n", "generation@%h", "-P", "threads", "-c", "4")
        general = ("-Q", GENERAL_QUEUES, "-n", "general@%h", "-c", "2")
        return [
            self._celery("generation", "worker", *generation, *quiet),
            self._celery("general", "worker", *general, *quiet),
        ]

    def beat(self) -> Program:
        """Describe the scheduler."""
        return self._celery("beat", "beat", "-s", str(self._data_dir / "beat-schedule"))

    def _celery(self, name: str, *arguments: str) -> Program:
        return self._program(
            name, "-m", "celery", "-A", "project", *arguments, stop_steps=CELERY_STOP
        )

    def _program(
        self,
        name: str,
        *arguments: str,
        stop_steps: tuple[StopStep, ...] = (StopStep(signal.SIGTERM, 5.0),),
        environment: Mapping[str, str] | None = None,
    ) -> Program:
        return Program(
            name=name,
            command=(sys.executable, *arguments),
            cwd=self._base_dir,
            environment={**self._environment, **(environment or {})},
            stop_steps=stop_steps,
        )
