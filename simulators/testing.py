"""Running the simulators as a real process from tests: ``Simulation``, and the pytest fixture ``simulators``.

One process serves all tests of a worker; each test gets it reset. Use from a ``conftest.py``::

    from simulators.testing import simulation_process, simulators
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import httpx
import pytest

from simulators import scenario

_START = 30.0


class Control:
    """Systems with their addresses, and the control API over them. ``ready`` is the ready line."""

    def __init__(self) -> None:
        self.ready: dict[str, Any] = {}
        self._control: httpx.Client | None = None

    def connect(self, ready: dict[str, Any]) -> None:
        """Take over a ready line."""
        self.ready = ready
        self._control = httpx.Client(base_url=ready["control"], timeout=_START, trust_env=False)

    def disconnect(self) -> None:
        """Let go of the connections to the control API."""
        if self._control is not None:
            self._control.close()

    # --- systems ---------------------------------------------------------------------------------------------------

    def url(self, system: str) -> str:
        """The base address of a system."""
        return str(self.ready["systems"][system]["url"])

    def credentials(self, system: str) -> dict[str, Any]:
        """The development credentials of a system, as in the ready line."""
        return {name: value for name, value in self.ready["systems"][system].items() if name != "url"}

    # --- the control API -------------------------------------------------------------------------------------------

    @property
    def control(self) -> httpx.Client:
        """A client for ``/_sim`` (paths such as ``/clock``). It blocks: await what your own loop must answer."""
        assert self._control is not None
        return self._control

    def ask(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """One control request; its JSON answer. Raises AssertionError with the words of a refusal."""
        answer = self.control.request(method, path, json=body, params=params)
        assert answer.is_success, f"{method} /_sim{path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def aask(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """``ask`` without blocking the loop: for requests during which the simulators call us back."""
        return await asyncio.to_thread(self.ask, method, path, body, **params)

    def reset(self) -> None:
        """Everything as on the first day."""
        self.ask("POST", "/reset")

    def seed(self, **data: Any) -> None:
        """Seed systems by name."""
        self.ask("POST", "/seed", data)

    def clock(self, **change: Any) -> dict[str, Any]:
        """The simulators' clock, changed by ``now``, ``advance_seconds`` or ``frozen``."""
        return dict(self.ask("POST", "/clock", change) if change else self.ask("GET", "/clock"))

    def faults(self, *planted: dict[str, Any]) -> list[str]:
        """Plant faults, ``{"system":…, "kind":…, …}`` each; their ids."""
        return list(self.ask("POST", "/faults", list(planted))["ids"])

    def scenario(self, told: dict[str, Any] | Path) -> list[str]:
        """Apply a scenario, a file or its content; the ids of its faults."""
        if isinstance(told, Path):
            told = scenario.read(told.read_text(encoding="utf-8"))
        return list(self.ask("POST", "/scenario", told)["faults"])

    def clear_faults(self) -> None:
        """Remove all planted faults."""
        self.ask("DELETE", "/faults")

    def journal(self, **narrow: Any) -> list[dict[str, Any]]:
        """Journal entries, narrowed by system, operation, key, outcome, after."""
        return list(self.ask("GET", "/journal", **narrow)["entries"])

    async def journalled(self, seconds: float = 10.0, **narrow: Any) -> list[dict[str, Any]]:
        """Journal entries as soon as there is one that fits. Raises AssertionError when none comes."""
        entries = (await self.aask("GET", "/journal", wait=seconds, **narrow))["entries"]
        assert entries, f"nothing in the simulators' journal for {narrow} within {seconds} s"
        return list(entries)

    def verify(self, *asked: dict[str, Any], **more: Any) -> None:
        """Hold what was asked against expectations (``simulators.verify``). Raises AssertionError, in words."""
        told = self.ask("POST", "/verify", {"asked": list(asked), **more})
        assert told["ok"], "\n".join(told["otherwise"])

    def effects(self, system: str) -> dict[str, dict[str, int]]:
        """Effects that happened in a system, as operation → reference → count."""
        return dict(self.ask("GET", "/effects", system=system).get(system, {}))

    def callbacks_to(self, system: str, url: str | None, again_after: float | None = None) -> None:
        """Say where a system's callbacks go, and after how many seconds again where none is acknowledged."""
        self.ask("POST", "/callbacks", {"system": system, "url": url, "again_after": again_after})

    async def flush_callbacks(self, system: str | None = None) -> list[dict[str, Any]]:
        """One attempt now at all pending callbacks; those still pending."""
        params = {"system": system} if system else {}
        return list((await self.aask("POST", "/callbacks/flush", **params))["pending"])


class SimulatorsProcess(Control):
    """One ``simulators serve`` process over a state file of its own. ``options``: more words of its command line."""

    def __init__(self, folder: Path, only: str = "", options: Sequence[str] = ()) -> None:
        super().__init__()
        self.folder = folder
        self.only = only
        self.options = options
        self.process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    def start(self) -> None:
        """Start the process and wait for its ready line. A restart has the same addresses and state."""
        command = [sys.executable, "-m", "simulators", "serve", "--state", str(self.folder / "simulators.sqlite")]
        if self.only:
            command += ["--only", self.only]
        command += self.options
        self._log = (self.folder / "simulators.log").open("ab")
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            command, stdout=subprocess.PIPE, stderr=self._log, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise RuntimeError(f"the simulators did not start:\n{self.log()[-4000:]}")
        self.connect(json.loads(line))

    def stop(self) -> int:
        """Ask the process to end (SIGTERM) and wait for it; its exit status."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the process where it stands (SIGKILL)."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """End the process if it runs, and start it again over the same state."""
        if self.running:
            self.stop()
        self.start()

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self.process is not None and self.process.poll() is None

    def log(self) -> str:
        """What the process wrote on stderr so far."""
        return (self.folder / "simulators.log").read_text(encoding="utf-8", errors="replace")

    def _end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.disconnect()
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(timeout=_START)
        assert self.process.stdout is not None
        self.process.stdout.close()
        if self._log is not None:
            self._log.close()
        return status


class Simulation(SimulatorsProcess):
    """Such a process, which may have worlds for tests that run at the same time."""

    @contextmanager
    def world(self, name: str = "") -> Iterator[Control]:
        """A world of its own (``simulators.worlds``), which ends with the block."""
        name = name or f"test-{uuid4().hex}"
        world = Control()
        world.connect(self.ask("POST", "/worlds", {"name": name}))
        try:
            yield world
        finally:
            world.disconnect()
            self.ask("DELETE", f"/worlds/{name}")


@pytest.fixture(scope="session")
def simulation_process(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Simulation]:
    """One simulators process for all tests of a worker.

    A fixture ``simulators_options`` of a ``conftest.py`` gives its command line more words, such as profiles.
    """
    try:
        options = request.getfixturevalue("simulators_options")
    except pytest.FixtureLookupError:
        options = ()
    simulation = Simulation(tmp_path_factory.mktemp("simulators"), options=options)
    simulation.start()
    yield simulation
    if simulation.running:
        simulation.stop()


@pytest.fixture
def simulators(simulation_process: Simulation) -> Simulation:
    """The simulators, as on their first day. A test may kill them: the next one finds them running again."""
    if not simulation_process.running:
        simulation_process.start()
    simulation_process.reset()
    return simulation_process


@pytest.fixture
def simulated_world(simulation_process: Simulation) -> Iterator[Control]:
    """A world of the simulators for this test alone, whatever other tests do meanwhile."""
    if not simulation_process.running:
        simulation_process.start()
    with simulation_process.world() as world:
        yield world
