"""What every simulated system stands on: one state, clock, faults, journal and callbacks for all of a process."""

from __future__ import annotations

from simulators.callbacks import Callbacks
from simulators.clock import SimulatedClock
from simulators.faults import Faults
from simulators.journal import Journal
from simulators.state import State
from simulators.transport import Connections


class Foundation:
    """Opened once over a state; it knows no system. ``connections``: of the process, where it has several of these."""

    def __init__(self, state: State, connections: Connections | None = None) -> None:
        self.state = state
        self.clock = SimulatedClock(state)
        self.faults = Faults(state)
        self.journal = Journal(state, self.clock)
        self.callbacks = Callbacks(state, self.faults, self.journal)
        self.connections = connections or Connections()
        #: Base addresses by system, without a slash at the end; "" is the main port, "<name>/stream" without HTTP.
        self.urls: dict[str, str] = {}

    def reset(self) -> None:
        """Everything forgotten but keys and ports; the clock is real time."""
        self.state.reset()
        self.clock.load()
        self.faults.load()
        self.callbacks.hasten()
