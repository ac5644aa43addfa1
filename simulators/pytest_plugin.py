"""The simulators for pytest: ``pytest_plugins = ["simulators.pytest_plugin"]`` in a ``conftest.py``, and no more.

Over one process a worker it gives two fixtures: ``simulators``, a ``Simulation`` as on its first day for each test, and
``simulated_world``, a world for the test alone, for tests that run at the same time in threads or against one gateway.
"""

from simulators.testing import Control, Simulation, simulated_world, simulation_process, simulators

__all__ = ["Control", "Simulation", "simulated_world", "simulation_process", "simulators"]
