"""What the person asked of `make up`, read from the environment and checked.

Nothing here touches the disk or the network: `folder.py` and `ports.py` do.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from deploy.local.errors import StackError

DEFAULT_PORT = 8000
DEFAULT_FOLDER = ".data"


@dataclass(frozen=True)
class Options:
    """One start of the stack."""

    base_dir: Path
    data_dir: Path
    host: str
    port: int
    llm: str  # "local", "none" or a base URL
    demo: bool
    n_web: int

    @property
    def is_loopback(self) -> bool:
        """Tell whether only this machine can reach the service."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Tell whether an address to listen on is reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_options(*, base_dir: Path, environ: Mapping[str, str], platform: str) -> Options:
    """Read PORT, HOST, DATA, LLM, DEMO and WEB_PROCESSES.

    Raises:
        StackError: a value that cannot be meant.
    """
    host = environ.get("HOST", "").strip() or "127.0.0.1"
    if ":" in host:  # Daphne adopts sockets as IPv4
        raise StackError(f"HOST={host} is an IPv6 address; the local stack listens on IPv4 only.")
    demo = _read_switch(environ, "DEMO", default=True)
    return Options(
        base_dir=base_dir,
        data_dir=locate_data_dir(base_dir=base_dir, environ=environ),
        host=host,
        port=_read_number(environ, "PORT", default=DEFAULT_PORT, highest=65535),
        llm=_read_llm(environ.get("LLM", "")),
        # Known passwords must not be reachable from other machines.
        demo=demo and is_loopback(host),
        n_web=_read_n_web(environ, platform=platform),
    )


def locate_data_dir(*, base_dir: Path, environ: Mapping[str, str]) -> Path:
    """Locate the data folder: DATA (relative to the checkout), else `.data` in it."""
    chosen = environ.get("DATA", "").strip() or DEFAULT_FOLDER
    return Path(os.path.abspath(base_dir / Path(chosen).expanduser()))


def _read_number(environ: Mapping[str, str], name: str, *, default: int, highest: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or int(text) > highest:
        raise StackError(f"{name}={text} is not a number from 0 to {highest}.")
    return int(text)


def _read_switch(environ: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = environ.get(name, "").strip()
    if text not in ("", "0", "1"):
        raise StackError(f"{name}={text} should be 0 or 1.")
    return default if text == "" else text == "1"


def _read_llm(text: str) -> str:
    choice = text.strip() or "local"
    if choice in ("local", "none"):
        return choice
    parts = urlsplit(choice)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise StackError(
            f"LLM={choice} should be local, none, or the base URL of an OpenAI-compatible "
            "server such as http://127.0.0.1:8001/v1."
        )
    return choice.rstrip("/")


def _read_n_web(environ: Mapping[str, str], *, platform: str) -> int:
    # Only Linux spreads connections over the sockets that share one port.
    if platform != "linux":
        return 1
    wanted = _read_number(environ, "WEB_PROCESSES", default=0, highest=64)
    return wanted or os.cpu_count() or 1
