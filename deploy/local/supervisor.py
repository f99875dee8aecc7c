"""The children of one stack: started in order, remembered on disk, stopped in the other order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence

from deploy.local.children import Child
from deploy.local.console import Console, LogFile
from deploy.local.errors import StackError
from deploy.local.folder import DataFolder
from deploy.local.processes import (
    Program,
    Record,
    read_records,
    record_process,
    signal_group,
    stop_leftovers,
)


class Supervisor:
    """Runs programs, and one-off commands between them.

    Programs are started in groups; `stop_all` stops the groups from the last one to the
    first, all programs of a group at once.
    """

    def __init__(self, folder: DataFolder, console: Console) -> None:
        self._folder = folder
        self._console = console
        self._groups: list[list[Child]] = []
        self._records: dict[str, Record] = {}
        self._once: set[int] = set()

    @property
    def has_children(self) -> bool:
        """Tell whether anything was started and not yet stopped."""
        return bool(self._groups)

    def stop_leftovers(self) -> None:
        """Stop what an earlier supervisor, killed itself, left running; say so."""
        records = read_records(self._folder.read_json(self._folder.processes_file))
        if names := stop_leftovers(records):
            self._console.say(f"Stopped what the last run left behind: {', '.join(names)}.")
        self._folder.write_json(self._folder.processes_file, [])

    async def start_group(self, programs: Sequence[Program]) -> list[Child]:
        """Start programs that are stopped together."""
        group: list[Child] = []
        self._groups.append(group)
        for program in programs:
            child = Child(
                program,
                console=self._console,
                log=LogFile(self._folder.logs / f"{program.name}.log"),
                on_start=self._record,
            )
            group.append(child)
            await child.start()
        return group

    async def run_once(self, program: Program) -> str:
        """Run a command to its end; give its standard output, log its standard error.

        Raises:
            StackError: it failed; the last lines that it wrote are in the text.
        """
        process = await asyncio.create_subprocess_exec(
            *program.command,
            **program.popen_arguments(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        self._record(program, process.pid)
        self._once.add(process.pid)
        try:
            output, errors = await process.communicate()
        except asyncio.CancelledError:
            signal_group(process.pid, signal.SIGKILL)
            raise
        finally:
            self._once.discard(process.pid)
            self._forget(program.name)
        log = LogFile(self._folder.logs / f"{program.name}.log")
        for line in errors.splitlines():
            log.write(line)
            self._console.line(program.name, line.decode("utf-8", "replace"))
        log.close()
        if process.returncode != 0:
            said = "\n".join((errors or output).decode("utf-8", "replace").splitlines()[-5:])
            raise StackError(f"{program.name} failed (exit code {process.returncode}):\n{said}")
        return output.decode("utf-8", "replace")

    async def stop_all(self) -> None:
        """Stop every child, the groups in the reverse order of their start."""
        while self._groups:
            group = self._groups[-1]
            await asyncio.gather(*(child.stop() for child in group))
            self._groups.pop()
        self._folder.write_json(self._folder.processes_file, [])

    def kill_all(self) -> None:
        """Kill every child at once: somebody pressed Ctrl-C a second time."""
        for pid in self._once:
            signal_group(pid, signal.SIGKILL)
        for group in self._groups:
            for child in group:
                child.kill()

    def _record(self, program: Program, pid: int) -> None:
        if (record := record_process(program, pid)) is not None:
            self._records[program.name] = record
            self._write_records()

    def _forget(self, name: str) -> None:
        self._records.pop(name, None)
        self._write_records()

    def _write_records(self) -> None:
        self._folder.write_json(
            self._folder.processes_file, [record.as_json() for record in self._records.values()]
        )
