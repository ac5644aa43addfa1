"""What was released stays: a revision of the schema is added and never rewritten; a release lists all of them."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest

from gateway.foundation.store.revise import narrows

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


def locked(name: str) -> dict[str, str]:
    return dict(re.findall(r"(?m)^([a-z0-9][a-z0-9.-]*)==(\S+)", (ROOT / name).read_text(encoding="utf-8")))


def test_the_bundle_carries_what_the_gateway_needs_at_the_versions_that_are_tested() -> None:
    """A dependency that is added to one lock alone is missing where nothing can be fetched."""
    needed, tested, carried = map(locked, ("requirements.lock", "requirements-dev.lock", "requirements-bundle.lock"))
    assert needed.items() - carried.items() == set(), "make lock"
    assert {name for name in carried.keys() & tested.keys() if carried[name] != tested[name]} == set(), "make lock"


BEFORE_THE_FIRST_RELEASE = {"rooms/decisions/revisions/0002_numbers_compared_by_a_folded_key.py"}


def test_a_revision_that_the_version_before_does_not_bear_says_so() -> None:
    """Nodes are exchanged one after the other: what an older one cannot live with waits until the last has gone."""
    gateway = ROOT / "gateway"
    added = {str(file.relative_to(gateway)): file for file in gateway.rglob("revisions/[0-9]*.py")}
    unmarked = {}
    for name, file in added.items():
        code = file.read_text(encoding="utf-8")
        upgrade = code.partition("def upgrade")[2].partition("\ndef ")[0]
        takes_away = narrows(f"def upgrade{upgrade}")
        if takes_away and "contracts = True" not in code and name not in BEFORE_THE_FIRST_RELEASE:
            unmarked[name] = takes_away
    assert unmarked == {}, "write `contracts = True`, and what adds into a revision of its own (docs/upgrading.md)"


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
