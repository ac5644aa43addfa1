"""The command ``simulators``."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from simulators import scenario
from simulators.faults import COLLECTING, FIELDS, KINDS, PHASES
from simulators.nontax.amounts import AMOUNTS
from simulators.state import Document
from simulators.systems import SYSTEMS

_EXAMPLES = """\
examples:
  simulators serve                                  everything on free ports, forgotten at the end
  simulators serve --state sim.sqlite --port 9000   kept over a restart, at ports that are known
  simulators serve --scenario lost-answers          begin with a scenario that is shipped
  simulators serve --scenario mine.toml             begin with one of your own
  simulators faults                                 what can be made to go wrong
"""


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    made = argparse.ArgumentParser(
        prog="simulators",
        description="Stateful stand-ins for the external systems that the gateway talks to.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = made.add_subparsers(dest="command", required=True, metavar="command")
    serve = commands.add_parser(
        "serve",
        help="serve the systems until SIGTERM or Ctrl-C",
        description="Serve the systems until SIGTERM or Ctrl-C. When they are ready, one JSON line on stdout tells the"
        " address of the control API, and of each system its address and development credentials.",
    )
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    serve.add_argument(
        "--port",
        type=int,
        default=0,
        help="this port for the control API and the next ones for the systems (default: those of the last run with"
        " this state, else free ones)",
    )
    serve.add_argument("--state", metavar="FILE", type=Path, help="SQLite file that keeps everything over a restart")
    serve.add_argument("--only", metavar="SYSTEMS", default="", help=f"some of {','.join(SYSTEMS)}")
    serve.add_argument(
        "--scenario",
        metavar="FILE",
        help="begin with this scenario, on a fresh state and after each reset: a file, or one of"
        f" {', '.join(scenario.shipped())}",
    )
    serve.add_argument(
        "--magic-amounts", action="store_true", help="totals that end in certain fen bring faults (`simulators faults`)"
    )
    faults = commands.add_parser(
        "faults", help="list the faults that can be planted", description="List the faults that can be planted."
    )
    faults.add_argument("--json", action="store_true", help="one JSON object, for programs")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status (0 done, 2 wrong use)."""
    given = parser().parse_args(arguments)
    if given.command == "faults":
        print(json.dumps(_kinds()) if given.json else "\n".join(_page(shutil.get_terminal_size().columns)))
        return 0
    from simulators.server import serve as run

    only = [name.strip() for name in given.only.split(",") if name.strip()]
    try:
        magic = [name for name in COLLECTING if given.magic_amounts and name in (only or SYSTEMS)]
        opening = _opening(given.scenario, magic)
        if given.state is not None:
            return run(given.host, given.port, given.state, only, opening)
        with tempfile.TemporaryDirectory(prefix="simulators-") as folder:
            return run(given.host, given.port, Path(folder) / "simulators.sqlite", only, opening)
    except (ValueError, OSError) as problem:
        print(f"simulators: {problem}", file=sys.stderr)
        return 2


def _opening(named: str | None, magic: Iterable[str]) -> Document | None:
    """The scenario to begin with, and magic amounts in some systems unless it says otherwise."""
    told = scenario.load(named) if named else {}
    for name in magic:
        settings = told.setdefault("settings", {}).setdefault(name, {})
        settings.setdefault("magic_amounts", True)
    return told or None


def _kinds() -> dict[str, Document]:
    """Everything about each kind of fault."""
    return {
        name: {
            "phase": kind.phase,
            "phases": [kind.phase, *kind.also],
            "effect": kind.effect,
            "needs": ["system", "kind", *kind.needs],
            "systems": list(kind.systems or SYSTEMS),
            "magic_amounts": [f".{fen:02d}" for fen, magic in AMOUNTS.items() if magic.kind == name],
        }
        for name, kind in KINDS.items()
    }


def _page(width: int) -> Iterable[str]:
    """The same for people, in lines no wider than the terminal."""
    width = min(width, 120)

    def row(name: str, words: str, indent: int) -> str:
        lead = f"  {name:<{indent - 2}}"
        return textwrap.fill(words, width, initial_indent=lead, subsequent_indent=" " * indent)

    yield "Kinds of faults, by the phase in which they act"
    for phase, truth in PHASES.items():
        kinds = {name: kind for name, kind in KINDS.items() if kind.phase == phase}
        only = next(iter(kinds.values())).systems
        heading = f"{phase}: {truth}" + (f" (in {', '.join(only)})" if only else "")
        yield "\n" + textwrap.fill(heading, width)
        for name, kind in kinds.items():
            yield row(name, kind.effect + "".join(f"; also in phase {other}" for other in kind.also), 25)
    yield "\nFields of a fault: `system` and `kind`, and any of the others"
    yield from (row(name, one.means, 25) for name, one in FIELDS.items())
    yield "\n" + textwrap.fill(
        f"Magic amounts, where the setting magic_amounts of {' or '.join(COLLECTING)} is on (off by default;"
        " `simulators serve --magic-amounts`): a bill whose total ends in these fen brings a fault with it, once.",
        width,
    )
    for fen, magic in AMOUNTS.items():
        yield row(f".{fen:02d}  {magic.kind}", magic.words, 29)


if __name__ == "__main__":
    sys.exit(main())
