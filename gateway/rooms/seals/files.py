"""Files of both kinds in the same two steps: made ready for a seal, and given the signature that came.

What kind a file is, its bytes tell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from gateway.ports.seal import Placement
from gateway.rooms.seals.ofd import sealing as ofd
from gateway.rooms.seals.ofd.archive import Archive
from gateway.rooms.seals.placement import Page, spots
from gateway.rooms.seals.seams import Across, shares
from gateway.rooms.seals.ses import Seal
from gateway.rooms.seals.verification import Format, format_of

if TYPE_CHECKING:  # what edits PDF is loaded for the first one
    from gateway.rooms.seals.pdf import PdfProfile

MEDIA_TYPES: Final[dict[Format, str]] = {"pdf": "application/pdf", "ofd": "application/ofd"}
_BYTE_RANGE: Final = "/ByteRange"
_POINTS: Final = 72 / 25.4


@dataclass(frozen=True)
class Ready:
    """A file that lacks nothing but its signature, what to seal of it, and the property that the signature names.

    ``start`` and ``end`` bound what changes when the signature is put in: in a PDF the room for it, in an OFD the
    directory of the archive. ``shares``: what is read back, beside the placements, of a seal across pages; in a PDF the
    whole picture of which a strip shows, in an OFD the strip.
    """

    content: bytes
    start: int
    end: int
    digest: bytes
    property_info: str
    shares: tuple[Placement, ...] = ()


@dataclass(frozen=True)
class Sealing:
    """How a file is to be sealed: with which seal, at which places, as of when, and how a PDF is written.

    ``across``: also across the edges of its pages 骑缝章.
    """

    seal: Seal
    placements: tuple[Placement, ...]
    at: datetime
    profile: PdfProfile
    across: Across | None = None


MakeReady = Callable[[bytes, Sealing], Ready]
"""Makes a file ready for a seal: ``make_ready``, or ``Warden.make_ready`` for the files of strangers."""


def make_ready(content: bytes, how: Sealing) -> Ready:
    """Write everything but the signature. Raises InvalidProblem, ConflictProblem for what cannot be sealed."""
    seal, placements, across = how.seal, how.placements, how.across
    if format_of(content) != "ofd":
        from gateway.rooms.seals import pdf

        made = pdf.prepare(content, seal, placements, at=how.at, profile=how.profile, across=across)
        return Ready(made.content, made.start, made.end, made.digest, _BYTE_RANGE, made.shares)
    pages = ofd.pages_of(content)
    spots(
        placements, [Page(0, 0, one.width * _POINTS, one.height * _POINTS) for one in pages], (seal.width, seal.height)
    )
    stamps = ofd.stamps_at(placements, pages)
    strips: tuple[Placement, ...] = ()
    if across is not None:
        found = shares(across, [(one.width, one.height) for one in pages], (seal.width, seal.height))
        strips = tuple(one.strip for one in found)
        stamps += ofd.stamps_across(across.of(pages), seal.width, seal.height, middle=across.middle)
    prepared = ofd.prepare(content, seal.der, stamps, at=how.at, provider=seal.name)
    start = Archive(prepared.content).directory
    return Ready(prepared.content, start, len(prepared.content), prepared.digest, prepared.property_info, strips)


def give_signature(content: bytes, start: int, end: int, der: bytes) -> bytes:
    """A file that was made ready, with its signature. Raises PdfError or OfdError (both ValueError)."""
    if format_of(content) == "ofd":
        return ofd.embed(content, der)
    from gateway.rooms.seals import pdf

    return pdf.embed(content, start, end, der)
