"""The signatures of an OFD document as its files describe them (GB/T 33190-2016, clause 18; GM/T 0099-2020)."""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final, Literal

from lxml import etree

from gateway.rooms.seals.ofd.archive import OfdError
from gateway.rooms.seals.ofd.package import Document, Package, children, descendants, local, numbers

MOST: Final = 200
_MOST_REFERENCES: Final = 20_000
_CHINA: Final = timezone(timedelta(hours=8))
_STAMP: Final = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)[T ]?(\d\d):?(\d\d):?(\d\d)(?:\.\d{1,9})?\s*(Z|[+-]\d\d:?\d\d)?", re.ASCII
)


@dataclass(frozen=True)
class Reference:
    """One part that a signature covers: as it is written, the parts it may mean, and the digest it should have."""

    written: str
    parts: tuple[str, ...]
    digest: bytes


@dataclass(frozen=True)
class StampAnnot:
    """Where the seal stands. Boxes are left, top, width, height in millimetres; ``clip`` is the share that shows."""

    page: str
    box: tuple[float, ...]
    clip: tuple[float, ...] | None


@dataclass(frozen=True)
class SignatureFile:
    """One signature as the document describes it. ``part``: its Signature.xml; ``value`` and ``seal`` further parts.

    ``method`` is CheckMethod as it is written, "" if it is not; ``dated`` SignatureDateTime as it is written.
    """

    identity: str
    kind: Literal["Seal", "Sign"]
    part: str
    value: str | None
    seal: str | None
    seal_named: bool
    method: str
    algorithm: str
    dated: str
    references: tuple[Reference, ...]
    stamps: tuple[StampAnnot, ...]

    @property
    def covered(self) -> frozenset[str]:
        """The parts whose digests it holds. Where a location may mean several, the likeliest."""
        return frozenset(reference.parts[0] for reference in self.references if reference.parts)

    @property
    def own(self) -> frozenset[str]:
        """Its own files, which no signature can cover before it exists."""
        return frozenset(part for part in (self.part, self.value, self.seal) if part)


def read_signatures(package: Package, document: Document) -> tuple[SignatureFile, ...]:
    """The signatures that a document lists, in their order. Raises OfdError for a list that cannot be followed."""
    found: list[SignatureFile] = []
    for listing in document.lists:
        root = package.xml(listing)
        entries = children(root, "Signature")
        if local(root) != "Signatures" or len(entries) > MOST:
            raise OfdError(
                f"{listing} 不是签名列表，或签名过多", f"{listing} is no list of signatures, or a too long one"
            )
        for entry in entries:
            found.append(_signature(package, listing, entry))
            if sum(len(one.references) for one in found) > _MOST_REFERENCES:
                raise OfdError("签名保护的文件过多", "the signatures hold too many references")
    if len({one.part for one in found}) != len(found):
        raise OfdError("同一签名被列出两次", "one signature is listed twice")
    return tuple(found)


def signed_time(written: str) -> datetime | None:
    """SignatureDateTime in any of the spellings met; without a zone it is Chinese time. None if it is no time."""
    found = _STAMP.fullmatch(written.strip())
    if found is None:
        return None
    zone = found[7]
    try:
        moment = datetime(*(int(part) for part in found.groups()[:6]), tzinfo=_CHINA)  # type: ignore[arg-type, misc]
        if zone == "Z":
            return moment.replace(tzinfo=UTC)
        if zone is not None:
            hours, minutes = int(zone[1:3]), int(zone[-2:])
            offset = timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)
            return moment.replace(tzinfo=timezone(offset))
    except ValueError:
        return None
    return moment


def _signature(package: Package, listing: str, entry: etree._Element) -> SignatureFile:
    parts = package.find(entry.get("BaseLoc") or "", listing)
    if len(parts) != 1:
        raise OfdError(
            "签名列表指向的签名文件不存在或不唯一", "the list names a signature file that is not there, or not one"
        )
    part = parts[0]
    root = package.xml(part)
    described = children(root, "SignedInfo")
    if local(root) != "Signature" or len(described) != 1:
        raise OfdError(f"{part} 不是签名描述文件", f"{part} does not describe a signature")
    info = described[0]
    lists = children(info, "References")
    references = [one for listed in lists for one in children(listed, "Reference")]
    if len(lists) > 1 or len(references) > _MOST_REFERENCES:
        raise OfdError(f"{part} 的保护列表有误", f"{part}: more than one list of references, or a too long one")
    seals = children(info, "Seal")
    located = [one.get("BaseLoc") or _text(one, "BaseLoc") for one in seals]
    kind = (entry.get("Type") or "Seal").strip()
    if kind not in ("Seal", "Sign"):
        raise OfdError(f"不能识别的签名类型 {kind[:20]}", f"a signature of the type {kind[:20]!r}")
    return SignatureFile(
        identity=entry.get("ID") or "",
        kind="Sign" if kind == "Sign" else "Seal",
        part=part,
        value=_one(package, _text(root, "SignedValue"), part),
        seal=_one(package, located[0], part) if located else None,
        seal_named=bool(seals),
        method=(lists[0].get("CheckMethod") or "").strip() if lists else "",
        algorithm=_text(info, "SignatureMethod"),
        dated=_text(info, "SignatureDateTime"),
        references=tuple(_reference(package, part, one) for one in references),
        stamps=tuple(_stamp(part, one) for one in descendants(info, "StampAnnot")),
    )


def _reference(package: Package, part: str, element: etree._Element) -> Reference:
    written = element.get("FileRef") or ""
    value = _text(element, "CheckValue") or (element.get("CheckValue") or "")
    try:
        digest = binascii.a2b_base64("".join(value.split()), strict_mode=True)
    except ValueError:
        digest = b""
    return Reference(written[:300], package.find(written, part), digest)


def _stamp(part: str, element: etree._Element) -> StampAnnot:
    box, clip = numbers(element.get("Boundary"), 4), element.get("Clip")
    shown = numbers(clip, 4) if clip else None
    if box is None or (clip and shown is None):
        raise OfdError(f"{part} 的印章位置有误", f"{part}: a place of the seal is not written as a box")
    return StampAnnot(element.get("PageRef") or "", box, shown)


def _text(element: etree._Element, name: str) -> str:
    found = children(element, name)
    return (found[0].text or "").strip() if len(found) == 1 else ""


def _one(package: Package, location: str, within: str) -> str | None:
    found = package.find(location, within) if location else ()
    return found[0] if len(found) == 1 else None
