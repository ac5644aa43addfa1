"""Plates and home addresses in what people wrote in their own words: where they stand, and their masks. Pure.

Numbers have shapes that evidence and publication know alike; a plate (GA 36) and an address that a word announces are
found here, for the same two readers. Full-width digits and letters hide nothing.
"""

from __future__ import annotations

import re
from typing import Final

HALF_WIDTH: Final = {full: full - 0xFEE0 for full in range(0xFF01, 0xFF5F)}
"""Full-width characters in half-width, one for one."""

_PROVINCES: Final = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
PLATE: Final = re.compile(rf"[{_PROVINCES}][A-HJ-NP-Z][·.]?[A-HJ-NP-Z0-9]{{4,5}}[A-HJ-NP-Z0-9挂学警](?![0-9A-Za-z])")
ADDRESS: Final = re.compile(r"(?:家庭住址|现住址|住址|户籍所在地|户籍地|现住)[:为]?\s*(?P<home>[^,。;\n()]{2,80})")


def mask_places(text: str, mask: str) -> str:
    """A text with a mask in place of each home address and plate."""
    for pattern, part in ((ADDRESS, "home"), (PLATE, 0)):
        for found in reversed(list(pattern.finditer(text.translate(HALF_WIDTH)))):
            start, end = found.span(part)
            text = text[:start] + mask + text[end:]
    return text
