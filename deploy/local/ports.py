"""TCP ports of the local stack: the one people asked for, and free ones for its parts."""

from __future__ import annotations

import errno
import socket

from deploy.local.errors import StackError


def reserve_port(host: str, port: int) -> socket.socket:
    """Reserve the public port, and keep it reserved for as long as the socket is open.

    The socket is bound and never listens, so the kernel gives it no connection; the web
    processes bind the same port beside it with SO_REUSEPORT.

    Raises:
        StackError: somebody else has the port, or it may not be had.
    """
    # First without SO_REUSEPORT: another program of ours may listen with it, and sharing
    # its port would hand it a part of our connections.
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        reserved.setsockopt(socket.SOL_SOCKET, option, 1)
        try:
            reserved.bind((host, port))
            if option == socket.SO_REUSEADDR:
                reserved.listen(1)  # a bound port is only refused to us when it is listened on
                port = reserved.getsockname()[1]
                reserved.close()
        except OSError as problem:
            reserved.close()
            raise StackError(_say_why(host, port, problem)) from problem
    return reserved


def pick_port(*, preferred: int | None = None) -> int:
    """Pick a free loopback port: the preferred one when nobody has it.

    Nothing holds it until the server starts; a rare clash shows as a server that cannot
    listen, which is restarted or reported.
    """
    for port in (preferred, 0):
        if port is None:
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise StackError("No free port is left on 127.0.0.1.")


def _say_why(host: str, port: int, problem: OSError) -> str:
    if problem.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is in use by another program. "
            f"Stop that one, or choose another port: make up PORT={min(port + 1, 65535)}"
        )
    if problem.errno in (errno.EACCES, errno.EPERM):
        return f"Port {port} may not be used without root. Choose one above 1023."
    return f"Quorum cannot listen on {host}, port {port}: {problem.strerror}."
