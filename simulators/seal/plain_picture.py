"""The picture of a round seal without the organ's name, made where Pillow is not installed: ring and star."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator, Sequence

_SIZE = 480


def plain_seal(red: tuple[int, int, int], star: Sequence[tuple[float, float]]) -> bytes:
    """A transparent PNG of 480 by 480 pixels, one bit a pixel. ``star``: its corners, in order."""
    rows = bytearray()
    for y in range(_SIZE):
        row = 0
        for begin, end in _runs(y + 0.5, star):
            row |= ((1 << (end - begin)) - 1) << (_SIZE - end)
        rows += b"\0" + row.to_bytes(_SIZE // 8, "big")
    head = struct.pack(">IIBBBBB", _SIZE, _SIZE, 1, 3, 0, 0, 0)
    parts = ((b"IHDR", head), (b"PLTE", bytes(red) * 2), (b"tRNS", b"\0\xff"), (b"IDAT", zlib.compress(bytes(rows), 9)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in (*parts, (b"IEND", b"")))


def _runs(y: float, star: Sequence[tuple[float, float]]) -> Iterator[tuple[int, int]]:
    """Where a line crosses the ring and the star, as half-open spans of pixels."""
    middle, outer = _SIZE / 2, _SIZE / 2 - 6
    wide, narrow = (_chord(radius, y - middle) for radius in (outer, outer - _SIZE * 0.026))
    edges = [middle - wide, middle - narrow, middle + narrow, middle + wide]
    corners = zip(star, [*star[1:], star[0]], strict=True)
    edges += sorted(
        x1 + (y - y1) * (x2 - x1) / (y2 - y1) for (x1, y1), (x2, y2) in corners if min(y1, y2) <= y < max(y1, y2)
    )
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        yield round(begin), max(round(begin), round(end))


def _chord(radius: float, away: float) -> float:
    return math.sqrt(max(0.0, radius * radius - away * away))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
