"""What was released stays: a revision of the schema is added and never rewritten; a release lists all of them."""

from __future__ import annotations

import hashlib
import importlib.util
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
RELEASED = ROOT / "gateway" / "foundation" / "store" / "released.txt"


@pytest.fixture(scope="module")
def release() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release", ROOT / "packaging" / "release.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_released_revisions_are_as_they_were() -> None:
    """Whoever rewrites one leaves every installation with a schema that no revision leads from."""
    lines = RELEASED.read_text(encoding="utf-8").splitlines() if RELEASED.exists() else []
    files = {line.partition("  ")[2]: line.partition("  ")[0] for line in lines}
    found = {name: ROOT / "gateway" / name for name in files}
    now = {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in found.items() if file.exists()}
    assert now == files


def test_a_release_lists_every_revision_and_moves_what_is_unreleased(release: ModuleType) -> None:
    listed = release.revisions()
    assert "foundation/revisions/0001_initial.py" in listed
    assert "rooms/payments/revisions/0001_initial.py" in listed
    told = release.told(
        "# C\n\n## Unreleased\n\n### Added\n\n- a thing\n\n## 0.1.0 - unreleased\n\n- b\n", "0.1.0", date(2026, 12, 1)
    )
    assert told == "# C\n\n## Unreleased\n\n## 0.1.0 - 2026-12-01\n\n### Added\n\n- a thing\n\n\n- b\n"
    with pytest.raises(SystemExit, match="tells nothing"):
        release.told("## Unreleased\n\n## 0.1.0\n\n- old\n", "0.2.0", date(2026, 12, 1))
    with pytest.raises(SystemExit, match="three numbers"):
        release.parts("1.0")
