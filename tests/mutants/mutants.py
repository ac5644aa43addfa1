"""Do the tests notice? ``make mutants``: one-line changes to the modules that money and law hang on, and who notices.

First the changes that are listed by hand (``listed_changes.py``), then those that mutmut makes in the functions of the
modules of ``[tool.mutmut]`` in pyproject.toml, in a copy of the tree (``mutants/``). Prints the score of a module, and
what no test noticed. ``make mutants MUTANTS="gateway.words.money*"`` tries some modules only; what was tried before is
tried again only where its function or its tests have changed.

Exit status: 0 when every listed change was noticed and at least 90 % of the others, 1 when not, 2 when the run failed.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from fnmatch import fnmatch
from pathlib import Path

from listed_changes import CHANGES, ROOT, Change

WANTED = 90
"""Per cent of changes that have to be noticed."""
_UNTRIED = ("not checked", "skipped")
_NOTICED = ("killed", "timeout", "caught by type check", "segfault")


def noticed(change: Change) -> bool:
    """Whether the tests fail once this line is changed. RuntimeError when they could not be run."""
    change.text()
    told = {"CHANGE": change.name, "PYTHONPATH": str(Path(__file__).parent)}
    words = [
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "listed_changes",
        "-p",
        "no:cacheprovider",
        "-k",
        "not postgresql",
        change.tests,
    ]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, env=os.environ | told, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{change.name}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.returncode == 1


def mutmut(*words: str) -> str:
    """What mutmut says; of a run it is shown while it lasts. RuntimeError when it fails."""
    out = sys.stderr if words[0] == "run" else subprocess.PIPE
    done = subprocess.run([sys.executable, "-m", "mutmut", *words], cwd=ROOT, stdout=out, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"mutmut {words[0]} ended with {done.returncode}: {(done.stdout or '')[-2000:]}")
    return done.stdout or ""


def outcomes(modules: list[str]) -> dict[str, str]:
    """What became of each change that was tried, by its name."""
    found = re.findall(r"^\s+(\S+__mutmut_\d+): (.+)$", mutmut("results", "--all", "true"), re.MULTILINE)
    return {
        name: outcome
        for name, outcome in found
        if outcome not in _UNTRIED and (not modules or any(fnmatch(name, module) for module in modules))
    }


def report(tried: dict[str, str]) -> float:
    """Print the score a module and what nobody noticed; the score of all, in per cent."""
    counts: dict[str, Counter[bool]] = defaultdict(Counter)
    for name, outcome in tried.items():
        counts[name.rpartition(".")[0]][outcome in _NOTICED] += 1
    for name, outcome in tried.items():
        if outcome not in _NOTICED:
            lines = [line for line in mutmut("show", name).splitlines() if re.match(r"[-+](?![-+]{2})", line)]
            print(f"{name} ({outcome})", *lines, sep="\n  ")
    for module, count in sorted(counts.items()):
        print(f"{module:50} {count[True]:4} of {count.total():4} noticed, {100 * count[True] / count.total():.0f} %")
    every = sum(counts.values(), Counter[bool]())
    return 100 * every[True] / (every.total() or 1)


def main() -> int:
    """Try the listed changes, then mutmut's."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("modules", nargs="*", help="patterns of mutmut's names, such as gateway.words.money*")
    parser.add_argument("--listed", action="store_true", help="only the changes that are listed by hand")
    parser.add_argument("--jobs", default=str(os.cpu_count() or 1), help="test processes at once")
    asked = parser.parse_args()
    lived = []
    for change in CHANGES if asked.listed or not asked.modules else ():
        seen = noticed(change)
        print(f"{'noticed' if seen else 'LIVES  '}  {change.name}", flush=True)
        lived += [] if seen else [change.name]
    if asked.listed:
        return bool(lived)
    mutmut("run", "--max-children", asked.jobs, *asked.modules)
    score = report(outcomes(asked.modules))
    print(f"{score:.1f} % noticed (wanted: {WANTED} %), {len(lived)} listed changes live")
    return bool(lived) or score < WANTED


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RuntimeError as problem:
        print(problem, file=sys.stderr)
        sys.exit(2)
