"""A newcomer's hour, measured: a bare clone, the commands of the pages as they stand, minutes a step.

``make newcomer``, or ``python3 tests/newcomer.py --bundle FILE``. Standard library only: a newcomer has no more. It
fails where a step does not show what its page promises.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 1800
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)


def typed(page: Path, begins: str, ends: str) -> list[str]:
    """What is typed in a part of a page, block by block."""
    text = page.read_text(encoding="utf-8")
    return BLOCK.findall(text[text.index(begins) : text.index(ends)])


def run(block: str, folder: Path, environment: Mapping[str, str], *promised: str) -> str:
    """Type a block; what it printed, which is to hold what the page promises."""
    command = ["bash", "-euo", "pipefail", "-c", block]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    missing = [one for one in promised if one not in done.stdout]
    if done.returncode or missing:
        sys.exit(
            f"{block}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}\nended with {done.returncode}, without {missing}"
        )
    return done.stdout


def stays(command: str, folder: Path, environment: Mapping[str, str]) -> tuple[subprocess.Popen[str], dict[str, str]]:
    """Start what stays, and read the line that it prints for the next terminal."""
    begun = subprocess.Popen(
        ["bash", "-c", f"exec {command}"],
        cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert begun.stdout is not None
    seen = []
    for line in begun.stdout:
        seen.append(line)
        if line.startswith("export "):
            return begun, dict(word.split("=", 1) for word in line.split()[1:])
    sys.exit(f"{command} ended\n{''.join(seen)[-5000:]}")


def hour(folder: Path, start: str, environment: dict[str, str]) -> dict[str, float]:
    """Every step in the folder of the pages; seconds of each."""
    took: dict[str, float] = {}

    def step(name: str, since: float) -> float:
        took[name] = time.monotonic() - since
        print(f"  {took[name] / 60:5.1f} min  {name}", flush=True)
        return time.monotonic()

    readme, page = folder / "README.md", folder / "docs/first-hour.md"
    entity, payment, silence, found_out = typed(readme, "## A first call", "## What it does")
    paid, node, explained = typed(page, "## The payment is paid", "## Next")
    at = time.monotonic()
    begun, words = stays(start, folder, environment)
    try:
        at = step("installed, and the main job seen", at)
        there = environment | words
        run(entity, folder, there, "味安副食店")
        run(payment, folder, there, '"status":"ISSUED"')
        run(paid, folder, there, '"status":"PAID"')
        at = step("first payment", at)
        run(silence, folder, there, "HTTP/1.1 202", '"status":"REQUESTED"')
        run(found_out, folder, there, '"status":"ISSUED"')
        at = step("a platform that fell silent, found out", at)
        run(node, folder, there, '"told":"payment.issued"')
        at = step("first webhook in Node", at)
        run(explained, folder, there, '"matched"', "200.53", '"story"')
        step("first break explained", at)
    finally:
        os.killpg(begun.pid, signal.SIGINT)
        begun.wait(60)
    return took


def main() -> None:
    """Clone or unpack, and begin."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--bundle", type=Path, help="the offline bundle, in place of make")
    bundle = arguments.parse_args().bundle
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("GATEWAY", "MAKE", "VIRTUAL_ENV"))
    }
    with tempfile.TemporaryDirectory(prefix="newcomer-", ignore_cleanup_errors=True) as place:
        folder, begun = Path(place) / "clone", time.monotonic()
        run(f'git clone --quiet "{ROOT}" "{folder}"', Path(place), kept)
        start = "make demo DEMO_ARGS=--keep"
        if bundle is not None:
            run(
                f'tar -xf "{bundle.resolve()}" && sh enforcement-gateway-*-offline/install.sh "{place}/opt"',
                Path(place),
                kept,
            )
            start = f"{place}/opt/bin/gateway demo --keep"
            print(f"  {(time.monotonic() - begun) / 60:5.1f} min  bundle unpacked and installed", flush=True)
        hour(folder, start, kept)
        print(f"  {(time.monotonic() - begun) / 60:5.1f} min  in all")


if __name__ == "__main__":
    main()
