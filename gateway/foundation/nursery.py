"""Files of strangers are opened in a child process with limits of time and memory.

A nursery process is started once, when the first file comes; for each question it imports the modules that the question
needs, which stay for those after it, and forks a child, which lowers its own limits, works, answers and ends. A file
that eats memory or time ends its child alone: who asked gets an answer or None, and other requests go on. What comes
back is bytes, to be read as data and never as code.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any, Final

_LENGTH: Final = struct.Struct(">Q")
LARGEST_ANSWER: Final = 16 << 20
_WAITING: Final = 5
"""Waiting ends after so many times the seconds of processor that the child may have, and ``_PATIENCE``."""
_PATIENCE: Final = 30
"""Seconds that a nursery may take to start on a busy machine, beside what the file takes."""
_NAMES: Final = 256


def ask(
    task: Callable[..., bytes],
    *given: object,
    seconds: int,
    megabytes: int,
    most: int = LARGEST_ANSWER,
    needs: Sequence[str] = (),
) -> bytes | None:
    """What ``task(*given)`` answers in a fresh child; None when the child died of it, or answered more than ``most``.

    ``task`` is a function of a module; ``needs`` names modules to be imported before the child is made. ``seconds`` of
    processor, ``megabytes`` beside what the child has from the beginning.
    """
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            _NURSERY.hand_over(theirs, (task.__module__, *needs))
        ours.settimeout(seconds * _WAITING + _PATIENCE)
        try:
            _send(ours, pickle.dumps((seconds, megabytes, task, given)))
            return _receive(ours, most)
        except (OSError, EOFError, ValueError):
            return None


class _Nursery:
    """The process that forks children. It ends when this process does, and is started again should it end before."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._lock = threading.Lock()

    def hand_over(self, line: socket.socket, modules: Sequence[str]) -> None:
        """Give a socket to the nursery; a child that has these modules will read a question from it."""
        names = " ".join(modules).encode().ljust(_NAMES)
        assert len(names) == _NAMES, "the names of these modules are too long"
        with self._lock:
            if self._control is None or self._process is None or self._process.poll() is not None:
                self._start()
            assert self._control is not None
            try:
                socket.send_fds(self._control, [names], [line.fileno()])
            except OSError:
                self._start()
                socket.send_fds(self._control, [names], [line.fileno()])

    def _start(self) -> None:
        if self._control is not None:
            self._control.close()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )
        self._control = ours


_NURSERY: Final = _Nursery()


def _send(to: socket.socket, data: bytes) -> None:
    to.sendall(_LENGTH.pack(len(data)))
    to.sendall(data)


def _receive(of: socket.socket, most: int) -> bytes:
    (length,) = _LENGTH.unpack(_exactly(of, _LENGTH.size))
    if length > most:
        raise ValueError("an answer of that size is none")
    return _exactly(of, length)


def _exactly(of: socket.socket, number: int) -> bytes:
    found = bytearray()
    while len(found) < number:
        part = of.recv(min(1 << 20, number - len(found)))
        if not part:
            raise EOFError
        found += part
    return bytes(found)


# --- in the nursery ---------------------------------------------------------------------------------------------------


def nursery(control: socket.socket) -> None:
    """Fork a child for every socket that comes over ``control``, until it is closed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are nobody's to wait for
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        names, fds, _, _ = socket.recv_fds(control, _NAMES, 1, socket.MSG_WAITALL)
        if not fds:
            return
        with socket.socket(fileno=fds[0]) as line:
            for name in names.decode().split():
                import_module(name)
            if os.fork() == 0:
                control.close()
                _child(line)


def _child(line: socket.socket) -> None:
    """Answer one question under limits, and end."""
    try:
        seconds, megabytes, task, given = pickle.loads(_receive(line, 1 << 32))  # noqa: S301 - from our own parent
        _limit(seconds, megabytes)
        with _silence():
            answer = task(*given)
        _send(line, answer)
    except BaseException:  # whatever it is, the child's end is the answer
        os._exit(1)
    os._exit(0)


def _limit(seconds: int, megabytes: int) -> None:
    """From here on: so much processor and time, so much more memory, no files written, no processes."""
    pages = int(_first_word("/proc/self/statm")) if os.path.exists("/proc/self/statm") else 0
    most = pages * resource.getpagesize() + (megabytes << 20)
    for what, value in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, most if pages else resource.RLIM_INFINITY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (value, value))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds * _WAITING)


def _first_word(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read().split()[0]


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Parsers write warnings about the files of strangers; they are in the report, not in our log."""
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _main(arguments: list[str], serve: Callable[[socket.socket], Any] = nursery) -> None:
    with socket.socket(fileno=int(arguments[1])) as control:
        serve(control)


if __name__ == "__main__":
    _main(sys.argv)
