"""Children: started, restarted, stopped in order, found again after a kill -9."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from deploy.local.children import next_pause
from deploy.local.errors import StackError
from deploy.local.folder import DataFolder
from deploy.local.processes import StopStep, record_process
from deploy.local.supervisor import Supervisor
from tests.local_stack.conftest import MakeProgram, until

pytestmark = pytest.mark.stack

SLEEP = "import time; print('up'); time.sleep(60)"
DEAF = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up'); time.sleep(60)"


def test_pauses_double_up_to_thirty_seconds_and_start_over_after_a_healthy_minute() -> None:
    pauses = [0.0]
    for _ in range(7):
        pauses.append(next_pause(pauses[-1], ran_s=0.1))
    assert pauses[1:] == [1, 2, 4, 8, 16, 30, 30]
    assert next_pause(30, ran_s=60) == 1


async def test_child_that_dies_is_started_again_and_that_is_said(
    supervisor: Supervisor, make_program: MakeProgram, said: io.StringIO
) -> None:
    (child,) = await supervisor.start_group([make_program("sleeper", SLEEP)])
    first = child.pid
    assert first
    os.kill(first, signal.SIGKILL)
    await until(lambda: child.n_starts == 2 and child.pid)
    assert child.pid != first
    assert "sleeper was ended by SIGKILL; it starts again in 1 s." in said.getvalue()
    await supervisor.stop_all()
    assert not child.is_alive


async def test_a_stop_during_the_pause_starts_nothing_any_more(
    supervisor: Supervisor, make_program: MakeProgram, said: io.StringIO
) -> None:
    (child,) = await supervisor.start_group([make_program("failing", "raise SystemExit(3)")])
    await until(lambda: "failing ended with exit code 3" in said.getvalue())
    await supervisor.stop_all()
    assert child.n_starts == 1


async def test_output_goes_to_the_console_with_the_name_and_to_a_file(
    supervisor: Supervisor, make_program: MakeProgram, folder: DataFolder, said: io.StringIO
) -> None:
    code = "import sys; print('out', flush=True); print('err', file=sys.stderr)\n" + SLEEP
    await supervisor.start_group([make_program("talker", code)])
    await until(lambda: "| up" in said.getvalue())
    await supervisor.stop_all()
    assert "talker      | out\ntalker      | err\n" in said.getvalue()
    assert (folder.logs / "talker.log").read_text() == "out\nerr\nup\n"


async def test_groups_stop_in_the_reverse_order_of_their_start(
    supervisor: Supervisor, make_program: MakeProgram, tmp_path: Path, said: io.StringIO
) -> None:
    code = """
import signal, sys, time
def stop(*_):
    with open("order", "a") as file: file.write("{0}\\n")
    sys.exit()
signal.signal(signal.SIGTERM, stop); print("{0} up"); time.sleep(60)"""
    for name in ("store", "worker", "web"):
        await supervisor.start_group([make_program(name, code.format(name))])
    await until(lambda: said.getvalue().count(" up") == 3)
    await supervisor.stop_all()
    assert (tmp_path / "order").read_text().split() == ["web", "worker", "store"]


async def test_child_that_does_not_listen_is_killed_with_its_own_children(
    supervisor: Supervisor, make_program: MakeProgram, said: io.StringIO
) -> None:
    code = f"import os, subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {SLEEP!r}])\n"
    program = make_program(
        "deaf", code + f"print('child', p.pid)\n{DEAF}", (StopStep(signal.SIGTERM, 0.2),)
    )
    await supervisor.start_group([program])
    await until(lambda: said.getvalue().count("| up") >= 1 and "child" in said.getvalue())
    grandchild = int(said.getvalue().split("child ")[1].split()[0])
    await until(lambda: said.getvalue().count("| up") == 2)
    await supervisor.stop_all()
    assert "deaf did not stop in time and is killed." in said.getvalue()
    await until(lambda: not _runs(grandchild))


async def test_command_that_fails_says_its_last_lines(
    supervisor: Supervisor, make_program: MakeProgram
) -> None:
    with pytest.raises(StackError, match=r"migrate failed \(exit code 1\):\nno such table"):
        await supervisor.run_once(make_program("migrate", "raise SystemExit('no such table')"))
    assert await supervisor.run_once(make_program("list", "print('{}')")) == "{}\n"


async def test_children_die_with_a_killed_supervisor_or_are_stopped_by_the_next(
    folder: DataFolder, supervisor: Supervisor, make_program: MakeProgram, said: io.StringIO
) -> None:
    # A leftover as it is where the kernel does not tell children: nobody's child, deaf, recorded.
    leftover = subprocess.Popen([sys.executable, "-c", SLEEP], start_new_session=True)
    record = record_process(make_program("orphan", SLEEP), leftover.pid)
    assert record is not None
    folder.write_json(folder.processes_file, [record.as_json(), {"torn": True}])
    await asyncio.to_thread(supervisor.stop_leftovers)
    assert leftover.wait(5) == -signal.SIGTERM
    assert "Stopped what the last run left behind: orphan." in said.getvalue()
    assert folder.read_json(folder.processes_file) == []


async def test_process_that_only_got_the_same_number_is_left_alone(
    folder: DataFolder, supervisor: Supervisor, make_program: MakeProgram
) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", SLEEP], start_new_session=True)
    try:
        record = record_process(make_program("orphan", SLEEP), stranger.pid)
        assert record is not None
        entry = record.as_json() | {"created_at": record.created_at - 3600}
        folder.write_json(folder.processes_file, [entry])
        await asyncio.to_thread(supervisor.stop_leftovers)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of this")
def test_kernel_ends_the_children_of_a_killed_supervisor(tmp_path: Path) -> None:
    code = """
import asyncio, sys
from pathlib import Path
from deploy.local.console import Console
from deploy.local.folder import DataFolder
from deploy.local.processes import Program
from deploy.local.supervisor import Supervisor
async def main():
    folder = DataFolder(Path(sys.argv[1])); folder.prepare()
    supervisor = Supervisor(folder, Console(sys.stderr, colour=False))
    program = Program("s", (sys.executable, "-c", "import time; time.sleep(60)"), Path("/"), {})
    (child,) = await supervisor.start_group([program])
    print(child.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        child = int(killed.stdout.readline())
        assert _runs(child)
        killed.kill()
    deadline = time.monotonic() + 5
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
