"""Stop when the `make` that called us was told to stop but could not pass it on.

Ctrl-C in a terminal reaches make and us alike. A SIGINT sent to make alone, as scripts do,
does not: make lets go of the signal and waits for us, for ever. A make that was killed
leaves us behind without anybody knowing. Both can only be seen by looking.
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

LOOK_EVERY_S = 0.5


async def wait_for_end_of_make(parent: int) -> None:
    """Wait until the calling make has been interrupted or is gone.

    Waits for ever where the caller is no make, or the system has no /proc.
    """
    if not _is_make(parent) or not _catches_interrupt(parent):
        await asyncio.Event().wait()
    while os.getppid() == parent and _catches_interrupt(parent):
        await asyncio.sleep(LOOK_EVERY_S)


def _is_make(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text("utf-8").strip() in ("make", "gmake")
    except OSError:
        return False


def _catches_interrupt(pid: int) -> bool:
    """Tell whether a process still has a handler for SIGINT."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("utf-8")
    except OSError:
        return False
    for line in status.splitlines():
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) & (1 << (signal.SIGINT - 1)))
    return False
