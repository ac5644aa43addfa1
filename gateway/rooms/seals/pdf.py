"""Seal signatures in PDF files: making room for one, putting it in, finding what a file holds.

The file grows by one revision: the seal's picture where it is to stand, and a signature field whose ``/Contents`` is
reserved. What is covered is everything but that value (ISO 32000-1 clause 12.8.1, ``/ByteRange``). ``/Filter`` and
``/SubFilter`` of seal signatures differ between vendors and are settings.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from PIL import Image
from pyhanko.pdf_utils.generic import (
    ArrayObject,
    ByteStringObject,
    DictionaryObject,
    StreamObject,
    TextStringObject,
    pdf_name,
)
from pyhanko.pdf_utils.images import PdfImage
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.layout import AxisAlignment, BoxConstraints, Margins, SimpleBoxLayoutRule
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import SigFieldSpec
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigAppearanceSetup, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import SignatureObject
from pyhanko.stamp import StaticStampStyle

from gateway.foundation.crypto.sm import sm3
from gateway.ports.seal import Placement
from gateway.rooms.seals.placement import Page, spots
from gateway.words.errors import ConflictProblem, InvalidProblem

FIELD: Final = "Seal1"
_LARGEST_PICTURE: Final = 4096
_MOST_FIELDS: Final = 1000
_HEX: Final = re.compile(rb"[0-9A-Fa-f]*")


class PdfError(ValueError):
    """The file cannot be read as a PDF, or not as one that can be sealed."""


@dataclass(frozen=True)
class PdfProfile:
    """How seal signatures are marked, and how many bytes of DER are reserved for one: 64 KB in hexadecimal."""

    filter: str = "GM.PKILite"
    sub_filter: str = "GM.sm2seal"
    reserve: int = 32 * 1024


@dataclass(frozen=True)
class Prepared:
    """A file with room for a signature: its bytes, where ``/Contents`` stands (with its brackets), what to seal."""

    content: bytes
    start: int
    end: int
    digest: bytes


@dataclass(frozen=True)
class Embedded:
    """A signature dictionary found in a file. ``contents`` None: it is not there, or not a string."""

    field: str
    filter: str
    sub_filter: str
    byte_range: tuple[int, ...] | None
    contents: bytes | None


@dataclass(frozen=True)
class Coverage:
    """What a signature covers. ``reason`` is empty if it is the whole file but the signature's own value.

    ``value``: the bytes between the brackets; ``digest``: SM3 of what is covered.
    """

    reason: str
    value: bytes = b""
    digest: bytes = b""


def prepare(
    pdf: bytes, picture: bytes, placements: Sequence[Placement], *, at: datetime, name: str, profile: PdfProfile
) -> Prepared:
    """Draw the seal and make room for its signature. The original bytes stay as they are, at the front.

    The field stands at the first placement. Raises InvalidProblem for a file or placement that cannot be sealed.
    """
    try:
        writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
        if writer.prev.encrypted:
            raise InvalidProblem("the document is encrypted", field="document", type="document-not-sealable")
        if next(_fields(writer.prev), None) is not None:
            raise InvalidProblem(
                "the document is signed already; another seal would change what was signed",
                field="document",
                type="document-already-signed",
                cure="Send the document before its first signature.",
            )
        places = spots(placements, tuple(_pages(writer.prev)))
        style = _style(picture)
        for spot in places[1:]:
            _with_contents(writer, spot.page)
            stamp = style.create_stamp(
                writer, BoxConstraints(width=spot.right - spot.left, height=spot.top - spot.bottom), {}
            )
            stamp.apply(dest_page=spot.page, x=round(spot.left), y=round(spot.bottom))
        spec = SigFieldSpec(FIELD, on_page=places[0].page, box=places[0].box)
        steps = PdfCMSEmbedder(new_field_spec=spec).write_cms(field_name=FIELD, writer=writer)
        next(steps)
        signature = SignatureObject(timestamp=at, name=name, bytes_reserved=profile.reserve * 2)
        signature[pdf_name("/Filter")] = pdf_name("/" + profile.filter)
        signature[pdf_name("/SubFilter")] = pdf_name("/" + profile.sub_filter)
        appearance = SigAppearanceSetup(style=style, timestamp=at, name=name)
        steps.send(SigObjSetup(sig_placeholder=signature, appearance_setup=appearance))
        gap, output = steps.send(SigIOSetup(md_algorithm="sm3"))
    except InvalidProblem:
        raise
    except Exception as error:  # pyHanko raises errors of many kinds for files of many kinds of brokenness
        raise InvalidProblem(
            f"the document is not a PDF that can be sealed: {error}", field="document", type="document-not-sealable"
        ) from error
    content = output.getvalue()
    start, end = gap.reserved_region_start, gap.reserved_region_end
    assert content.startswith(pdf)
    return Prepared(content, start, end, sm3(content[:start] + content[end:]))


def embed(content: bytes, start: int, end: int, der: bytes) -> bytes:
    """The prepared file with the signature in its place; nothing else changes. PdfError when there is not enough room.

    ``start`` and ``end`` are those of the prepared file.
    """
    room = end - start - 2
    if len(der) * 2 > room:
        raise PdfError(f"the signature has {len(der)} bytes, reserved are {room // 2}")
    return content[: start + 1] + der.hex().encode().ljust(room, b"0") + content[end - 1 :]


def signatures(pdf: bytes) -> tuple[Embedded, ...]:
    """Every filled signature field of a file. Raises PdfError if it cannot be read."""
    try:
        return tuple(_fields(PdfFileReader(io.BytesIO(pdf))))
    except Exception as error:  # as in ``prepare``
        raise PdfError(f"not a PDF that can be read: {error}") from error


def coverage(pdf: bytes, found: Embedded) -> Coverage:
    """Hold a signature's ``/ByteRange`` against the file.

    From its first byte to its last, with one gap that is exactly the hexadecimal string of ``/Contents``.
    """
    ranges = found.byte_range
    if ranges is None or len(ranges) != 4:
        return Coverage("there is no ByteRange of two ranges")
    first, start, end, rest = ranges
    if first != 0 or start <= 0 or end <= start or rest <= 0:
        return Coverage(f"ByteRange {list(ranges)} does not begin at the first byte, or is not in order")
    if end + rest > len(pdf):
        return Coverage("ByteRange reaches beyond the end of the file")
    if end + rest < len(pdf):
        return Coverage(f"{len(pdf) - end - rest} bytes were added after sealing")
    if pdf[start : start + 1] != b"<" or pdf[end - 1 : end] != b">":
        return Coverage("the gap of ByteRange is not the value of Contents")
    between = pdf[start + 1 : end - 1]
    if len(between) % 2 or not _HEX.fullmatch(between):
        return Coverage("the gap of ByteRange holds more than a hexadecimal string")
    value = bytes.fromhex(between.decode("ascii"))
    if value != found.contents:
        return Coverage("the gap of ByteRange is not the Contents of this signature")
    return Coverage("", value, sm3(pdf[:start] + pdf[end:]))


# --- inside -----------------------------------------------------------------------------------------------------------


def _pages(reader: PdfFileReader) -> Iterator[Page]:
    for index in range(int(reader.root["/Pages"]["/Count"])):
        page = reader.find_page_for_modification(index)[0].get_object()  # type: ignore[no-untyped-call]
        box = _inherited(page, "/CropBox") or _inherited(page, "/MediaBox")
        if box is None:
            raise PdfError(f"page {index + 1} has no size")
        sides = [float(side) for side in box]
        left, right = sorted((sides[0], sides[2]))
        bottom, top = sorted((sides[1], sides[3]))
        yield Page(left, bottom, right, top, int(_inherited(page, "/Rotate") or 0))


def _with_contents(writer: IncrementalPdfFileWriter, page: int) -> None:
    """An empty page may have no content stream, and pyHanko needs one to add to."""
    found = writer.find_page_for_modification(page)[0].get_object()  # type: ignore[no-untyped-call]
    if "/Contents" not in found:
        found[pdf_name("/Contents")] = writer.add_object(StreamObject(stream_data=b""))
        writer.update_container(found)


def _inherited(page: Any, key: str) -> Any:
    for _ in range(50):
        if key in page:
            return page[key]
        if "/Parent" not in page:
            return None
        page = page["/Parent"]
    return None


def _fields(reader: PdfFileReader) -> Iterator[Embedded]:
    """Signature dictionaries of the form's fields, also of fields inside fields."""
    if "/AcroForm" not in reader.root:
        return
    waiting = [(field, "", None) for field in _at(reader.root["/AcroForm"], "/Fields", ())]
    seen = 0
    while waiting:
        seen += 1
        if seen > _MOST_FIELDS:
            raise PdfError(f"more than {_MOST_FIELDS} form fields")
        field, above, kind = waiting.pop()
        field = field.get_object()
        if not isinstance(field, DictionaryObject):
            continue
        name = above + str(_at(field, "/T", ""))
        kind = _at(field, "/FT", kind)
        for kid in _at(field, "/Kids", ()):
            waiting.append((kid, f"{name}.", kind))
        value = _at(field, "/V")
        if kind == "/Sig" and isinstance(value, DictionaryObject):
            yield _embedded(name, value)


