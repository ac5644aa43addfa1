"""What the pages for the public have in common in their looks: colours and type, named once."""

from __future__ import annotations

from pathlib import Path

TOKENS = Path(__file__).with_name("tokens.css").read_text(encoding="utf-8")
"""The beginning of each style sheet, so that a page still has one."""
