"""One thing under several spellings: keys that are equal where people mean the same.

What was printed is kept as it is and shown as it is; only keys are compared. Input methods, PDF files and old systems
spell a decision number 决定书文号 with other brackets, widths, blanks and dashes, with and without 第; the official
form is that of GB/T 9704-2012: year in 〔 〕, no 第, no leading zeros.
"""

from __future__ import annotations

import re
import unicodedata

_DOTS = "\u00b7\u2022\u2027\u2219\u22c5\u30fb\uff65\u2024\u1427\u25cf\uff0e"
"""What is typed for the dot in names of minority citizens and foreigners; U+00B7 is that of the standard."""

_DOT = re.compile(f"[{_DOTS}]")
_HAN = "[\u3400-\u9fff\U00020000-\U000323af]"
_DOT_IN_NAME = re.compile(rf"[ \u3000]*[{_DOTS}]+[ \u3000]*|(?<={_HAN})[ \u3000]*\.[ \u3000]*(?={_HAN})")
_DASH = "-"
_DASHES = frozenset("\u2212\u2500\u2501\u30fc\uff70")
"""Characters that look like a dash and are none by their category (Pd)."""

_ORDINAL = re.compile(r"第+(?=[\[0-9])")
_LEADING_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")


def _folded(text: str) -> str:
    """Width, case, brackets, dashes, dots and blanks folded. May be empty."""
    kept: list[str] = []
    for character in unicodedata.normalize("NFKC", _DOT.sub("·", text)).casefold():
        category = unicodedata.category(character)
        if category == "Ps":
            kept.append("[")
        elif category == "Pe":
            kept.append("]")
        elif category == "Pd" or character in _DASHES:
            if kept[-1:] != [_DASH]:
                kept.append(_DASH)
        elif category[0] not in "ZC" or category == "Co":  # a private-use character is a glyph of somebody's own
            kept.append(character)
    return "".join(kept)


def number_key(printed: str) -> str:
    """What a decision or receipt number is compared by: 〔2026〕第012号, [2026]12号 and（2026）12 are one number.

    Folded are width, letter case, every kind of bracket and dash, blanks, 第 before a figure, leading zeros, and the
    號/号 at the end. "" where nothing is left.
    """
    key = _ORDINAL.sub("", _folded(printed).replace("號", "号")).rstrip("号")
    return _LEADING_ZEROS.sub("", key)


def name_key(name: str) -> str:
    """What names of people and organisations are compared by: width, case, brackets, dots, dashes, blanks folded."""
    return _folded(wire_name(name))


def same_name(one: str, other: str) -> bool:
    """Whether two spellings are of one name."""
    return name_key(one) == name_key(other)


def wire_name(name: str) -> str:
    """A name as other systems take it: each kind of dot becomes the U+00B7 of the standard; nothing else changes.

    A full stop counts as such a dot between two Chinese characters only: initials of foreigners keep theirs.
    """
    return _DOT_IN_NAME.sub("·", name)
