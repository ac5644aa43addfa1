"""The command ``simulators``."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from simulators import profile, scenario, systems
from simulators.fault_kinds import COMMON, PHASES, Kind, Magic
from simulators.faults import FIELDS
from simulators.state import Document
from simulators.system import System

_EXAMPLES = """\
examples:
  simulators serve                                  everything on free ports, forgotten at the end
  simulators serve --state sim.sqlite --port 9000   kept over a restart, at ports that are known
  simulators serve --scenario lost-answers          begin with a scenario that is shipped
  simulators serve --scenario mine.toml             begin with one of your own
  simulators serve --profile lanchuan.toml          a province's own contract, as its profile says it
  simulators check mine.toml                        is the scenario or profile right, and if not, where and why not
  simulators faults                                 what can be made to go wrong
  simulators shadow exchanges.jsonl                 does the real platform still speak as the contract has it
  simulators verify wanted.json --control URL       was it asked as expected, and in that order
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
    serve.add_argument(
        "--profile",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="serve a system made of a profile too, which says what a province has otherwise than a contract: a file,"
        f" or one of {', '.join(profile.shipped())}; may be repeated",
    )
    serve.add_argument("--only", metavar="SYSTEMS", default="", help=f"some of {','.join(systems.installed())}")
    serve.add_argument(
        "--scenario",
        metavar="FILE",
        help="begin with this scenario, on a fresh state and after each reset: a file, or one of"
        f" {', '.join(scenario.shipped())}",
    )
    serve.add_argument(
        "--magic-amounts", action="store_true", help="totals that end in certain fen bring faults (`simulators faults`)"
    )
    serve.add_argument(
        "--until-stdin-closes",
        action="store_true",
        help="end too when stdin is closed, so that nothing is left behind by a test that was killed",
    )
    faults = commands.add_parser(
        "faults", help="list the faults that can be planted", description="List the faults that can be planted."
    )
    faults.add_argument("--json", action="store_true", help="one JSON object, for programs")
    check = commands.add_parser(
        "check",
        help="say what is wrong with a scenario or a profile, without serving it",
        description="Say of a scenario (a file, or the name of one that is shipped) or of a profile which places are"
        " wrong, and what is allowed there. Exit status 0: nothing is, 2: otherwise. --schema prints the JSON schema of"
        " scenarios, for editors.",
    )
    check.add_argument("file", metavar="FILE", nargs="?", help="the scenario, or the profile")
    check.add_argument("--schema", action="store_true", help="the JSON schema of scenarios for the systems installed")
    held = commands.add_parser(
        "verify",
        help="hold what was asked against what was expected",
        description="Hold what running simulators were asked against the expectations in a file (JSON or TOML; - reads"
        ' stdin), such as {"asked": [{"system": "nontax", "operation": "CreateBill", "times": 1}], "in_order": true}.'
        " Exit status 0: as expected, 1: otherwise.",
    )
    held.add_argument("file", metavar="FILE", help="the expectations")
    held.add_argument("--control", metavar="URL", required=True, help="the control address of the ready line")
    held.add_argument(
        "--report",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="write the report of the test 联调测试报告 too: FILE.xlsx or FILE.pdf; may be repeated",
    )
    shadow = commands.add_parser(
        "shadow",
        help="hold exchanges with a real platform against the simulated one",
        description="Ask the simulated platform what was asked of a real one, and tell where their answers differ:"
        " drift. FILE has redacted exchanges, one a line (of `gateway evidence export` or `simulators record`)."
        " Exit status 0: no difference, 1: some.",
    )
    shadow.add_argument("file", metavar="FILE", type=Path, help="the exchanges")
    shadow.add_argument(
        "--system",
        metavar="CHANNEL=SYSTEM",
        action="append",
        default=[],
        help="the simulated system that stands for a channel of the gateway (default: that of the same name)",
    )
    shadow.add_argument(
        "--profile", metavar="FILE", type=Path, action="append", default=[], help="systems of provinces, as for serve"
    )
    shadow.add_argument("--json", action="store_true", help="one JSON object, for programs")
    recorded = commands.add_parser(
        "record",
        help="forward to a real platform, and write what was exchanged, desensitised",
        description="Forward what comes to a real platform and add each exchange to a file, desensitised, for"
        " `simulators shadow`. The first line on stdout is JSON and tells the address to ask in its place.",
    )
    recorded.add_argument("to", metavar="URL", help="the base address of the real platform")
    recorded.add_argument("--system", required=True, help="the simulated system that stands for it")
    recorded.add_argument("--file", metavar="FILE", type=Path, required=True, help="where exchanges are added")
    recorded.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    recorded.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    replayed = commands.add_parser(
        "replay",
        help="serve recorded exchanges again, as a stub of the platform",
        description="Answer requests as they were answered in a file of exchanges, equal ones in their order. What fits"
        " nothing is refused with the nearest and what differs; GET /_replay tells what was asked. The first line on"
        " stdout is JSON and tells the address.",
    )
    replayed.add_argument(
        "file", metavar="FILE", type=Path, help="the exchanges, of `simulators record` or the gateway"
    )
    replayed.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    replayed.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status (0 done, 1 otherwise than expected, 2 wrong use)."""
    given = parser().parse_args(arguments)
    if given.command == "faults":
        listed = Listed(systems.load())
        print(
            json.dumps(listed.document()) if given.json else "\n".join(listed.page(shutil.get_terminal_size().columns))
        )
        return 0
    if given.command == "check":
        return _check(given.file, schema=given.schema)
    if given.command == "shadow":
        return _shadow(given.file, given.system, given.profile, as_json=given.json)
    if given.command == "record":
        from simulators.record import Recorder
        from simulators.record import run as record

        recorder = Recorder(given.to, given.system, given.file)
        told = {"to": recorder.to, "file": str(recorder.file)}
        return record(given.host, given.port, recorder.application(), told)
    if given.command == "replay":
        return _replay(given.file, given.host, given.port)
    if given.command == "verify":
        return _verify(given.file, given.control, given.report)
    from simulators.server import Served
    from simulators.server import serve as run

    only = [name.strip() for name in given.only.split(",") if name.strip()]
    try:
        found = systems.load(only, given.profile)
        magic = [one.name for one in found if one.amounts and given.magic_amounts]
        opening = _opening(given.scenario, magic)
        asked = Served(given.host, given.port, opening, given.until_stdin_closes)
        if given.state is not None:
            return run(asked, given.state, found)
        with tempfile.TemporaryDirectory(prefix="simulators-") as folder:
            return run(asked, Path(folder) / "simulators.sqlite", found)
    except (ValueError, OSError) as problem:
        print(f"simulators: {problem}", file=sys.stderr)
        return 2


def _check(named: str | None, *, schema: bool) -> int:
    from simulators.foundation import Foundation
    from simulators.state import State
    from simulators.world import World

    found = systems.load()
    if schema or named is None:
        print(json.dumps(scenario.schema(found), ensure_ascii=False, indent=2))
        return 0
    try:
        if named in profile.shipped() or profile.is_one(Path(named)):
            profile.load(Path(named))
            print("as it should be")
            return 0
        world = World(Foundation(State(":memory:")), scenario.load(named))
        for system in found:
            world.add(system)
        world.begin()
    except (ValueError, OSError) as problem:
        print(f"simulators: {problem}", file=sys.stderr)
        return 2
    print("as it should be")
    return 0


def _shadow(file: Path, named: Sequence[str], profiles: Sequence[Path], *, as_json: bool) -> int:
    from simulators import exchanges
    from simulators.shadow import KINDS, Shadow

    try:
        names = dict(one.split("=", 1) for one in named)
        told = exchanges.read(file.read_text(encoding="utf-8").splitlines())
        found = systems.load(sorted({names.get(one.channel, one.channel) for one in told}), profiles)
        drift = asyncio.run(Shadow(found, names).compare(told))
    except (ValueError, OSError) as problem:
        print(f"simulators: {problem}", file=sys.stderr)
        return 2
    if as_json:
        print(json.dumps({"exchanges": len(told), "drift": [one.document() for one in drift]}, ensure_ascii=False))
    else:
        for one in drift:
            values = f"{one.real or '-'} / {one.simulated or '-'}"
            print(f"{one.system} {one.operation} {one.path}: {KINDS[one.kind]}, {values} ({one.times})")
        print(f"{len(told)} exchanges, {len(drift)} differences")
    return 1 if drift else 0


def _replay(file: Path, host: str, port: int) -> int:
    from simulators import exchanges
    from simulators.record import run
    from simulators.replay import Replay

    try:
        told = exchanges.read(file.read_text(encoding="utf-8").splitlines())
    except (ValueError, OSError) as problem:
        print(f"simulators: {problem}", file=sys.stderr)
        return 2
    replay = Replay(told)
    return run(host, port, replay.application(), {"exchanges": len(replay.exchanges)})


def _verify(file: str, control: str, reports: Sequence[Path]) -> int:
    import httpx

    from simulators.report import report, write

    try:
        told = scenario.read(sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8"))
        with httpx.Client(base_url=control, timeout=30, trust_env=False) as client:
            answer = client.post("/verify", json=told).json()
            if reports and "error" not in answer:
                found = client.get("/journal", params={"after": told.get("after", 0), "limit": 1_000_000}).json()
                named = {one["system"] for one in told["asked"] if "system" in one}
                covered = {one.name: sorted(one.operations) for one in systems.load(sorted(named))} if named else {}
                made = report(found["entries"], told, covered)
                for to in reports:
                    write(made, to)
    except (ValueError, OSError, ImportError, httpx.HTTPError) as problem:
        print(f"simulators: {problem}", file=sys.stderr)
        return 2
    if "error" in answer:
        print(f"simulators: {answer['error']}", file=sys.stderr)
        return 2
    print("\n".join(answer["otherwise"]) or "as expected")
    return 0 if answer["ok"] else 1


def _opening(named: str | None, magic: Iterable[str]) -> Document | None:
    """The scenario to begin with, and magic amounts in some systems unless it says otherwise."""
    told = scenario.load(named) if named else {}
    for name in magic:
        settings = told.setdefault("settings", {}).setdefault(name, {})
        settings.setdefault("magic_amounts", True)
    return told or None


class Listed:
    """What can be made to go wrong in some systems, for people and for programs."""

    def __init__(self, found: Sequence[System]) -> None:
        self.kinds: dict[str, Kind] = dict(COMMON)
        self.amounts: dict[int, Magic] = {}
        for system in found:
            self.kinds |= system.kinds
            self.amounts = {**system.amounts, **self.amounts}
        #: Kind → the systems that know it.
        self.knowing = {kind: [one.name for one in found if kind in one.known_kinds] for kind in self.kinds}
        self.everyone = [one.name for one in found]
        self.with_magic = [one.name for one in found if one.amounts]

    def document(self) -> dict[str, Document]:
        """Everything about each kind of fault."""
        return {
            name: {
                "phase": kind.phase,
                "phases": [kind.phase, *kind.also],
                "effect": kind.effect,
                "needs": ["system", "kind", *kind.needs],
                "systems": self.knowing[name],
                "magic_amounts": [f".{fen:02d}" for fen, magic in self.amounts.items() if magic.kind == name],
            }
            for name, kind in self.kinds.items()
        }

    def page(self, width: int) -> Iterable[str]:
        """The same for people, in lines no wider than the terminal."""
        width = min(width, 120)

        def row(name: str, words: str, indent: int) -> str:
            lead = f"  {name:<{indent - 2}}"
            return textwrap.fill(words, width, initial_indent=lead, subsequent_indent=" " * indent)

        yield "Kinds of faults, by the phase in which they act"
        for phase, truth in PHASES.items():
            kinds = {name: kind for name, kind in self.kinds.items() if kind.phase == phase}
            knowing = [self.knowing[name] for name in kinds]
            same = next(iter(knowing), self.everyone)
            shared = same != self.everyone and all(one == same for one in knowing)
            yield "\n" + textwrap.fill(f"{phase}: {truth}" + (f" (in {', '.join(same)})" if shared else ""), width)
            for name, kind in kinds.items():
                words = kind.effect + "".join(f"; also in phase {other}" for other in kind.also)
                if not shared and self.knowing[name] != self.everyone:
                    words += f" (in {', '.join(self.knowing[name])})"
                yield row(name, words, 25)
        yield "\nFields of a fault: `system` and `kind`, and any of the others"
        yield from (row(name, one.means, 25) for name, one in FIELDS.items())
        if not self.amounts:
            return
        where = " or ".join(self.with_magic)
        yield "\n" + textwrap.fill(
            f"Magic amounts, where the setting magic_amounts of {where} is on (off by default;"
            " `simulators serve --magic-amounts`): a bill whose total ends in these fen brings a fault with it, once.",
            width,
        )
        for fen, magic in self.amounts.items():
            yield row(f".{fen:02d}  {magic.kind}", magic.words, 29)


if __name__ == "__main__":
    sys.exit(main())
