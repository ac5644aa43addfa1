"""The command line in processes of its own that begin at once: forked from one process that has imported the gateway.

Each command is a real process with its own modules, files and exit code; only the import of what comes with the gateway
is paid for once. ``site`` is a folder of installed packages: what is installed there is known to that command alone.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

FRAME = ("app", "cli.channels", "cli.database", "cli.doctor", "cli.serve", "cli.states", "faces.serve")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Said:
    """What a command has said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its result, where it did what it was told to."""
        assert self.code in (0, 1), self.err
        return json.loads(self.out)


class Command:
    """A command that runs."""

    def __init__(self, pid: int, out: Path, err: Path, ended: Path) -> None:
        self.pid, self._out, self._err, self._ended = pid, out, err, ended

    def first_line(self, seconds: float = 120.0) -> str:
        """Its first line on stdout, as soon as it is there. AssertionError, with what it said, where it ends before."""
        until = time.monotonic() + seconds
        while "\n" not in (text := self._out.read_text(encoding="utf-8")):
            assert not self._ended.exists(), self._err.read_text(encoding="utf-8")
            assert time.monotonic() < until, self._err.read_text(encoding="utf-8")
            time.sleep(0.02)
        return text.partition("\n")[0]

    def wait(self, seconds: float = 180.0) -> Said:
        """What it has said, once it has ended."""
        until = time.monotonic() + seconds
        while not self._ended.exists():
            assert time.monotonic() < until, self._err.read_text(encoding="utf-8")
            time.sleep(0.01)
        return Said(int(self._ended.read_text()), self._out.read_text("utf-8"), self._err.read_text("utf-8"))

    def stop(self) -> Said:
        """Ask it to end."""
        if not self._ended.exists():
            os.kill(self.pid, signal.SIGTERM)
        return self.wait()


class Commands:
    """Begins commands. ``folder`` is where their output is kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        words = [sys.executable, __file__]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def begin(self, *words: str, site: Path | None = None, settings: Path | None = None) -> Command:
        """Begin one; ``settings`` names its file."""
        stem = self._folder / str(next(_numbers))
        out, err, ended = (stem.with_suffix(one) for one in (".out", ".err", ".ended"))
        given = ["--settings", str(settings)] if settings is not None else []
        asked = {
            "words": [*given, *words],
            "site": str(site) if site else None,
            "files": [*map(str, (out, err, ended))],
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return Command(int(self._process.stdout.readline()), out, err, ended)

    def run(self, *words: str, site: Path | None = None, settings: Path | None = None) -> Said:
        """Have one do what it does."""
        return self.begin(*words, site=site, settings=settings).wait()

    def close(self) -> None:
        """No more commands."""
        self._process.communicate()


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """The command line, for all tests of a worker."""
    made = Commands(tmp_path_factory.mktemp("commands"))
    yield made
    made.close()


# --- the process from which they are forked -------------------------------------------------------------------------


def serve() -> None:
    """Fork a command for each line."""
    from gateway.foundation import rooms

    for module in FRAME:
        import_module(f"gateway.{module}")
    for room in rooms.found():
        for place in (room.open, room.tables):  # not routes: some depend on which rooms are installed
            if place:
                room.place(place)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them here
    for line in sys.stdin:
        asked = json.loads(line)
        for file in asked["files"][:2]:
            Path(file).touch()
        pid = os.fork()
        if pid == 0:
            _run(asked["words"], asked["site"], [Path(one) for one in asked["files"]])
        print(pid, flush=True)


def _run(words: list[str], site: str | None, files: list[Path]) -> None:
    code = 70
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for name in [one for one in os.environ if one.startswith("GATEWAY_")]:
            del os.environ[name]
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, file in ((1, files[0]), (2, files[1])):
            os.dup2(os.open(file, os.O_WRONLY | os.O_APPEND), number)
        sys.stdin, sys.stdout, sys.stderr = (os.fdopen(one, mode, encoding="utf-8") for one, mode in enumerate("rww"))
        if site is not None:
            sys.path.insert(0, site)
        from gateway.cli import app

        app(args=words, prog_name="gateway")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        unfinished = files[2].with_suffix(".code")
        unfinished.write_text(str(code))
        unfinished.rename(files[2])
        os._exit(0)


if __name__ == "__main__":
    serve()
