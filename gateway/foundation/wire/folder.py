"""One channel's way out by files: a folder that both sides see, a mounted share or an SFTP directory.

A file is written whole under a name that nobody takes, made durable, and only then given its own name, so that nobody
ever reads half of one. As over HTTP the moment decides what a failure means: until the file has its name nothing has
left us (NotSentError); from the moment that it is being named everything may have (OutcomeUnknownError).

Files are touched in threads of the channel's own: a mount that hangs holds those, and nobody else's. An exchange that
is given up may still end in such a thread; that is why it is doubt. Mount shares so that they fail (``soft``).
"""

from __future__ import annotations

import asyncio
import os
import re
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Final, TypeVar
from urllib.parse import unquote, urlsplit

from gateway.foundation.wire.recording import Recording
from gateway.foundation.wire.terms import WireTerms
from gateway.foundation.wire.transport import Received
from gateway.words.errors import NotSentError, OutcomeUnknownError, UnusableError

T = TypeVar("T")

_NAME: Final = re.compile(r"(?:[A-Za-z0-9_-]+/)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9]+)?")
_THREADS: Final = 4


class FolderWire:
    """The way out of one channel whose address is ``file:///an/absolute/folder``, which is there already.

    Names are of the form ``place/NAME.ext``: no other can be asked for, and links are not followed.
    """

    schemes = frozenset({"file"})

    def __init__(self, channel: str, base_url: str, terms: WireTerms) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in self.schemes or parts.netloc or not parts.path.startswith("/") or parts.query:
            raise ValueError(f"{base_url!r} is not an address of the form file:///an/absolute/folder")
        self.channel = channel
        self.base_url = base_url.rstrip("/")
        self.root = Path(unquote(parts.path))
        self.clock = terms.clock
        self._timeouts = terms.timeouts
        self._limits = terms.limits
        self._recording = Recording(channel, terms.sensitive, terms.recorder, terms.clock, terms.limits)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix=f"folder-{channel}")
        self._calls = 0
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether an exchange is under way."""
        return self._calls > 0

    async def put(self, action: str, name: str, content: bytes) -> None:
        """Have a file of that name and content there, whole. One that is there already is replaced.

        Raises NotSentError where the name was not given, OutcomeUnknownError where it may have been.
        """
        path = self._path(name)
        named: list[bool] = []
        with self._exchange(action, "PUT", name, content) as received:
            await self._aside(lambda: self._write(path, content, named), named)
            received.status = 201

    async def get(self, action: str, name: str) -> bytes | None:
        """The content of a file, None when there is none.

        Raises NotSentError where the folder is not there or cannot be read, UnusableError for what is no plain file or
        is larger than the channel's limit.
        """
        path, most = self._path(name), self._limits.of(action)
        with self._exchange(action, "GET", name, b"") as received:
            content = await self._aside(lambda: self._read(path, most), [])
            received.status = 404 if content is None else 200
            received.body += content or b""
            return content

    async def close(self) -> None:
        """No exchange begins any more. A thread that a mount holds is left to it."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)

    # --- in threads -------------------------------------------------------------------------------------------------

    def _write(self, path: Path, content: bytes, named: list[bool]) -> None:
        """Write, make durable, name. ``named`` is filled before the name is given."""
        for left in path.parent.glob(f".{path.stem}.*.part"):  # of one that was killed here before
            left.unlink(missing_ok=True)
        part = path.with_name(f".{path.stem}.{token_hex(8)}.part")
        try:
            with part.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            named.append(True)
            part.replace(path)
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _read(self, path: Path, most: int) -> bytes | None:
        if not path.parent.is_dir():
            raise NotSentError(f"there is no folder {path.parent}")
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise UnusableError(f"{path.name} is not a plain file")
            content = file.read(most + 1)
        if len(content) > most:
            raise UnusableError(f"{path.name} has more than {most} bytes")
        return content

    # --- around them ------------------------------------------------------------------------------------------------

    async def _aside(self, work: Callable[[], T], named: list[bool]) -> T:
        """Do it in a thread of ours, its failures told as what they mean. ``named``: whether a file may have a name."""
        try:
            async with asyncio.timeout(self._timeouts.total):
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except TimeoutError as error:  # the thread goes on, and may name the file yet
            raise OutcomeUnknownError(f"the folder did not answer within {self._timeouts.total:g} s") from error
        except OSError as error:
            said = f"{type(error).__name__}: {error.strerror or error}"
            raise (OutcomeUnknownError if named else NotSentError)(said) from error

    @contextmanager
    def _exchange(self, action: str, method: str, name: str, body: bytes) -> Iterator[Received]:
        if self._closed:
            raise NotSentError(f"the channel {self.channel} is closed")
        self._calls += 1
        try:
            with self._recording.of(action, method, f"{self.base_url}/{name}", (), body) as received:
                yield received
        finally:
            self._calls -= 1

    def _path(self, name: str) -> Path:
        """Where a file of that name is. UnusableError for a name that leads elsewhere."""
        if not _NAME.fullmatch(name):
            raise UnusableError(f"{name!r} is no name of a file in this folder")
        return self.root / name
