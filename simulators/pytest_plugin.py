"""The simulators for pytest: ``pytest_plugins = ["simulators.pytest_plugin"]`` in a ``conftest.py``, and no more.

Gives the fixture ``simulators``, a ``Simulation`` as on its first day for each test, over one process a worker.
"""

from simulators.testing import Simulation, simulation_process, simulators

__all__ = ["Simulation", "simulation_process", "simulators"]
