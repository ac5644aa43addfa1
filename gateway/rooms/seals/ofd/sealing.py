"""Putting a seal into an OFD file, in two steps, because the seal's key is elsewhere.

``prepare`` writes all that the signature covers and says what is to be signed; ``embed`` adds the value that came. A
signature of GB/T 33190-2016 covers files by their digests and is itself covered by the value, so everything must be in
place before: the entry in OFD.xml, the seal, the places. The list of signatures is left out of what is covered, or no
second seal could be added. All other parts are copied as they are.
"""

from __future__ import annotations

import base64
import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from lxml import etree

from gateway.foundation.crypto.sm import sm3
from gateway.ports.seal import Placement
from gateway.rooms.seals.ofd.archive import Archive, OfdError
from gateway.rooms.seals.ofd.package import ROOT, Document, Package, Page, children, local
from gateway.rooms.seals.ofd.signatures import SignatureFile, StampAnnot, read_signatures
from gateway.rooms.seals.seams import MOST_SHARES, groups
from gateway.words.errors import InvalidProblem
from gateway.words.saying import Both, say

NAMESPACE: Final = "http://www.ofdspec.org/2016"
SM3_OID: Final = "1.2.156.10197.1.401"
SM2_WITH_SM3: Final = "1.2.156.10197.1.501"
_MOST_STAMPS: Final = 1_000
_TOLERANCE: Final = 0.2


@dataclass(frozen=True)
class PreparedOfd:
    """A file that lacks nothing but the value of its new signature.

    ``digest`` is what to seal: SM3 of Signature.xml. ``property_info`` is where that file stands (GB/T 38540).
    """

    content: bytes
    digest: bytes
    property_info: str


def prepare(ofd: bytes, seal: bytes, stamps: Sequence[StampAnnot], *, at: datetime, provider: str) -> PreparedOfd:
    """Write a signature over all parts of the file; only its value is missing. ``seal``: the SESeal in DER.

    Raises InvalidProblem for a file that cannot be sealed, and for one in which another seal would break the first.
    """
    if not 1 <= len(stamps) <= _MOST_STAMPS:
        raise InvalidProblem(say("seals.places", most=_MOST_STAMPS), field="placements")
    try:
        package = Package(Archive(ofd))
        document = package.documents[0]
        signed = {each.root: read_signatures(package, each) for each in package.documents}
        return _prepared(package, document, signed, seal, stamps, at, provider)
    except OfdError as error:
        raise InvalidProblem(
            say("seals.no_ofd", error=Both(error.zh, error.en)), field="document", type="document-not-sealable"
        ) from error


def embed(content: bytes, der: bytes) -> bytes:
    """The prepared file with the value of its signature; no other part changes. Raises OfdError."""
    archive = Archive(content)
    package = Package(archive)
    waiting = [
        place
        for document in package.documents
        for listing in document.lists
        for place in _without_value(package, listing)
    ]
    if len(waiting) != 1:
        raise OfdError("文件中没有等待签名值的签名", "the file has no signature that waits for its value")
    return archive.written({waiting[0]: der})


def pages_of(ofd: bytes) -> tuple[Page, ...]:
    """The pages of a file's first document. Raises InvalidProblem."""
    try:
        return Package(Archive(ofd)).documents[0].pages
    except OfdError as error:
        raise InvalidProblem(
            say("seals.no_ofd", error=Both(error.zh, error.en)), field="document", type="document-not-sealable"
        ) from error


def stamps_at(placements: Sequence[Placement], pages: Sequence[Page]) -> tuple[StampAnnot, ...]:
    """Placements (from the lower-left corner) as OFD has them (from the upper-left).

    Raises InvalidProblem naming the first that is on no page or reaches out of it.
    """
    stamps = []
    for index, place in enumerate(placements):
        field = f"placements.{index}"
        if not 1 <= place.page <= len(pages):
            raise InvalidProblem(say("seals.pages", pages=len(pages)), field=f"{field}.page")
        page = pages[place.page - 1]
        top = page.height - place.y - place.height
        right, bottom = place.x + place.width, top + place.height
        if min(place.x, top) < -_TOLERANCE or right > page.width + _TOLERANCE or bottom > page.height + _TOLERANCE:
            raise InvalidProblem(say("seals.outside", page=place.page), field=field)
        box = (page.left + place.x, page.top + top, place.width, place.height)
        stamps.append(StampAnnot(page.identity, box, None))
    return tuple(stamps)


def stamps_across(
    pages: Sequence[Page], width: float, height: float, *, middle: float | None = None, most: int = MOST_SHARES
) -> tuple[StampAnnot, ...]:
    """A seal over the right edges of all pages 骑缝章: each shows its share, the shares of a group are the whole seal.

    More than ``most`` pages are divided into groups of nearly equal size, each with a whole seal. ``middle``: height of
    its centre above the lower edge in millimetres, the middle of the page if None. Sizes are true, in millimetres.
    """
    if len(pages) < 2:
        raise InvalidProblem(say("seals.across_two"), field="placements")
    stamps = []
    for group in groups(pages, most):
        share = width / len(group)
        for index, page in enumerate(group):
            top = page.height - (page.height / 2 if middle is None else middle) - height / 2
            if top < -_TOLERANCE or top + height > page.height + _TOLERANCE:
                raise InvalidProblem(say("seals.across_outside_one"), field="placements")
            box = (page.left + page.width - share * (index + 1), page.top + top, width, height)
            stamps.append(StampAnnot(page.identity, box, (share * index, 0.0, share, height)))
    return tuple(stamps)


# --- inside -----------------------------------------------------------------------------------------------------------


