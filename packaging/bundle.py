"""One archive to install from where there is no network: ``make bundle``, into ``dist/``.

Wheels of everything that ``requirements-bundle.lock`` names, for x86-64 and aarch64 and one release of Python, each
held against its hash; our own wheel; the documentation as pages; ``install.sh``. The sums of all files stand beside
them. Wheels of another machine are chosen by what they say of themselves: only an installation shows that they run.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements-bundle.lock"
MACHINES = ("x86_64", "aarch64")
PYTHON = "3.11"
GLIBC = range(5, 37)
"""Minor releases of glibc 2 whose wheels are taken; the newest that a wheel here asks for is told by its name."""
FIRST = """\
行政执法对接网关  先看 docs/docs/zh/installing.html，再运行 sh install.sh
Enforcement gateway  read docs/docs/installing.html, then run sh install.sh
"""
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet")


def locked(machine: str, lock: str) -> str:
    """The part of the lock for a machine, without markers: pip reads these as they are for the machine it runs on."""
    here = {
        "platform_machine": machine,
        "sys_platform": "linux",
        "platform_system": "Linux",
        "os_name": "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "python_version": PYTHON,
        "python_full_version": f"{PYTHON}.0",
    }
    return "".join(_wanted(lock, here))


def _wanted(lock: str, here: dict[str, str]) -> Iterator[str]:
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock.strip()):
        head, _, hashes = block.partition(" \\\n")
        marker = Requirement(head).marker
        if marker is None or marker.evaluate(here):
            yield f"{head.partition(';')[0].strip()} \\\n{hashes}\n"


def fetch(machine: str, wanted: Path, into: Path) -> None:
    """Every wheel for a machine, each held against the lock. Raises CalledProcessError where one cannot be had."""
    tags = [f"manylinux_2_{minor}_{machine}" for minor in GLIBC] + [f"manylinux2014_{machine}", f"linux_{machine}"]
    platforms = [word for tag in tags for word in ("--platform", tag)]
    abis = ("--abi", f"cp{PYTHON.replace('.', '')}", "--abi", "abi3", "--abi", "none")
    kind = ("--no-deps", "--only-binary", ":all:", "--python-version", PYTHON, "--implementation", "cp", *abis)
    where = ("--require-hashes", "--requirement", str(wanted), "--dest", str(into))
    subprocess.run((*PIP, "download", *kind, *platforms, *where), check=True)


def lay_out(folder: Path, machines: tuple[str, ...]) -> None:
    """Everything that the archive holds."""
    wheels = folder / "wheels"
    wheels.mkdir(parents=True)
    subprocess.run(
        (*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(ROOT)), check=True
    )
    for machine in machines:
        wanted = folder / f"requirements-{machine}.lock"
        wanted.write_text(locked(machine, LOCK.read_text(encoding="utf-8")), encoding="utf-8")
        print(f"wheels for {machine}", file=sys.stderr)
        fetch(machine, wanted, wheels)
    pages = (sys.executable, str(ROOT / "packaging" / "site" / "build.py"), "--to", str(folder / "docs"))
    subprocess.run(pages, check=True, stdout=sys.stderr)
    for name in ("packaging", "examples"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", "node_modules")
        )
    (folder / "README.txt").write_text(FIRST, encoding="utf-8")
    for name in ("CHANGELOG.md", "LICENSE", "NOTICE", "gateway.example.toml", "packaging/install.sh"):
        shutil.copy(ROOT / name, folder)
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(folder)}\n" for file in files]
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")


def pack(folder: Path, archive: Path) -> None:
    """The folder as a tar in which nothing tells by whom and when it was made: the same files give the same archive."""

    def plain(one: tarfile.TarInfo) -> tarfile.TarInfo:
        one.uid = one.gid = one.mtime = 0
        one.uname = one.gname = ""
        return one

    with tarfile.open(archive, "w") as tar:
        for file in sorted(folder.rglob("*")):
            tar.add(file, f"{folder.name}/{file.relative_to(folder)}", recursive=False, filter=plain)


def main() -> None:
    """Make the archive; its path on stdout."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--to", type=Path, default=ROOT / "dist")
    arguments.add_argument("--machine", action="append", choices=MACHINES, help="only these; for a trial")
    asked = arguments.parse_args()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    asked.to.mkdir(parents=True, exist_ok=True)
    archive = asked.to / f"enforcement-gateway-{version}-offline.tar"
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / archive.stem
        lay_out(folder, tuple(asked.machine or MACHINES))
        pack(folder, archive)
    with archive.open("rb") as file:
        said = hashlib.file_digest(file, "sha256").hexdigest()
    archive.with_suffix(".tar.sha256").write_text(f"{said}  {archive.name}\n", encoding="utf-8")
    print(archive)


if __name__ == "__main__":
    main()
