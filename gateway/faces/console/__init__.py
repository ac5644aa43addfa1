"""The console: where people who operate the gateway see what waits, and act. Rooms bring what it shows."""
