"""Table definitions, one module a room; importing this package defines them all."""
