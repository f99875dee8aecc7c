"""What the stack refuses, in sentences, and what it remembers between starts."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from deploy.local import folder as folder_module
from deploy.local.console import N_OLD_LOGS, LogFile
from deploy.local.discover import find_environment
from deploy.local.errors import StackError
from deploy.local.folder import DataFolder
from deploy.local.install import _hash_of
from deploy.local.options import Options, read_options
from deploy.local.ports import pick_port, reserve_port
from deploy.local.postgres import prepare_server

BASE_DIR = Path("/checkout")


def read(platform: str = "linux", **environ: str) -> Options:
    return read_options(base_dir=BASE_DIR, environ=environ, platform=platform)


def test_defaults_are_loopback_and_the_checkout() -> None:
    options = read()
    assert (options.host, options.port, options.llm) == ("127.0.0.1", 8000, "local")
    assert options.data_dir == Path("/checkout/.data")
    assert options.is_loopback
    assert options.demo


def test_no_demo_logins_when_other_machines_can_reach_it() -> None:
    assert not read(HOST="0.0.0.0", DEMO="1").demo  # noqa: S104
    assert not read(HOST="192.168.1.5").demo
    assert not read(DEMO="0").demo
    assert read(HOST="localhost").demo


def test_one_web_process_where_the_kernel_does_not_spread_connections() -> None:
    assert read(platform="darwin").n_web == 1
    assert read(WEB_PROCESSES="3").n_web == 3
    assert read().n_web == os.cpu_count()


@pytest.mark.parametrize(
    "environ",
    [{"PORT": "eighty"}, {"PORT": "70000"}, {"LLM": "gpt"}, {"DEMO": "yes"}, {"HOST": "::1"}],
)
def test_a_value_that_cannot_be_meant_is_named(environ: dict[str, str]) -> None:
    ((name, value),) = environ.items()
    with pytest.raises(StackError, match=f"{name}={value}"):
        read(**environ)


def test_model_address_is_taken_as_it_is() -> None:
    assert read(LLM="http://127.0.0.1:8001/v1/").llm == "http://127.0.0.1:8001/v1"


def open_shared_socket(host: str, port: int) -> socket.socket:
    """Bind as project/serve.py does: beside others on the same port."""
    shared = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    shared.bind((host, port))
    return shared


def test_port_in_use_is_said_with_a_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StackError, match=rf"Port {port} .* is in use .* PORT={port + 1}"):
            reserve_port("127.0.0.1", port)


def test_port_that_another_program_shares_counts_as_in_use() -> None:
    with open_shared_socket("127.0.0.1", 0) as other:
        other.listen()
        with pytest.raises(StackError, match="is in use"):
            reserve_port("127.0.0.1", other.getsockname()[1])


def test_reserved_port_gives_every_connection_to_those_that_listen() -> None:
    with reserve_port("127.0.0.1", 0) as reserved:
        port = reserved.getsockname()[1]
        with open_shared_socket("127.0.0.1", port) as web:
            web.listen()
            for _ in range(20):
                socket.create_connection(("127.0.0.1", port), timeout=2).close()
                web.settimeout(2)
                web.accept()[0].close()


def test_free_port_is_the_preferred_one_when_nobody_has_it() -> None:
    free = pick_port()
    assert pick_port(preferred=free) == free
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert pick_port(preferred=other.getsockname()[1]) != other.getsockname()[1]


def test_full_disk_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "LEAST_FREE_BYTES", 2**62)
    with pytest.raises(StackError, match="nearly full"):
        DataFolder(tmp_path).prepare()


def test_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StackError, match="cannot be written"):
        DataFolder(tmp_path / "file").prepare()


def test_folder_serves_one_stack_at_a_time(folder: DataFolder) -> None:
    refusal = rf"is running \(process {os.getpid()}\)"
    with folder.lock(), pytest.raises(StackError, match=refusal):
        folder.lock()
    folder.lock().close()


def test_data_of_another_postgres_is_refused_and_left_alone(folder: DataFolder) -> None:
    folder.postgres.mkdir()
    (folder.postgres / "PG_VERSION").write_text("16\n")
    with pytest.raises(StackError, match="written by PostgreSQL 16; this is PostgreSQL 18"):
        prepare_server(folder.postgres)
    assert [file.name for file in folder.postgres.iterdir()] == ["PG_VERSION"]


def test_secret_key_is_made_once_for_its_owner_only(folder: DataFolder) -> None:
    key = folder.ensure_secret_key().read_text()
    assert len(key) > 50
    assert folder.ensure_secret_key().read_text() == key
    assert folder.secret_key.stat().st_mode & 0o777 == 0o600


def test_manage_finds_the_running_stack(folder: DataFolder) -> None:
    environment = {"DATABASE_URL": "postgresql:///q", "PUBLIC_URL": "http://127.0.0.1:8000"}
    folder.write_json(folder.stack_file, {"pid": 1, "environment": environment})
    environ = {"DATA": str(folder.path)}
    assert find_environment(BASE_DIR, environ) == environment
    assert find_environment(folder.path.parent, {"DATA": "data"}) == environment
    chosen = environ | {"PUBLIC_URL": "http://else"}
    assert find_environment(BASE_DIR, chosen) == {"DATABASE_URL": "postgresql:///q"}
    assert find_environment(BASE_DIR, environ | {"DATABASE_URL": "postgresql:///mine"}) == {}


def test_manage_finds_nothing_where_nothing_runs(folder: DataFolder) -> None:
    assert find_environment(folder.path, {}) == {}
    folder.stack_file.write_text("{torn")
    assert find_environment(BASE_DIR, {"DATA": str(folder.path)}) == {}


def test_log_is_renamed_when_it_has_grown(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "web.log", largest_bytes=10)
    for number in range(6):
        log.write(f"line {number}".encode())
    log.close()
    assert (tmp_path / "web.log").read_text() == "line 5\n"
    kept = sorted(file.name for file in tmp_path.iterdir())
    assert kept == ["web.log", *(f"web.log.{number}" for number in range(1, N_OLD_LOGS + 1))]


def test_requirements_count_as_changed_when_any_file_did() -> None:
    assert _hash_of(["requirements.txt"]) == _hash_of(["requirements.txt"])
    assert _hash_of(["requirements.txt"]) != _hash_of(["requirements.txt", "requirements-dev.txt"])
    assert sys.version_info >= (3, 11)
