"""Seal signatures in PDF files: making room for one, and putting it in.

The file grows by one revision: the seal's picture where it is to stand, and a signature field whose ``/Contents`` is
reserved. What is covered is everything but that value (ISO 32000-1 clause 12.8.1, ``/ByteRange``). ``/Filter`` and
``/SubFilter`` of seal signatures differ between vendors and are settings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from PIL import Image
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import (
    ArrayObject,
    IndirectObject,
    StreamObject,
    pdf_name,
)
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import SignatureObject

from gateway.foundation.crypto.sm import sm3
from gateway.ports.seal import Placement
from gateway.rooms.seals.appearance import PictureError, picture_of
from gateway.rooms.seals.pdf_reading import PdfError, PdfFile
from gateway.rooms.seals.pdf_reading import at as at_key
from gateway.rooms.seals.placement import Spot, spot_of, spots
from gateway.rooms.seals.seams import Across, shares
from gateway.rooms.seals.ses import Seal
from gateway.words.errors import ConflictProblem, InvalidProblem
from gateway.words.saying import Both, say

FIELD: Final = "Seal"
LAYER_FIELD: Final = "Signature"
MOST_CONTENTS: Final = 10_000
"""Parts of one page's content up to which a seal is drawn into it."""
_pdf: Any = generic  # its classes are not typed


@dataclass(frozen=True)
class PdfProfile:
    """How seal signatures are marked, and how many bytes of DER are reserved for one: 64 KB in hexadecimal."""

    filter: str = "GM.PKILite"
    sub_filter: str = "GM.sm2seal"
    reserve: int = 32 * 1024


@dataclass(frozen=True)
class Prepared:
    """A file with room for a signature: its bytes, where ``/Contents`` stands (with its brackets), what to seal.

    ``shares``: where the picture is drawn of which each page shows a strip.
    """

    content: bytes
    start: int
    end: int
    digest: bytes
    shares: tuple[Placement, ...] = ()


def prepare(
    pdf: bytes,
    seal: Seal,
    placements: Sequence[Placement],
    *,
    at: datetime,
    profile: PdfProfile,
    across: Across | None = None,
) -> Prepared:
    """Draw the seal and make room for its signature. The original bytes stay as they are, at the front.

    The field stands at the first placement, under a name that the file does not use yet; further ones, and the strips
    of a seal across pages, are drawn into the pages. So a file that is signed already takes one placement: its pages
    must not change. Raises InvalidProblem for a file or placement that cannot be sealed, ConflictProblem for a seal
    whose picture cannot be drawn.
    """
    try:
        picture = picture_of(seal.picture, seal.picture_type)
    except PictureError as error:
        raise ConflictProblem(say("seals.picture", error=error), field="seal_id", type="seal-not-usable") from None
    try:
        file = PdfFile(pdf)
        _refuse(file, alone=len(placements) == 1 and across is None)
        places = spots(placements, file.pages, (seal.width, seal.height))
        name = free_name({name for name, _, _ in file.fields})
        writer = IncrementalPdfFileWriter.from_reader(file.reader)  # what was read for the checks is not read again
        image = writer.add_object(_image(writer, picture))
        for spot in places[1:]:
            _draw(writer, spot, image)
        strips = shares(across, [page.size for page in file.pages], (seal.width, seal.height)) if across else ()
        for strip in strips:
            page = file.pages[strip.whole.page - 1]
            _draw(writer, spot_of(strip.whole, page), image, page.box(strip.strip))
        spec = SigFieldSpec(name, on_page=places[0].page, box=places[0].box)
        steps = PdfCMSEmbedder(new_field_spec=spec).write_cms(field_name=name, writer=writer)
        next(steps)
        signature = SignatureObject(timestamp=at, name=seal.name, bytes_reserved=profile.reserve * 2)
        signature[pdf_name("/Filter")] = pdf_name("/" + profile.filter)
        signature[pdf_name("/SubFilter")] = pdf_name("/" + profile.sub_filter)
        steps.send(SigObjSetup(sig_placeholder=signature, appearance_setup=_Appearance(places[0], image)))  # type: ignore[arg-type]
        gap, output = steps.send(SigIOSetup(md_algorithm="sm3"))
    except InvalidProblem:
        raise
    except Exception as error:  # pyHanko raises errors of many kinds for files of many kinds of brokenness
        raise InvalidProblem(
            say("seals.no_pdf", error=error), field="document", type="document-not-sealable"
        ) from error
    content = output.getvalue()
    start, end = gap.reserved_region_start, gap.reserved_region_end
    assert content.startswith(pdf)
    whole = tuple(strip.whole for strip in strips)
    return Prepared(content, start, end, sm3(content[:start] + content[end:]), whole)


