"""Fetch Firefox ESR into .browsers/: ``make firefox``. Nothing of it is part of this project.

It comes as Debian's package, from whatever mirror apt is set up with and by the keys that apt trusts, and is unpacked
without being installed: no other package of the machine is touched. apt and dpkg are needed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGES = ("firefox-esr", "libvpx7")
"""Firefox, and what it needs beside what a machine with Chromium has."""

FOLDER = Path(__file__).parents[2] / ".browsers" / "firefox-esr"


def main() -> None:
    """Fetch and unpack; what is there already stays."""
    if (FOLDER / "usr/lib/firefox-esr/firefox-esr").exists():
        return
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        sys.exit("apt and dpkg are needed to fetch Firefox ESR")
    with tempfile.TemporaryDirectory() as made:
        here = Path(made)
        for package in PACKAGES:
            subprocess.run(["apt-get", "download", "-q", package], cwd=here, check=True, stdout=subprocess.DEVNULL)
        for archive in here.glob("*.deb"):
            subprocess.run(["dpkg", "-x", archive, here / "unpacked"], check=True)
        FOLDER.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(here / "unpacked", FOLDER)
    print(FOLDER / "usr/lib/firefox-esr/firefox-esr")


if __name__ == "__main__":
    main()