def _prepared(
    package: Package,
    document: Document,
    signed: dict[str, tuple[SignatureFile, ...]],
    seal: bytes,
    stamps: Sequence[StampAnnot],
    at: datetime,
    provider: str,
) -> PreparedOfd:
    archive = package.archive
    entry = package.xml(ROOT)
    if any(local(one) == "Encryptions" for one in entry.iter("{*}*")):
        raise OfdError("文件已加密", "the document is encrypted")
    folder = posixpath.join(posixpath.dirname(document.root), "Signs")
    listing = document.lists[0] if document.lists else f"{folder}/Signatures.xml"
    covered = {part for files in signed.values() for one in files for each in one.references for part in each.parts}
    changes: dict[str, bytes] = {}
    if not document.lists:
        changes[ROOT] = _with_entry(package, document, listing)
    for part in (ROOT, listing):
        if (part in changes or part == listing) and part in covered:
            raise InvalidProblem(
                say("seals.ofd_covered", part=part),
                field="document",
                type="document-already-signed",
            )
    number = next(
        n for n in range(len(archive) + 1) if not any(one.startswith(f"{folder}/Sign_{n}/") for one in archive)
    )
    own = f"{folder}/Sign_{number}"
    changes[listing] = _with_signature(package, listing if listing in archive else None, f"/{own}/Signature.xml")
    changes[f"{own}/Seal.esl"] = seal
    lists = {listing, *(part for each in package.documents for part in each.lists)}
    digests = [
        (part, sm3(changes[part] if part in changes else archive.read(part)))
        for part in dict.fromkeys((*archive, *changes))
        if part not in lists
    ]
    described = _signature_xml(f"/{own}", digests, stamps, at, provider)
    changes[f"{own}/Signature.xml"] = described
    return PreparedOfd(archive.written(changes), sm3(described), f"/{own}/Signature.xml")


def _with_entry(package: Package, document: Document, listing: str) -> bytes:
    """OFD.xml with the place of the list of signatures behind the document's root."""
    root = package.xml(ROOT)
    bodies = children(root, "DocBody")
    body = bodies[package.documents.index(document)]
    for empty in children(body, "Signatures"):
        body.remove(empty)
    before = [one for one in body if local(one) in ("DocInfo", "DocRoot", "Versions")]
    made = etree.Element(before[-1].tag.rpartition("}")[0] + "}Signatures" if "}" in before[-1].tag else "Signatures")
    made.text = f"/{listing}"
    before[-1].addnext(made)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _with_signature(package: Package, listing: str | None, place: str) -> bytes:
    """The list of signatures with one more."""
    if listing is None:
        root = etree.Element(f"{{{NAMESPACE}}}Signatures", nsmap={"ofd": NAMESPACE})
        etree.SubElement(root, f"{{{NAMESPACE}}}MaxSignId").text = "0"
    else:
        root = package.xml(listing)
    space = root.tag.rpartition("}")[0] + "}" if "}" in root.tag else ""
    identities = {one.get("ID") for one in children(root, "Signature")}
    number = next(n for n in range(1, len(identities) + 2) if f"s{n:03}" not in identities and str(n) not in identities)
    for highest in children(root, "MaxSignId"):
        highest.text = str(max(number, int(highest.text or "0") if (highest.text or "0").isdigit() else 0))
    etree.SubElement(root, f"{space}Signature", ID=f"s{number:03}", Type="Seal", BaseLoc=place)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _signature_xml(
    own: str, digests: Sequence[tuple[str, bytes]], stamps: Sequence[StampAnnot], at: datetime, provider: str
) -> bytes:
    """Signature.xml (GB/T 33190-2016, clause 18.2; the seal's parts by GM/T 0099-2020)."""

    def add(above: etree._Element, name: str, text: str | None = None, **attributes: str) -> etree._Element:
        element = etree.SubElement(above, f"{{{NAMESPACE}}}{name}", attributes)
        element.text = text
        return element

    root = etree.Element(f"{{{NAMESPACE}}}Signature", nsmap={"ofd": NAMESPACE})
    info = add(root, "SignedInfo")
    add(info, "Provider", ProviderName=provider, Version="1.0", Company=provider)
    add(info, "SignatureMethod", SM2_WITH_SM3)
    add(info, "SignatureDateTime", f"{at.astimezone(UTC):%Y%m%d%H%M%SZ}")
    references = add(info, "References", CheckMethod=SM3_OID)
    for part, digest in digests:
        reference = add(references, "Reference", FileRef=f"/{part}")
        add(reference, "CheckValue", base64.b64encode(digest).decode())
    for number, stamp in enumerate(stamps, start=1):
        placed = {"ID": f"a{number:03}", "PageRef": stamp.page, "Boundary": _box(stamp.box)}
        add(info, "StampAnnot", **placed, **({"Clip": _box(stamp.clip)} if stamp.clip else {}))
    add(add(info, "Seal"), "BaseLoc", f"{own}/Seal.esl")
    add(root, "SignedValue", f"{own}/SignedValue.dat")
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _box(sides: Iterable[float]) -> str:
    return " ".join(f"{side:.4f}".rstrip("0").rstrip(".") for side in sides)


def _without_value(package: Package, listing: str) -> Iterable[str]:
    """Places of values that are named and not there yet."""
    for entry in children(package.xml(listing), "Signature"):
        for part in package.find(entry.get("BaseLoc") or "", listing)[:1]:
            for named in children(package.xml(part), "SignedValue"):
                place = (named.text or "").strip()
                if not package.find(place, part):
                    yield posixpath.normpath(place).lstrip("/")
