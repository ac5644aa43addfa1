"""The main job, walked through on real parts: simulators in one process, the gateway in another, sockets between."""