def _at(holder: Any, key: str, default: Any = None) -> Any:
    """The value under a key, followed to its object; pyHanko's ``get`` leaves references as they are."""
    return holder[key] if key in holder else default  # noqa: SIM401 - see above


def _embedded(name: str, value: DictionaryObject) -> Embedded:
    contents, ranges = _at(value, "/Contents"), _at(value, "/ByteRange")
    if isinstance(contents, ByteStringObject):
        found: bytes | None = bytes(contents)
    elif isinstance(contents, TextStringObject):
        found = bytes(contents.original_bytes)
    else:
        found = None
    numbers = None
    if isinstance(ranges, ArrayObject) and all(isinstance(one, int) for one in ranges):
        numbers = tuple(int(one) for one in ranges)
    return Embedded(
        field=name,
        filter=str(_at(value, "/Filter", "")).removeprefix("/"),
        sub_filter=str(_at(value, "/SubFilter", "")).removeprefix("/"),
        byte_range=numbers,
        contents=found,
    )


def _style(picture: bytes) -> StaticStampStyle:
    """The seal's picture, alone, in the whole of its box."""
    try:
        with Image.open(io.BytesIO(picture), formats=("PNG", "JPEG", "GIF", "BMP")) as image:
            if max(image.size) > _LARGEST_PICTURE:
                raise PdfError(f"the seal's picture has {image.size[0]} by {image.size[1]} pixels")
            pixels = image.convert("RGBA")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise ConflictProblem(
            f"the seal's picture cannot be drawn: {error}", field="seal_id", type="seal-not-usable"
        ) from None
    layout = SimpleBoxLayoutRule(AxisAlignment.ALIGN_MID, AxisAlignment.ALIGN_MID, margins=Margins(0, 0, 0, 0))
    return StaticStampStyle(
        border_width=0, background=PdfImage(pixels), background_layout=layout, background_opacity=1.0
    )
