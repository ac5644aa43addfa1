"""Fetch the real Chromium 90 into .browsers/: ``make chromium90``. Nothing of it is part of this project.

It comes within the npm package chrome-aws-lambda 8.0.2 (MIT), from whatever registry npm is set up with, is compared
with the digest that stands here, and unpacked.
Offices have browsers of that age (奇安信可信 V1.0). npm and Node are needed.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "chrome-aws-lambda@8.0.2"
SHA512 = (
    "6b85445fa0e49f12123ea18b92c65afc9b849e37389cb5da1b404ca7973da844"
    "6f27f7811cf509ee80914100be4b14b1bb1b04c316c18f644194241b8af9e286"
)
FOLDER = Path(__file__).parents[2] / ".browsers" / "chromium-90"
UNPACK = (
    "const [, from, to] = process.argv, z = require('zlib'), f = require('fs');"
    "f.writeFileSync(to, z.brotliDecompressSync(f.readFileSync(from)))"
)


def main() -> None:
    """Fetch, compare, unpack; what is there already stays."""
    if (FOLDER / "chromium").exists():
        return
    if shutil.which("npm") is None:
        sys.exit("npm is needed to fetch Chromium 90")
    with tempfile.TemporaryDirectory() as made:
        here = Path(made)
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=here, check=True, stdout=subprocess.DEVNULL)
        (archive,) = here.glob("*.tgz")
        if hashlib.sha512(archive.read_bytes()).hexdigest() != SHA512:
            sys.exit(f"{PACKAGE} is not the one that was looked at: its digest differs")
        with tarfile.open(archive) as packed:
            packed.extractall(here, filter="data")
        for name in ("chromium", "swiftshader.tar"):
            source = here / "package" / "bin" / f"{name}.br"
            subprocess.run(["node", "-e", UNPACK, str(source), str(here / name)], check=True)
        FOLDER.mkdir(parents=True, exist_ok=True)
        with tarfile.open(here / "swiftshader.tar") as packed:
            packed.extractall(FOLDER / "swiftshader", filter="data")
        (here / "chromium").chmod(0o755)
        shutil.move(here / "chromium", FOLDER / "chromium")
    print(FOLDER / "chromium")


if __name__ == "__main__":
    main()
