"""The whole stack on one machine: what is started in which order, and what is said meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from deploy.local import postgres, valkey
from deploy.local.children import Child
from deploy.local.console import Console
from deploy.local.errors import StackError
from deploy.local.folder import DataFolder
from deploy.local.options import Options
from deploy.local.ports import pick_port, reserve_port
from deploy.local.programs import ServicePrograms, service_environment
from deploy.local.supervisor import Supervisor

LOOK_EVERY_S = 0.2
MODEL_TIMEOUT_S = 120.0
SAY_AGAIN_EVERY_S = 15.0


class Stack:
    """One local stack; the caller has locked the data folder."""

    def __init__(
        self, *, options: Options, folder: DataFolder, console: Console, environ: Mapping[str, str]
    ) -> None:
        self._options = options
        self._folder = folder
        self._console = console
        self._environ = environ
        self._supervisor = Supervisor(folder, console)
        self._reserved: socket.socket | None = None
        self._database: postgres.PostgresServer | None = None

    async def start(self) -> None:
        """Start everything, in order, and print where it is to be found.

        Raises:
            StackError: a part does not start.
        """
        began = time.monotonic()
        options = self._options
        await asyncio.to_thread(self._supervisor.stop_leftovers)
        self._reserved = reserved = reserve_port(options.host, options.port)
        port: int = reserved.getsockname()[1]
        ports = self._pick_ports()

        database_url, redis_url = await self._start_stores(ports["valkey"])
        environment = service_environment(
            options=options,
            port=port,
            database_url=database_url,
            redis_url=redis_url,
            model_port=ports.get("model"),
            secret_key_file=self._folder.ensure_secret_key(),
            data_dir=self._folder.path,
            environ=self._environ,
        )
        programs = ServicePrograms(
            base_dir=options.base_dir, data_dir=self._folder.path, environment=environment
        )
        self._write_stack_file(environment, ports)
        model = await self._start_model(programs, ports.get("model"))
        logins = await self._set_up(programs)
        await self._start_service(programs, port)
        if model is not None:
            await self._wait_for_model(model, ports["model"])
        await self._wait_until_ready(port)
        self._announce(environment["PUBLIC_URL"], logins, seconds=time.monotonic() - began)

    async def stop(self) -> None:
        """Stop everything: web, scheduler, workers, model server, Valkey, PostgreSQL."""
        if self._reserved is not None:
            self._reserved.close()
        if not self._supervisor.has_children:
            return
        self._console.say("Stopping …")
        await self._supervisor.stop_all()
        self._folder.stack_file.unlink(missing_ok=True)
        if self._database is not None:
            self._database.remove_socket_dir()
        self._console.say(f"Stopped. The data stays in {self._folder.path}")

    def kill(self) -> None:
        """Kill everything now."""
        self._console.say("Killing what still runs. Nothing that was saved is lost.")
        self._supervisor.kill_all()

    def _pick_ports(self) -> dict[str, int]:
        """Pick ports for the parts, the same as last time where they are free."""
        earlier = self._folder.read_json(self._folder.run / "ports.json")
        earlier = earlier if isinstance(earlier, dict) else {}
        names = ["valkey", "model"] if self._options.llm == "local" else ["valkey"]
        ports = {name: pick_port(preferred=earlier.get(name)) for name in names}
        self._folder.write_json(self._folder.run / "ports.json", earlier | ports)
        return ports

    async def _start_stores(self, valkey_port: int) -> tuple[str, str]:
        """Start PostgreSQL and Valkey; give their addresses."""
        is_new = not (self._folder.postgres / "PG_VERSION").exists()
        self._console.say("Making the database …" if is_new else "Starting PostgreSQL …")
        database = await asyncio.to_thread(postgres.prepare_server, self._folder.postgres)
        self._database = database
        (postgres_child,) = await self._supervisor.start_group([database.program()])
        cache = valkey.ValkeyServer(folder=self._folder.valkey, port=valkey_port)
        (valkey_child,) = await self._supervisor.start_group([cache.program()])
        await asyncio.to_thread(
            postgres.wait_until_ready, database, is_alive=lambda: _runs_since_start(postgres_child)
        )
        await asyncio.to_thread(postgres.ensure_database, database)
        await asyncio.to_thread(
            valkey.wait_until_ready, cache, is_alive=lambda: _runs_since_start(valkey_child)
        )
        return database.database_url, cache.url

    async def _start_model(self, programs: ServicePrograms, port: int | None) -> Child | None:
        if port is None:
            return None
        self._console.say("Starting the local language model …")
        (child,) = await self._supervisor.start_group([programs.model_server(port)])
        return child

    async def _set_up(self, programs: ServicePrograms) -> list[dict[str, Any]]:
        """Bring tables, static files and the first rows up to date; give the demo logins."""
        self._console.say("Bringing tables and static files up to date …")
        async with asyncio.TaskGroup() as group:
            for program in (
                programs.manage("migrate", "--noinput", "--verbosity", "0"),
                programs.manage("collectstatic", "--noinput", "--verbosity", "0"),
            ):
                group.create_task(self._supervisor.run_once(program))
        self._console.say("Setting up …")
        try:
            output = await self._supervisor.run_once(programs.manage("set_up_local", "--json"))
        except StackError as problem:
            if "Unknown command" not in str(problem):
                raise
            self._console.say("This version has no set_up_local: no endpoint and no logins.")
            return []
        try:
            logins = json.loads(output.strip().splitlines()[-1]).get("logins", [])
        except (ValueError, IndexError, AttributeError) as problem:
            raise StackError("manage.py set_up_local did not print a JSON object.") from problem
        return list(logins)

    async def _start_service(self, programs: ServicePrograms, port: int) -> None:
        self._console.say(f"Starting {self._options.n_web} web processes and the workers …")
        await self._supervisor.start_group(programs.workers())
        await self._supervisor.start_group([programs.beat()])
        await self._supervisor.start_group(
            [
                programs.web(number=number, host=self._options.host, port=port)
                for number in range(1, self._options.n_web + 1)
            ]
        )

    async def _wait_for_model(self, child: Child, port: int) -> None:
        deadline = time.monotonic() + MODEL_TIMEOUT_S
        while await asyncio.to_thread(_fetch, f"http://127.0.0.1:{port}/health") != (200, ""):
            if time.monotonic() > deadline or not _runs_since_start(child):
                self._console.say("The local model does not answer; the rest goes on without it.")
                return
            await asyncio.sleep(LOOK_EVERY_S)

    async def _wait_until_ready(self, port: int) -> None:
        """Wait until /readyz answers 200, however long it takes; say what it waits for."""
        host = "127.0.0.1" if self._options.host == "0.0.0.0" else self._options.host  # noqa: S104
        say_at = time.monotonic() + SAY_AGAIN_EVERY_S
        while True:
            status, problem = await asyncio.to_thread(_fetch, f"http://{host}:{port}/readyz")
            if status == 200:
                return
            if time.monotonic() > say_at:
                self._console.say(f"Still waiting for /readyz: {problem}.")
                self._console.say(f"The logs are in {self._folder.logs}")
                say_at += SAY_AGAIN_EVERY_S
            await asyncio.sleep(LOOK_EVERY_S)

    def _write_stack_file(self, environment: dict[str, str], ports: dict[str, int]) -> None:
        content = {"pid": os.getpid(), "environment": environment, "ports": ports}
        self._folder.write_json(self._folder.stack_file, content)

    def _announce(self, url: str, logins: Sequence[dict[str, Any]], *, seconds: float) -> None:
        lines = [f"Ready after {seconds:.0f} s:  {url}"]
        if self._options.demo and logins:
            width = max(len(str(login.get("email", ""))) for login in logins)
            lines.append("Demo logins:")
            lines += [
                f"  {login.get('email', ''):<{width}}  {login.get('password', '')}"
                f"  ({login.get('role', '')})"
                for login in logins
            ]
        elif not self._options.is_loopback:
            lines.append("Other machines can reach it, so no demo logins were made.")
        lines.append("Ctrl-C stops it.")
        self._console.say("\n".join(lines))


def _runs_since_start(child: Child) -> bool:
    return child.is_alive and child.n_starts == 1


def _fetch(url: str) -> tuple[int, str]:
    """Ask an address of our own; give the status and, unless it is 200, what was wrong."""
    # No proxy: these addresses are on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as problem:
        with problem:
            return (
                problem.code,
                f"status {problem.code} {problem.read(300).decode(errors='replace')}",
            )
    except OSError as problem:
        return 0, str(problem)
