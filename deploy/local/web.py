"""Run one Daphne of several that share the public port.

Twisted on one inherited socket may let a single process accept everything. Here each
process has a socket of its own on the same port (SO_REUSEPORT), and the kernel spreads new
connections over those that listen. Every client keeps its own address, for no proxy stands
between. A process listens only once the application is loaded, so that nobody waits in
the queue of one that is still starting.
"""

from __future__ import annotations

import sys

from daphne.cli import CommandLineInterface
from daphne.utils import import_by_path

from deploy.local.ports import open_shared_socket

BACKLOG = 512


def main(arguments: list[str]) -> None:
    """Run `web HOST PORT APPLICATION [daphne's options …]`."""
    host, port, application, *rest = arguments
    sys.path.insert(0, ".")
    import_by_path(application)
    shared = open_shared_socket(host, int(port))
    shared.listen(BACKLOG)
    CommandLineInterface().run([*rest, "--fd", str(shared.fileno()), application])


if __name__ == "__main__":
    main(sys.argv[1:])
