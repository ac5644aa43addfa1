"""Exact bytes made small before they are sealed: deflate (RFC 1951) with an earlier exchange as its dictionary.

Two exchanges of one action differ in little but names, numbers and signatures. The dictionary is an earlier one as it
may be shown, so there is nothing in it that retention would have to take away: it is kept for ever, in the database,
beside what needs it. The MAC is over the bytes as they were before, so a dictionary that was altered shows as well.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.foundation.crypto.sm import sm3
from gateway.foundation.evidence.chain import pack
from gateway.foundation.evidence.redaction import masked
from gateway.ports.base import RawExchange

LONGEST: Final = 8 * 1024
_COMPRESSED: Final = b"\x03"
_ID_BYTES: Final = 8
_NONE: Final = bytes(_ID_BYTES)


@dataclass(frozen=True, slots=True)
class Dictionary:
    """What both sides know beforehand. ``id`` follows from the content."""

    id: bytes
    content: bytes

    @classmethod
    def of(cls, raw: RawExchange) -> Dictionary:
        """What later exchanges have in common with this one."""
        content = pack(masked(raw))[:LONGEST]
        return cls(sm3(content)[:_ID_BYTES], content)


def compressed(container: bytes, dictionary: Dictionary | None) -> bytes:
    """A container as it is sealed: a mark, the dictionary's id (zeros: none), the deflated bytes."""
    if dictionary is None:
        squeezer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    else:
        squeezer = zlib.compressobj(
            6, zlib.DEFLATED, -zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_DEFAULT_STRATEGY, dictionary.content
        )
    return b"".join(
        (_COMPRESSED, dictionary.id if dictionary else _NONE, squeezer.compress(container), squeezer.flush())
    )


def expanded(kept: bytes, find: Callable[[bytes], bytes]) -> bytes:
    """The container, by whatever format it was kept in. ``find`` gives a dictionary's content by its id.

    Raises ValueError for what does not expand, and what ``find`` raises.
    """
    if not kept.startswith(_COMPRESSED):
        return kept
    name, packed = kept[1 : 1 + _ID_BYTES], kept[1 + _ID_BYTES :]
    try:
        if name == _NONE:
            return zlib.decompress(packed, -zlib.MAX_WBITS)
        stretcher = zlib.decompressobj(-zlib.MAX_WBITS, find(name))
        container = stretcher.decompress(packed)
    except zlib.error as error:
        raise ValueError(f"does not expand: {error}") from None
    if not stretcher.eof or stretcher.unused_data:
        raise ValueError("does not expand: cut")
    return container
