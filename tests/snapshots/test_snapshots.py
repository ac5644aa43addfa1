"""Nobody changes by accident what others rely on: what the code shows is what stands in the tree."""

from __future__ import annotations

import asyncio
import difflib
from pathlib import Path

import pytest
from snapshots.collect import BLOCKS, DOCS, HERE, SNAPSHOTS, file_of, with_blocks, written


@pytest.mark.parametrize("name", SNAPSHOTS)
async def test_what_others_see_is_what_stands_in_the_tree(name: str) -> None:
    stands = file_of(name).read_text(encoding="utf-8").splitlines()
    shown = (await asyncio.to_thread(written, name)).splitlines()
    changed = list(difflib.unified_diff(stands, shown, "in the tree", "shown now", lineterm="", n=4))
    assert not changed, "\n".join(["if this is meant, run `make snapshots` and commit the change", *changed[:200]])


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.stem)
def test_what_is_made_in_a_page_is_current(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text == with_blocks(text), "run `make snapshots`"


def test_every_block_has_its_page() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in DOCS.glob("*.md"))
    assert [name for name in BLOCKS if f"<!-- {name}:" not in pages or f"<!-- end of {name} -->" not in pages] == []


def test_no_snapshot_is_left_without_its_collector() -> None:
    assert {file.stem for file in HERE.glob("*.json")} == {*SNAPSHOTS, "events"}  # events: catalogue.py
