"""Files of strangers are opened in a child process with limits of time, memory and size.

A nursery process is started once and imports what judging needs; for each file it forks a child, which lowers its own
limits, works, answers and ends. A file that eats memory or time ends its child alone: the caller gets a report or a
problem that says so, and other requests go on. What comes back is read as data (JSON, and the bytes of a file that was
made ready), never as code.
"""

from __future__ import annotations

import contextlib
import json
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
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import TypeAdapter

from gateway.foundation.crypto.sm import sm3
from gateway.foundation.crypto.sm2 import default_provider
from gateway.ports.seal import Placement
from gateway.rooms.seals.anchors import Hit
from gateway.rooms.seals.files import Ready, Sealing, make_ready
from gateway.rooms.seals.report import Findings, Report
from gateway.rooms.seals.ses_checks import Expected
from gateway.rooms.seals.trust import Trust
from gateway.rooms.seals.verification import format_of, verify_document
from gateway.words.clock import rfc3339
from gateway.words.errors import ConflictProblem, InvalidProblem
from gateway.words.saying import Both, Language, Sentence, say

if TYPE_CHECKING:
    from gateway.rooms.seals.pdf import Prepared

_LENGTH: Final = struct.Struct(">Q")
_LARGEST_ANSWER: Final = 16 << 20
_PLACES: Final = TypeAdapter(tuple[Placement, ...])
_PROBLEMS: Final = {one.__name__: one for one in (InvalidProblem, ConflictProblem)}
"""What a child may refuse a file with."""
_WAITING: Final = 5
_PATIENCE: Final = 30
"""Seconds that a nursery may take to start on a busy machine, beside what the file takes."""


@dataclass(frozen=True)
class Limits:
    """What one file may take: bytes, seconds of processor, and megabytes beside what the child has.

    ``seconds`` is for a small file; each further megabyte may take one more. Waiting ends after five times that.
    """

    size: int = 24 << 20
    seconds: int = 2
    megabytes: int = 300

    def seconds_for(self, size: int) -> int:
        """Seconds of processor for a file of so many bytes."""
        return self.seconds + max(0, (size >> 20) - 1)


class Warden:
    """Judges files in children, and makes them ready for a seal.

    The nursery is one for the whole process, started when the first file comes.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()

    def verify(self, content: bytes, trust: Trust, now: datetime, expected: Expected | None = None) -> Report:
        """``verify_document`` in a child; a child that dies of its file is a report that the file cannot be judged."""
        if len(content) > self.limits.size:
            limit = self.limits.size >> 20
            return _beyond(content, now, f"文件超过 {limit} MB", f"the file has more than {limit} MB")
        answer = self._ask(("verify", content, trust, now, expected or Expected()), len(content))
        if answer is None:
            return _beyond(content, now, "超出内存或时间限制", "judging it takes too much memory or time")
        return Report.model_validate_json(answer)

    def find_words(
        self, content: bytes, keywords: Sequence[str], anchors: Sequence[str] = ()
    ) -> list[list[Hit]] | None:
        """Where these words stand in a PDF (``words_in_pdf``); None for what cannot be read, or not within limits."""
        if len(content) > self.limits.size or format_of(content) != "pdf":
            return None
        answer = self._ask(("find_words", content, tuple(keywords), tuple(anchors)), len(content))
        return None if answer is None else [[Hit(*hit) for hit in hits] for hits in json.loads(answer)]

    def make_ready(self, content: bytes, how: Sealing) -> Ready:
        """``files.make_ready`` in a child: the same problems, and InvalidProblem for a file that is beyond limits."""
        told, made = self._made(("make_ready", content, how), content)
        return Ready(
            content=made,
            start=told["start"],
            end=told["end"],
            digest=bytes.fromhex(told["digest"]),
            property_info=told["property_info"],
            shares=_PLACES.validate_python(told["shares"]),
        )

    def make_room(self, content: bytes, *, at: datetime, reserve: int) -> Prepared:
        """``pdf.make_room`` in a child: the same problem, also for a file that is beyond limits."""
        from gateway.rooms.seals.pdf import Prepared  # what edits PDF is loaded for the first document

        told, made = self._made(("make_room", content, at, reserve), content)
        return Prepared(made, told["start"], told["end"], bytes.fromhex(told["digest"]))

    def _made(self, question: object, content: bytes) -> tuple[dict[str, Any], bytes]:
        """What a child made of a file: what it says of it, and the file. Raises the problem that it met."""
        if len(content) > self.limits.size:
            raise _not_sealable(say("seals.too_large", most=self.limits.size >> 20))
        answer = self._ask(question, len(content), len(content) + _LARGEST_ANSWER)
        if answer is None:
            raise _not_sealable(say("seals.too_heavy"))
        head, _, made = answer.partition(b"\n")
        told = json.loads(head)
        if problem := told.get("problem"):
            said, cure = (say("seals.of_file", said=Both(*told[one])) for one in ("said", "cure"))
            raise _PROBLEMS[problem](
                said, field=told["field"], cure=cure if all(told["cure"]) else None, type=told["type"]
            )
        return told, made

    def _ask(self, question: object, size: int, most: int = _LARGEST_ANSWER) -> bytes | None:
        """One question about a file of so many bytes to a fresh child; None when it died."""
        seconds = self.limits.seconds_for(size)
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                _NURSERY.hand_over(theirs)
            ours.settimeout(seconds * _WAITING + _PATIENCE)
            try:
                _send(ours, pickle.dumps((seconds, self.limits.megabytes, question)))
                return _receive(ours, most)
            except (OSError, EOFError, ValueError):
                return None


class _Nursery:
    """The process that forks children. It ends when this process does, and is started again should it end before."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._lock = threading.Lock()

    def hand_over(self, line: socket.socket) -> None:
        """Give a socket to the nursery; a child will read a question from it."""
        with self._lock:
            if self._control is None or self._process is None or self._process.poll() is not None:
                self._start()
            assert self._control is not None
            try:
                socket.send_fds(self._control, [b"1"], [line.fileno()])
            except OSError:
                self._start()
                socket.send_fds(self._control, [b"1"], [line.fileno()])

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


