"""Lets the search of the pages find Chinese words, which are written without spaces.

A run of characters is cut into the longest known words from its left: those of the glossary, then pairs of characters
that the pages use together more than twice, then single characters. The search cuts what somebody types by the words
that it finds in its index. Between words stands a space of no width, so that nobody sees it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

HAN = re.compile("[\u4e00-\u9fff]+")
CUT = "\u200b"
USED_TOGETHER = 3


def words_of(glossary: str, texts: list[str]) -> set[str]:
    """What counts as a word."""
    pairs = Counter(a + b for text in texts for run in HAN.findall(text) for a, b in pairwise(run))
    return {run for run in HAN.findall(glossary) if len(run) > 1} | {
        pair for pair, times in pairs.items() if times >= USED_TOGETHER
    }


def cut(run: str, words: set[str]) -> list[str]:
    """A run of characters as words; put together again they are the run."""
    found, longest = [], max(map(len, words), default=1)
    while run:
        size = next((size for size in range(min(longest, len(run)), 1, -1) if run[:size] in words), 1)
        found.append(run[:size])
        run = run[size:]
    return found


def on_post_build(config: Any) -> None:
    """Called by MkDocs, before the index is laid beside the pages as a script."""
    file = Path(config["site_dir"]) / "search" / "search_index.json"
    index = json.loads(file.read_text(encoding="utf-8"))
    glossary = (Path(config["docs_dir"]) / "docs" / "glossary.md").read_text(encoding="utf-8")
    words = words_of(glossary, [entry[part] for entry in index["docs"] for part in ("title", "text")])
    for entry in index["docs"]:
        for part in ("title", "text"):
            entry[part] = HAN.sub(lambda run: CUT + CUT.join(cut(run[0], words)) + CUT, entry[part])
    file.write_text(json.dumps(index, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
