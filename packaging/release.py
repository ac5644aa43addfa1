"""One command for a release: ``make release VERSION=0.1.0``. It looks and says what it would do; ``YES=1`` does it.

Version, changelog, the list of released revisions, a commit and a tag; then wheel, sdist and offline bundle into
``dist/``. Nothing is sent anywhere: who releases looks at the tag and pushes it.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GATEWAY = ROOT / "gateway"
RELEASED = GATEWAY / "foundation" / "store" / "released.txt"
CHANGELOG = ROOT / "CHANGELOG.md"
VERSION = re.compile(r"(?m)^(version = |__version__ = )\"([^\"]+)\"")


def parts(version: str) -> tuple[int, ...]:
    """``1.2.3`` as numbers. SystemExit for anything else."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise SystemExit(f"{version} is no version: three numbers, as in 0.1.0")
    return tuple(map(int, version.split(".")))


def git(*words: str) -> str:
    """What git says. SystemExit where it refuses."""
    done = subprocess.run(("git", *words), cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"git {words[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def revisions() -> str:
    """Every revision that this release has, with the SHA-256 of its file."""
    files = sorted(file for file in GATEWAY.rglob("revisions/[0-9]*.py"))
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(GATEWAY)}\n" for file in files]
    return "".join(lines)


def told(changelog: str, version: str, today: date) -> str:
    """The changelog with what was unreleased under the version. SystemExit where nothing is told."""
    head, unreleased, rest = changelog.partition("## Unreleased\n")
    rest = rest.replace(f"\n## {version} - unreleased\n", "\n", 1)  # begun under its own name
    if not re.search(r"(?m)^- ", rest.partition("\n## ")[0]):
        raise SystemExit("CHANGELOG.md tells nothing under Unreleased")
    return f"{head}{unreleased}\n## {version} - {today.isoformat()}\n{rest}"


def changed(version: str) -> dict[Path, str]:
    """Every file that the release changes, as it will be."""
    files = {}
    for name in ("pyproject.toml", "gateway/__init__.py"):
        text = (ROOT / name).read_text(encoding="utf-8")
        files[ROOT / name] = VERSION.sub(rf'\g<1>"{version}"', text, count=1)
    files[CHANGELOG] = told(CHANGELOG.read_text(encoding="utf-8"), version, date.today())  # noqa: DTZ011 - where we are
    files[RELEASED] = revisions()
    return files


def ready(version: str) -> None:
    """SystemExit says why there can be no release now."""
    found = VERSION.search((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert found is not None
    if parts(version) < parts(found[2]):
        raise SystemExit(f"{version} lies before {found[2]}")
    if git("tag", "--list", f"v{version}"):
        raise SystemExit(f"v{version} is tagged already")
    if git("status", "--porcelain"):
        raise SystemExit("the tree is not clean: commit or put away what is changed")
    for line in RELEASED.read_text(encoding="utf-8").splitlines() if RELEASED.exists() else ():
        if line not in revisions():
            raise SystemExit(f"a released revision was changed or removed: {line.split()[1]}")


def build() -> None:
    """Wheel, sdist and bundle."""
    python = sys.executable
    subprocess.run(
        (python, "-m", "hatchling", "build", "-d", "dist", "-t", "wheel", "-t", "sdist"), cwd=ROOT, check=True
    )
    subprocess.run((python, str(ROOT / "packaging" / "bundle.py")), cwd=ROOT, check=True)


def main() -> None:
    """Release, or say what a release would do."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("version")
    arguments.add_argument("--yes", action="store_true", help="do it")
    asked = arguments.parse_args()
    ready(asked.version)
    files = changed(asked.version)
    kept = {path for path, text in files.items() if path.exists() and path.read_text(encoding="utf-8") == text}
    for path in files:
        print(f"{'leaves ' if path in kept else 'changes'}  {path.relative_to(ROOT)}")
    print(f"tags     v{asked.version}, and builds wheel, sdist and offline bundle into dist/")
    if not asked.yes:
        print("Nothing was done. YES=1 does it.")
        return
    for path in files.keys() - kept:  # one that only looks newer would have make install everything anew
        path.write_text(files[path], encoding="utf-8")
    git("add", *(str(path) for path in files))
    git("commit", "--message", f"release: {asked.version}")
    git("tag", "--annotate", f"v{asked.version}", "--message", f"Release {asked.version}")
    build()
    print(f"v{asked.version} is tagged here and nowhere else: look at it, then push the tag.")


if __name__ == "__main__":
    main()