def _beyond(content: bytes, now: datetime, zh: str, en: str) -> Report:
    findings = Findings({"readable"})
    findings.add("readable", "not_made", zh, en)
    return Report(format="unknown", digest=sm3(content).hex(), judged_at=rfc3339(now), checks=findings.checks)


def _not_sealable(why: Sentence) -> InvalidProblem:
    return InvalidProblem(
        say("seals.cannot_be_sealed", why=why),
        field="document",
        type="document-not-sealable",
    )


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
        _, fds, _, _ = socket.recv_fds(control, 1, 1)
        if not fds:
            return
        with socket.socket(fileno=fds[0]) as line:
            if os.fork() == 0:
                control.close()
                _child(line)


def _child(line: socket.socket) -> None:
    """Answer one question under limits, and end."""
    try:
        seconds, megabytes, question = pickle.loads(_receive(line, 1 << 32))  # noqa: S301 - from our own parent
        _limit(seconds, megabytes)
        with _silence():
            answer = _answer(*question)
        _send(line, answer)
    except BaseException:  # whatever it is, the child's end is the answer
        os._exit(1)
    os._exit(0)


def _answer(task: Literal["verify", "find_words", "make_ready", "make_room"], content: bytes, *more: Any) -> bytes:
    if task == "make_ready":
        return _made(lambda: make_ready(content, *more))
    if task == "make_room":
        from gateway.rooms.seals.pdf import make_room

        at, reserve = more
        return _made(lambda: make_room(content, at=at, reserve=reserve))
    if task == "find_words":
        from gateway.rooms.seals.words_in_pdf import find_words

        return json.dumps(find_words(content, *more)).encode()
    trust, now, expected = more
    report = verify_document(content, trust, now, expected=expected)
    return json.dumps(report.model_dump(mode="json")).encode()


def _made(make: Callable[[], Ready | Prepared]) -> bytes:
    """A line of JSON, and the file behind it; a problem has no file."""
    try:
        made = make()
    except (InvalidProblem, ConflictProblem) as problem:
        told = {
            "said": [problem.detail_in(one) for one in (Language.CHINESE, Language.ENGLISH)],
            "cure": [problem.cure_in(one) or "" for one in (Language.CHINESE, Language.ENGLISH)],
            "field": problem.field,
            "type": problem.type,
        }
        return json.dumps({"problem": type(problem).__name__, **told}).encode()
    head = {
        "start": made.start,
        "end": made.end,
        "digest": made.digest.hex(),
        "property_info": made.property_info if isinstance(made, Ready) else "",
        "shares": _PLACES.dump_python(made.shares, mode="json"),
    }
    return json.dumps(head).encode() + b"\n" + made.content


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
    for name in ("pdf_judging", "pdf"):
        import_module(f"gateway.rooms.seals.{name}")  # once, not in every child
    default_provider()
    with socket.socket(fileno=int(arguments[1])) as control:
        serve(control)


if __name__ == "__main__":
    _main(sys.argv)
