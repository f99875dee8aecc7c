"""How a child is started, signalled, recorded, and found again after a `kill -9`.

Children live in process groups of their own, so that Ctrl-C in the terminal reaches the
supervisor alone. On Linux the kernel also tells a child when the supervisor dies; elsewhere,
and for what that misses, the record in `run/processes.json` serves the next start.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
# psutil reads a process's start from the clock at boot, rounded to ticks of 10 ms.
_SAME_START_S = 0.05


@dataclass(frozen=True)
class StopStep:
    """One way of asking a process to stop, and how long to wait for it."""

    signal: signal.Signals
    wait_s: float


GENTLE_STOP = (StopStep(signal.SIGTERM, 8.0),)


@dataclass(frozen=True)
class RunAs:
    """The user that a child changes to; only root can ask for this."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Program:
    """What to run, and how to stop it."""

    name: str
    command: tuple[str, ...]
    cwd: Path
    environment: Mapping[str, str]
    stop_steps: tuple[StopStep, ...] = GENTLE_STOP
    run_as: RunAs | None = None

    def popen_arguments(self) -> dict[str, Any]:
        """Give the keyword arguments that subprocess and asyncio's subprocess share."""
        arguments: dict[str, Any] = {
            "cwd": self.cwd,
            "env": dict(self.environment),
            "start_new_session": True,
            "preexec_fn": die_with_parent(self.stop_steps[0].signal),
        }
        if self.run_as is not None:
            arguments |= {"user": self.run_as.uid, "group": self.run_as.gid, "extra_groups": []}
        return arguments


def die_with_parent(signal_number: int) -> Callable[[], None] | None:
    """Make a function for the child, before its exec: get a signal when the parent dies.

    It runs after a change of user, which would undo it. None where the kernel has no such
    thing.
    """
    libc = _LIBC
    if libc is None:
        return None
    parent = os.getpid()

    def ask_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
        if os.getppid() != parent:  # it died in between
            os._exit(1)

    return ask_kernel


def signal_group(pid: int, signal_number: int) -> None:
    """Signal all that is left of a child's process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal_number)


@dataclass(frozen=True)
class Record:
    """A started child, told from a later process that got the same number by its start."""

    name: str
    pid: int
    created_at: float
    stop_signal: int

    def as_json(self) -> dict[str, Any]:
        """Give the form that `run/processes.json` keeps."""
        return {
            "name": self.name,
            "pid": self.pid,
            "created_at": self.created_at,
            "stop_signal": self.stop_signal,
        }


def record_process(program: Program, pid: int) -> Record | None:
    """Record a child that was just started; None when it is gone already."""
    try:
        created_at = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None
    return Record(program.name, pid, created_at, int(program.stop_steps[0].signal))


def read_records(content: object) -> list[Record]:
    """Read what an earlier supervisor recorded; what makes no sense is passed over."""
    records = []
    for entry in content if isinstance(content, list) else []:
        with contextlib.suppress(KeyError, TypeError, ValueError):
            records.append(
                Record(
                    str(entry["name"]),
                    int(entry["pid"]),
                    float(entry["created_at"]),
                    int(entry["stop_signal"]),
                )
            )
    return records


def find_leftovers(record: Record) -> list[psutil.Process]:
    """Find what still runs of a recorded child: itself, or members of its group.

    A process number is not given away while a group of that number exists. So members of
    the group are ours, unless its leader is a later process.
    """
    try:
        leader = psutil.Process(record.pid)
        if abs(leader.create_time() - record.created_at) > _SAME_START_S:
            return []
    except psutil.NoSuchProcess:
        pass
    members = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
            is_member = os.getpgid(process.pid) == record.pid
            if is_member and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
    return members


def stop_leftovers(records: Iterable[Record], *, wait_s: float = 10.0) -> list[str]:
    """Stop what an earlier supervisor left running; give the names.

    Each gets its own signal first, and SIGKILL when it has not ended in time.
    """
    found = {record: members for record in records if (members := find_leftovers(record))}
    for record, members in found.items():
        leader = [member for member in members if member.pid == record.pid]
        for member in leader or members:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.send_signal(record.stop_signal)
    deadline = time.monotonic() + wait_s
    while any(find_leftovers(record) for record in found) and time.monotonic() < deadline:
        time.sleep(0.1)
    for record in found:
        if find_leftovers(record):
            signal_group(record.pid, signal.SIGKILL)
    return [record.name for record in found]