def make_room(content: bytes, *, at: datetime, reserve: int) -> Prepared:
    """One more revision with room for a PAdES signature that is drawn nowhere. ``reserve``: bytes of DER.

    The digest is SHA-256. Raises InvalidProblem for a file that cannot be signed.
    """
    try:
        file = PdfFile(content)
        name = free_name({name for name, _, _ in file.fields}, LAYER_FIELD)
        writer = IncrementalPdfFileWriter.from_reader(file.reader)
        steps = PdfCMSEmbedder(new_field_spec=SigFieldSpec(name)).write_cms(field_name=name, writer=writer)
        next(steps)
        signature = SignatureObject(timestamp=at, bytes_reserved=reserve * 2)
        signature[pdf_name("/Filter")] = pdf_name("/Adobe.PPKLite")
        signature[pdf_name("/SubFilter")] = pdf_name("/ETSI.CAdES.detached")
        steps.send(SigObjSetup(sig_placeholder=signature))
        gap, output = steps.send(SigIOSetup(md_algorithm="sha256"))
    except Exception as error:  # pyHanko raises errors of many kinds for files of many kinds of brokenness
        raise InvalidProblem(
            say("seals.no_pdf_to_sign", error=error), field="document", type="document-not-sealable"
        ) from error
    made, start, end = output.getvalue(), gap.reserved_region_start, gap.reserved_region_end
    assert made.startswith(content)
    return Prepared(made, start, end, hashlib.sha256(made[:start] + made[end:]).digest())


def free_name(taken: Collection[str], kind: str = FIELD) -> str:
    """A name for a signature field that the form does not use yet."""
    number = 1
    while f"{kind}{number}" in taken:
        number += 1
    return f"{kind}{number}"


def embed(content: bytes, start: int, end: int, der: bytes) -> bytes:
    """The prepared file with the signature in its place; nothing else changes. PdfError when there is not enough room.

    ``start`` and ``end`` are those of the prepared file.
    """
    room = end - start - 2
    if len(der) * 2 > room:
        raise PdfError(f"the signature has {len(der)} bytes, reserved are {room // 2}")
    return content[: start + 1] + der.hex().encode().ljust(room, b"0") + content[end - 1 :]


# --- inside -----------------------------------------------------------------------------------------------------------


def _refuse(file: PdfFile, *, alone: bool) -> None:
    """What is not sealed: encrypted files, those that may show something else tomorrow, and signed ones that would
    change: by drawing into their pages (``alone``: that is not done), or since they are certified against any change.
    """
    if file.encrypted:
        raise InvalidProblem(say("seals.encrypted"), field="document", type="document-not-sealable")
    if file.signatures and _certified(file):
        raise InvalidProblem(
            say("seals.certified"),
            field="document",
            type="document-already-signed",
        )
    if file.signatures and not alone:
        raise InvalidProblem(
            say("seals.signed_already"),
            field="placements",
            type="document-already-signed",
        )
    if file.acting:
        raise InvalidProblem(
            say("seals.acting", acting=[Both(one.zh, one.en) for one in file.acting]),
            field="document",
            type="document-not-sealable",
        )


def _certified(file: PdfFile) -> bool:
    """Whether a signature forbids every change: DocMDP with P 1 (ISO 32000-1, 12.8.2.2)."""
    certifying = at_key(at_key(file.root, "/Perms"), "/DocMDP")
    references = at_key(certifying, "/Reference", ())
    levels = [at_key(at_key(one.get_object(), "/TransformParams"), "/P", 2) for one in references]
    return 1 in levels


class _Appearance:
    """The seal's picture alone, in the whole of the field's exact box, upright as the reader sees the page."""

    def __init__(self, spot: Spot, image: IndirectObject) -> None:
        self._spot, self._image = spot, image

    def apply(self, sig_annot: Any, writer: IncrementalPdfFileWriter) -> None:
        """Set box and appearance (what pyHanko asks of an appearance)."""
        spot = self._spot
        sides = (spot.left, spot.bottom, spot.right, spot.top)
        sig_annot[pdf_name("/Rect")] = ArrayObject([_pdf.FloatObject(round(side, 3)) for side in sides])
        form = writer.add_object(_form(spot, self._image))
        sig_annot[pdf_name("/AP")] = _pdf.DictionaryObject({pdf_name("/N"): form})
        writer.update_container(sig_annot)


