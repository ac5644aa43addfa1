"""The processes of the demo: simulators and gateway, each with a log in its folder."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from gateway.demo.talk import DemoError

_SHOWN = 15
"""Lines of the end of a log that are shown."""


class Processes:
    """Started one after the other, ended in the reverse order."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, words: list[str]) -> subprocess.Popen[bytes]:
        """Start a module of ours with its words; what it complains of goes into the log of this name."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
        command = [sys.executable, "-m", *words]
        with (self._folder / f"{name}.log").open("wb") as errors:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment)  # noqa: S603
        self._started.append(process)
        return process

    def logs(self) -> Iterator[list[str]]:
        """The end of each log that says something, under its name."""
        for log in sorted(self._folder.glob("*.log")):
            if lines := log.read_text(encoding="utf-8", errors="replace").splitlines()[-_SHOWN:]:
                yield [f"--- {log.name}", *(line[:300] for line in lines)]

    async def end(self) -> None:
        """End all of them, by force where they do not listen."""
        for process in reversed(self._started):
            if process.poll() is None:
                process.terminate()
        for process in reversed(self._started):
            await asyncio.to_thread(_reap, process)


def first_line(process: subprocess.Popen[bytes]) -> str:
    """What it says when it is ready. Raises DemoError where it ends instead."""
    stdout: IO[bytes] | None = process.stdout
    assert stdout is not None
    line = stdout.readline()
    if not line:
        raise DemoError(f"{' '.join(map(str, process.args[1:4]))} did not start")  # type: ignore[index]
    return line.decode()


def _reap(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
