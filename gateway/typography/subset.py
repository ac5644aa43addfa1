"""The part of the embedded font that a document needs, with a table from Unicode to glyphs.

reportlab makes such subsets for PDF, where text is written in codes of its own; OFD writes characters, and its readers
look them up in the font. So the subset keeps its outlines and gets another ``cmap``.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import pack, unpack_from

from reportlab.pdfbase.ttfonts import TTFontFace, TTFontMaker

_MICROSOFT = 3


def unicode_subset(face: TTFontFace, characters: Iterable[str]) -> bytes:
    """A TrueType font with the glyphs of these characters. The same characters give the same bytes."""
    codes = sorted({ord(character) for character in characters})
    glyphs: dict[int, int] = {0: 0}  # the order in which reportlab numbers them
    for code in codes:
        glyphs.setdefault(face.charToGlyph.get(code, 0), len(glyphs))
    table = {code: glyphs[face.charToGlyph.get(code, 0)] for code in codes}
    made = TTFontMaker()
    for tag, data in _tables(face.makeSubset(codes)).items():
        made.add(tag, data)
    made.add("cmap", _cmap(table))
    return bytes(made.makeStream())


def _tables(font: bytes) -> dict[str, bytes]:
    (count,) = unpack_from(">H", font, 4)
    found = {}
    for number in range(count):
        tag, _checksum, offset, length = unpack_from(">4sLLL", font, 12 + 16 * number)
        found[tag.decode("latin1")] = font[offset : offset + length]
    return found


def _cmap(table: dict[int, int]) -> bytes:
    """Format 4 for the basic plane and format 12 for everything (OpenType, ``cmap``)."""
    basic, full = _format_4({code: glyph for code, glyph in table.items() if code < 0xFFFF}), _format_12(table)
    first = 4 + 2 * 8
    head = pack(">HH", 0, 2) + pack(">HHL", _MICROSOFT, 1, first) + pack(">HHL", _MICROSOFT, 10, first + len(basic))
    return head + basic + full


def _runs(table: dict[int, int]) -> list[tuple[int, int, int]]:
    """First code, last code and first glyph of each run in which both rise together."""
    runs: list[tuple[int, int, int]] = []
    for code, glyph in sorted(table.items()):
        if runs and code == runs[-1][1] + 1 and glyph == runs[-1][2] + code - runs[-1][0]:
            runs[-1] = (runs[-1][0], code, runs[-1][2])
        else:
            runs.append((code, code, glyph))
    return runs


def _format_4(table: dict[int, int]) -> bytes:
    runs = [*_runs(table), (0xFFFF, 0xFFFF, 0)]
    count = len(runs)
    power = 1 << (count.bit_length() - 1)
    ends = [last for _, last, _ in runs]
    starts = [first for first, _, _ in runs]
    deltas = [(glyph - first) % 0x10000 for first, _, glyph in runs]
    deltas[-1] = 1
    head = (2 * count, 2 * power, power.bit_length() - 1, 2 * (count - power))
    words = [*head, *ends, 0, *starts, *deltas, *([0] * count)]
    return pack(f">3H{len(words)}H", 4, 6 + 2 * len(words), 0, *words)


def _format_12(table: dict[int, int]) -> bytes:
    runs = _runs(table)
    groups = [number for run in runs for number in run]
    return pack(f">HHLLL{len(groups)}L", 12, 0, 16 + 12 * len(runs), 0, len(runs), *groups)
