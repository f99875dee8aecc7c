"""PostgreSQL from its package: durable, closed to others, startable after a kill -9."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from deploy.local import postgres
from deploy.local.errors import StackError
from tests.servers import RunningProgram, run_program

pytestmark = pytest.mark.stack


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """Give a place for a cluster; the parent is closed to others, as a home folder is."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    yield closed / "postgres"
    shutil.rmtree(postgres.locate_socket_dir(closed / "postgres"), ignore_errors=True)


def start(server: postgres.PostgresServer, log: Path) -> RunningProgram:
    running = RunningProgram(server.program(), log)
    postgres.wait_until_ready(server, is_alive=running.is_alive)
    return running


def test_server_is_durable_unprivileged_and_opens_no_folder_to_others(
    data_dir: Path, tmp_path: Path
) -> None:
    server = postgres.prepare_server(data_dir)
    with run_program(server.program(), tmp_path / "log") as running:
        postgres.wait_until_ready(server, is_alive=running.is_alive)
        postgres.ensure_database(server)
        postgres.ensure_database(server)
        with psycopg.connect(server.database_url) as connection:
            for name, value in (("fsync", "on"), ("synchronous_commit", "on")):
                assert connection.execute(f"SHOW {name}".encode()).fetchone() == (value,)
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert Path(f"/proc/{running.pid}").stat().st_uid != 0
        assert postgres.address_of(data_dir) == server.database_url
    for folder in (data_dir, data_dir.parent, server.socket_dir):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert data_dir.parent.stat().st_uid == os.geteuid()


def test_commits_survive_kill_and_nothing_left_behind_hinders_the_start(
    data_dir: Path, tmp_path: Path
) -> None:
    server = postgres.prepare_server(data_dir)
    running = start(server, tmp_path / "log")
    with psycopg.connect(server.url_of("postgres"), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    running.kill()
    assert (data_dir / "postmaster.pid").exists()
    # The worst case: the number in the lock file belongs to somebody else by now.
    (data_dir / "postmaster.pid").write_text(f"{os.getpid()}\n{data_dir}\n")

    again = start(postgres.prepare_server(data_dir), tmp_path / "log")
    with psycopg.connect(server.url_of("postgres")) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (1,)
    again.stop()


def test_server_that_still_runs_is_not_started_twice(data_dir: Path, tmp_path: Path) -> None:
    server = postgres.prepare_server(data_dir)
    with run_program(server.program(), tmp_path / "log") as running:
        postgres.wait_until_ready(server, is_alive=running.is_alive)
        with pytest.raises(StackError, match=rf"process {running.pid}\) still runs"):
            postgres.prepare_server(data_dir)


def test_initdb_cut_short_is_not_taken_for_a_cluster(data_dir: Path) -> None:
    half = data_dir.with_name("postgres.new")
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    postgres.prepare_server(data_dir)
    assert not half.exists()
    assert (data_dir / "global" / "pg_control").exists()
