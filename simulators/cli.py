"""The command ``simulators``."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from simulators.faults import KINDS
from simulators.systems import SYSTEMS


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    made = argparse.ArgumentParser(
        prog="simulators", description="Stateful stand-ins for the external systems that the gateway talks to."
    )
    commands = made.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="serve all systems until SIGTERM; prints one JSON line when ready")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument(
        "--port", type=int, default=0, help="0: any, or those of the last run; else this and the next ones"
    )
    serve.add_argument("--state", type=Path, help="SQLite file, kept over a restart (default: a temporary one)")
    serve.add_argument("--only", default="", help=f"comma-separated: {','.join(SYSTEMS)}")
    faults = commands.add_parser("faults", help="list the faults that can be planted over /_sim/faults")
    faults.add_argument("--json", action="store_true")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status (0 done, 2 wrong use)."""
    given = parser().parse_args(arguments)
    if given.command == "faults":
        return _faults(as_json=given.json)
    from simulators.server import serve as run

    only = [name.strip() for name in given.only.split(",") if name.strip()]
    try:
        if given.state is not None:
            return run(given.host, given.port, given.state, only)
        with tempfile.TemporaryDirectory(prefix="simulators-") as folder:
            return run(given.host, given.port, Path(folder) / "simulators.sqlite", only)
    except (ValueError, OSError) as problem:
        print(f"simulators: {problem}", file=sys.stderr)
        return 2


def _faults(*, as_json: bool) -> int:
    if as_json:
        print(json.dumps({kind: {"phase": phase, "effect": effect} for kind, (phase, effect) in KINDS.items()}))
        return 0
    for kind, (phase, effect) in KINDS.items():
        print(f"{kind:<22} {phase:<14} {effect}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
