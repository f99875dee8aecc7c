"""Why: runs Daphne as the desk protocol needs it: `python -m project.serve HOST PORT`.

Daphne's own command line takes the same limit for frames in both directions and drops who
passes it; a desk is told (close code 1009), and gets frames of up to 4 MiB. Several
processes may share one port (SO_REUSEPORT, each with a socket of its own): Twisted on one
inherited socket may let a single process accept everything. A process listens only once the
application is loaded, so that nobody waits in the queue of one that is still starting.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

import daphne.server
from daphne.cli import CommandLineInterface
from daphne.utils import import_by_path
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol

APPLICATION = "project.asgi:application"
BACKLOG = 512
MAX_FRAME_BYTES = 4 * 2**20
PING_INTERVAL_S, PING_TIMEOUT_S = 20, 30


class DeskSocket(WebSocketProtocol):  # type: ignore[misc]  # Daphne has no types
    """May close with the codes of the standard, such as 1009 (too big) and 1013 (try later)."""

    def serverClose(self, code: int | None = None) -> None:
        """Send a close frame; autobahn's `sendClose` lets applications say 1000 and 3000+ only."""
        self.sendCloseFrame(code=code or 1000, reasonUtf8=None, isReply=False)


class DeskSocketFactory(WebSocketFactory):  # type: ignore[misc]  # Daphne has no types
    """Closes with a reason where Daphne's would drop the connection."""

    protocol = DeskSocket

    def setProtocolOptions(self, **options: Any) -> None:
        """Take Daphne's options; a broken limit is told before the connection ends."""
        super().setProtocolOptions(**{**options, "failByDrop": False})


def main(arguments: list[str]) -> None:
    """Run `HOST PORT [daphne's options …]`."""
    host, port, *rest = arguments
    sys.path.insert(0, ".")
    import_by_path(APPLICATION)
    daphne.server.WebSocketFactory = DeskSocketFactory
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listening.bind((host, int(port)))
    listening.listen(BACKLOG)
    limits = ["--websocket-max-message-size", str(MAX_FRAME_BYTES)]
    limits += ["--websocket-max-frame-size", str(MAX_FRAME_BYTES)]
    pings = ["--ping-interval", str(PING_INTERVAL_S), "--ping-timeout", str(PING_TIMEOUT_S)]
    fd = ["--no-server-name", "--fd", str(listening.fileno())]
    CommandLineInterface().run([*limits, *pings, *rest, *fd, APPLICATION])


if __name__ == "__main__":
    main(sys.argv[1:])