def _form(spot: Spot, image: IndirectObject) -> StreamObject:
    """A form that draws the picture over its whole box, turned back against the page."""
    wide, high = spot.right - spot.left, spot.top - spot.bottom
    if spot.rotation % 180:
        wide, high = high, wide
    turn = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[spot.rotation]
    return StreamObject(
        {
            pdf_name("/Type"): pdf_name("/XObject"),
            pdf_name("/Subtype"): pdf_name("/Form"),
            pdf_name("/BBox"): ArrayObject([_pdf.FloatObject(round(side, 3)) for side in (0, 0, wide, high)]),
            pdf_name("/Matrix"): ArrayObject([_pdf.NumberObject(one) for one in (*turn, 0, 0)]),
            pdf_name("/Resources"): _pdf.DictionaryObject(
                {pdf_name("/XObject"): _pdf.DictionaryObject({pdf_name("/Seal"): image})}
            ),
        },
        stream_data=f"q {wide:.3f} 0 0 {high:.3f} 0 0 cm /Seal Do Q".encode(),
    )


def _draw(
    writer: IncrementalPdfFileWriter,
    spot: Spot,
    image: IndirectObject,
    strip: tuple[float, float, float, float] | None = None,
) -> None:
    """Draw the picture into a page's content, beside the field: further places of the same seal.

    ``strip``: the box outside of which nothing of it shows, in the page's own coordinates.
    """
    turn = {
        0: (spot.right - spot.left, 0, 0, spot.top - spot.bottom, spot.left, spot.bottom),
        90: (0, spot.top - spot.bottom, spot.left - spot.right, 0, spot.right, spot.bottom),
        180: (spot.left - spot.right, 0, 0, spot.bottom - spot.top, spot.right, spot.top),
        270: (0, spot.bottom - spot.top, spot.right - spot.left, 0, spot.left, spot.top),
    }[spot.rotation]
    name = f"/Seal{uuid4().hex[:8]}"
    page = writer.find_page_for_modification(spot.page)[0].get_object()  # type: ignore[no-untyped-call]
    old = page.raw_get("/Contents") if "/Contents" in page else None
    before = writer.add_object(StreamObject(stream_data=b"q\n"))
    numbers = " ".join(f"{one:.3f}" for one in turn)
    clip = "" if strip is None else _clip(strip)
    after = writer.add_object(StreamObject(stream_data=f"\nQ q {clip}{numbers} cm {name} Do Q\n".encode()))
    held = page["/Contents"] if old is not None else None
    kept = list(held) if isinstance(held, ArrayObject) else [] if old is None else [old]
    if len(kept) > MOST_CONTENTS:
        raise PdfError(f"page {spot.page + 1} has more than {MOST_CONTENTS} parts")
    page[pdf_name("/Contents")] = ArrayObject([before, *kept, after])
    resources = _pdf.DictionaryObject({pdf_name("/XObject"): _pdf.DictionaryObject({pdf_name(name): image})})
    writer.add_stream_to_page(  # type: ignore[no-untyped-call]
        spot.page, writer.add_object(StreamObject(stream_data=b"\n")), resources
    )
    writer.update_container(page)


def _clip(box: tuple[float, float, float, float]) -> str:
    left, bottom, right, top = box
    return f"{left:.3f} {bottom:.3f} {right - left:.3f} {top - bottom:.3f} re W n "


def _image(writer: IncrementalPdfFileWriter, picture: Image.Image) -> StreamObject:
    """The picture's pixels as they are: RGB, and what is transparent as a mask beside it."""
    mask = _pixels(picture.getchannel("A"), "/DeviceGray")
    made = _pixels(picture.convert("RGB"), "/DeviceRGB")
    made[pdf_name("/SMask")] = writer.add_object(mask)
    return made


def _pixels(image: Image.Image, space: str) -> StreamObject:
    made = StreamObject(
        {
            pdf_name("/Type"): pdf_name("/XObject"),
            pdf_name("/Subtype"): pdf_name("/Image"),
            pdf_name("/Width"): _pdf.NumberObject(image.size[0]),
            pdf_name("/Height"): _pdf.NumberObject(image.size[1]),
            pdf_name("/ColorSpace"): pdf_name(space),
            pdf_name("/BitsPerComponent"): _pdf.NumberObject(8),
        },
        stream_data=image.tobytes(),
    )
    made.compress()  # type: ignore[no-untyped-call]
    return made
