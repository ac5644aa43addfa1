"""Sealed OFD files of others: a writer of its own, with the habits of real makers as switches, and a seal authority.

Independent of the gateway's writer: XML by hand, zip by the standard library.
"""

from __future__ import annotations

import base64
import hashlib
import io
import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from asn1crypto import core
from seal_authority import NOW, ORGAN, PLACE, SealAuthority, ring

from gateway.ports.seal import Placement
from gateway.rooms.seals.ofd.judging import judge_ofd
from gateway.rooms.seals.ofd.sealing import embed, pages_of, prepare, stamps_at
from gateway.rooms.seals.ofd.signatures import StampAnnot
from gateway.rooms.seals.report import Report
from gateway.rooms.seals.ses_checks import Bench, Expected
from gateway.typography import Block, Letter, Signature, render_ofd
from simulators.seal import ses
from simulators.seal.pki import Key, sm3

YEAR = "http://www.ofdspec.org/2016"
HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
PAGE = "Doc_0/Pages/Page_0/Content.xml"
SIGNATURE = "Doc_0/Signs/Sign_0/Signature.xml"
VALUE = "Doc_0/Signs/Sign_0/SignedValue.dat"
ESL = "Doc_0/Signs/Sign_0/Seal.esl"
LIST = "Doc_0/Signs/Signatures.xml"


def letter_ofd(text: str = "当事人占用公共场所经营，影响市容环境卫生。") -> bytes:
    """A decision document of one page, by the gateway's own templates."""
    return render_ofd(
        Letter("行政处罚决定书", "望综执罚决〔2026〕118号", (Block(text),), Signature(ORGAN, date(2026, 9, 16)))
    )


class OfdForge(SealAuthority):
    """Seals what it is given, rightly or wrongly."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.letter = letter_ofd()
        self.sealed = self.seal_ofd(self.letter)
        self.foreign = Foreign(self).sealed()

    def sign(self, digest: bytes, place: str = f"/{SIGNATURE}", **other: object) -> bytes:
        """A SES_Signature; ``seal``, ``maker`` and ``at`` may be others."""
        seal = other.get("seal", self.seal)
        made = self.issued if not other.keys() & {"seal", "maker"} else ses.eseal(seal, other.get("maker", self.maker))
        return ses.signature(seal, made, digest, place, other.get("at", NOW))

    def seal_ofd(self, ofd: bytes, *places: Placement | StampAnnot) -> bytes:
        """Sealed with the gateway's writer, in its two steps."""
        stamps = [one for one in places if isinstance(one, StampAnnot)] or stamps_at(
            [one for one in places if isinstance(one, Placement)] or (PLACE,), pages_of(ofd)
        )
        prepared = prepare(ofd, self.issued, stamps, at=NOW, provider=ORGAN)
        return embed(prepared.content, self.sign(prepared.digest, prepared.property_info))

    def judge(self, ofd: bytes, **expected: object) -> Report:
        """Our verdict, a minute later."""
        return judge_ofd(ofd, Bench(self.trust, NOW + timedelta(minutes=1), Expected(**expected)))

    def cms(
        self, document: bytes, *, attributes: bool = False, content: bytes | None = None, key: Key | None = None
    ) -> bytes:
        """SignedData of GB/T 35275 over a document (``content``: something else stands in it)."""
        return signed_data(
            document, key or self.seal.key, self.seal.certificate, attributes=attributes, content=content
        )


# --- a writer of others -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Foreign:
    """An OFD with everything that may be in one, sealed the way others do. Each field is a habit."""

    forge: OfdForge
    namespace: str = YEAR
    pages: int = 1
    kind: str | None = "Seal"
    method: str = "SM3"
    digest: Callable[[bytes], bytes] = sm3
    dated: str = "20260916020000Z"
    refer: Callable[[str], str] = lambda name: f"/{name}"
    left_out: frozenset[str] = frozenset()
    with_list: bool = False
    seal_file: bool = True
    property_info: str = f"/{SIGNATURE}"
    font_location: str = "font_1.ttf"
    resource_folder: str | None = "Res"
    boundary: str = "120 195 42 42"
    value: Callable[[bytes], bytes] | None = None
    more: Mapping[str, bytes] = field(default_factory=dict)
    changed: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def but(self, **other: object) -> Foreign:
        """The same with other habits."""
        return replace(self, **other)

    def parts(self) -> dict[str, bytes]:
        """The file before it is sealed."""
        base = "" if self.resource_folder is None else f' BaseLoc="{self.resource_folder}"'
        pages = "".join(
            f'<ofd:Page ID="{10 + number}" BaseLoc="Pages/Page_{number}/Content.xml"/>' for number in range(self.pages)
        )
        made = {
            "OFD.xml": self._xml(
                "OFD",
                "<ofd:DocBody><ofd:DocInfo><ofd:DocID>0123456789abcdef0123456789abcdef</ofd:DocID></ofd:DocInfo>"
                "<ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot><ofd:Signatures>/Doc_0/Signs/Signatures.xml</ofd:Signatures>"
                "</ofd:DocBody>",
                ' Version="1.0" DocType="OFD"',
            ),
            "Doc_0/Document.xml": self._xml(
                "Document",
                "<ofd:CommonData><ofd:MaxUnitID>99</ofd:MaxUnitID><ofd:PageArea><ofd:PhysicalBox>0 0 210 297"
                "</ofd:PhysicalBox></ofd:PageArea><ofd:PublicRes>PublicRes.xml</ofd:PublicRes><ofd:DocumentRes>"
                'DocumentRes.xml</ofd:DocumentRes><ofd:TemplatePage ID="9" BaseLoc="Tpls/Tpl_0/Content.xml"/>'
                f"</ofd:CommonData><ofd:Pages>{pages}</ofd:Pages><ofd:Annotations>Annots/Annotations.xml"
                "</ofd:Annotations><ofd:Attachments>Attachs/Attachments.xml</ofd:Attachments>",
            ),
            "Doc_0/PublicRes.xml": self._xml(
                "Res",
                '<ofd:Fonts><ofd:Font ID="1" FontName="SimSun"><ofd:FontFile>'
                f"{self.font_location}</ofd:FontFile></ofd:Font></ofd:Fonts>",
                base,
            ),
            "Doc_0/DocumentRes.xml": self._xml(
                "Res",
                '<ofd:MultiMedias><ofd:MultiMedia ID="2" Type="Image"><ofd:MediaFile>image_2.png</ofd:MediaFile>'
                "</ofd:MultiMedia></ofd:MultiMedias>",
                ' BaseLoc="Res"',
            ),
            "Doc_0/Res/font_1.ttf": b"\x00\x01\x00\x00 no real font",
            "Doc_0/Res/image_2.png": ring(12),
            "Doc_0/Tpls/Tpl_0/Content.xml": self._page("页眉"),
            "Doc_0/Annots/Annotations.xml": self._xml(
                "Annotations", '<ofd:Page PageID="10"><ofd:FileLoc>Page_0/Annotation.xml</ofd:FileLoc></ofd:Page>'
            ),
            "Doc_0/Annots/Page_0/Annotation.xml": self._xml("PageAnnot", '<ofd:Annot ID="50" Type="Link"/>'),
            "Doc_0/Attachs/Attachments.xml": self._xml(
                "Attachments", '<ofd:Attachment ID="a" Name="x"><ofd:FileLoc>data.xml</ofd:FileLoc></ofd:Attachment>'
            ),
            "Doc_0/Attachs/data.xml": b"<data/>",
        }
        for number in range(self.pages):
            made[f"Doc_0/Pages/Page_{number}/Content.xml"] = self._page(f"罚款5000.00元，第{number + 1}页")
        made |= self.more
        for name, (old, new) in self.changed.items():
            assert old.encode() in made[name]
            made[name] = made[name].replace(old.encode(), new.encode())
        return made

    def sealed_parts(self) -> dict[str, bytes]:
        """The file with its seal, part by part."""
        parts = self.parts()
        entry = "" if self.kind is None else f' Type="{self.kind}"'
        parts[LIST] = self._xml(
            "Signatures",
            f'<ofd:MaxSignId>1</ofd:MaxSignId><ofd:Signature ID="1"{entry} BaseLoc="/{SIGNATURE}"/>',
        )
        if self.seal_file:
            parts[ESL] = self.forge.issued
        covered = [name for name in parts if name not in self.left_out and (self.with_list or name != LIST)]
        references = "".join(
            f'<ofd:Reference FileRef="{self.refer(name)}"><ofd:CheckValue>'
            f"{base64.b64encode(self.digest(parts[name])).decode()}</ofd:CheckValue></ofd:Reference>"
            for name in covered
        )
        seal = "<ofd:Seal><ofd:BaseLoc>/Doc_0/Signs/Sign_0/Seal.esl</ofd:BaseLoc></ofd:Seal>" if self.seal_file else ""
        method = f' CheckMethod="{self.method}"' if self.method else ""
        parts[SIGNATURE] = self._xml(
            "Signature",
            '<ofd:SignedInfo><ofd:Provider ProviderName="他人" Version="1" Company="他人"/><ofd:SignatureMethod>'
            f"1.2.156.10197.1.501</ofd:SignatureMethod><ofd:SignatureDateTime>{self.dated}</ofd:SignatureDateTime>"
            f'<ofd:References{method}>{references}</ofd:References><ofd:StampAnnot ID="1" PageRef="10" '
            f'Boundary="{self.boundary}"/>{seal}</ofd:SignedInfo>'
            "<ofd:SignedValue>/Doc_0/Signs/Sign_0/SignedValue.dat</ofd:SignedValue>",
        )
        make = self.value or (lambda described: self.forge.sign(sm3(described), self.property_info))
        parts[VALUE] = make(parts[SIGNATURE])
        return parts

    def sealed(self) -> bytes:
        """The whole file."""
        return zipped(self.sealed_parts())

    def _page(self, text: str) -> bytes:
        return self._xml(
            "Page",
            '<ofd:Template TemplateID="9"/><ofd:Content><ofd:Layer ID="3" Type="Body"><ofd:TextObject ID="4" '
            'Boundary="20 20 100 5" Font="1" Size="4"><ofd:TextCode X="0" Y="4">'
            f"{text}</ofd:TextCode></ofd:TextObject></ofd:Layer></ofd:Content>",
        )

    def _xml(self, name: str, inner: str, more: str = "") -> bytes:
        return f'{HEAD}<ofd:{name} xmlns:ofd="{self.namespace}"{more}>{inner}</ofd:{name}>'.encode()


def zipped(parts: Mapping[str, bytes] | list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip by the standard library; a list may hold a name twice."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name that stands twice is meant
        for name, part in parts.items() if isinstance(parts, Mapping) else parts:
            archive.writestr(zipfile.ZipInfo(name, (2026, 9, 16, 10, 0, 0)), part, method)
    return out.getvalue()


def unzipped(ofd: bytes) -> dict[str, bytes]:
    """Parts by name, in their order."""
    with zipfile.ZipFile(io.BytesIO(ofd)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def streamed(parts: Mapping[str, bytes]) -> bytes:
    """As written to a pipe: sizes stand behind the data."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def tell(self) -> int:
            raise io.UnsupportedOperation

    out = Pipe()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return out.getvalue()


def put(ofd: bytes, parts: Mapping[str, bytes | None]) -> bytes:
    """The file with parts changed, added, or (None) taken away."""
    merged: dict[str, bytes | None] = {**unzipped(ofd), **parts}
    return zipped({name: part for name, part in merged.items() if part is not None})


def swapped(ofd: bytes, name: str, old: str, new: str) -> bytes:
    """The file with one text of a part changed."""
    part = unzipped(ofd)[name]
    assert old.encode() in part, (name, old)
    return put(ofd, {name: part.replace(old.encode(), new.encode())})


def md5(part: bytes) -> bytes:
    """What old files are digested with."""
    return hashlib.md5(part, usedforsecurity=False).digest()


def shifted(zip_bytes: bytes, by: int) -> bytes:
    """A zip whose directory knows that so many bytes stand before it."""
    end = zip_bytes.rindex(b"PK\x05\x06")
    count, _size, start = struct.unpack_from("<HLL", zip_bytes, end + 10)
    moved = bytearray(zip_bytes)
    at = start
    for _ in range(count):
        name, extra, comment = struct.unpack_from("<3H", moved, at + 28)
        (offset,) = struct.unpack_from("<L", moved, at + 42)
        struct.pack_into("<L", moved, at + 42, offset + by)
        at += 46 + name + extra + comment
    struct.pack_into("<L", moved, end + 16, start + by)
    return bytes(moved)


# --- GB/T 35275 -------------------------------------------------------------------------------------------------------


def _tlv(tag: int, *inner: bytes) -> bytes:
    content = b"".join(inner)
    length = len(content)
    if length < 128:
        return bytes([tag, length]) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + content


def _oid(dotted: str) -> bytes:
    return bytes(core.ObjectIdentifier(dotted).dump())


def signed_data(
    document: bytes, key: Key, certificate: bytes, *, attributes: bool = False, content: bytes | None = None
) -> bytes:
    """ContentInfo of GB/T 35275-2017 by hand. ``content`` None: the digest of the document, as OFD has it."""
    from asn1crypto import x509

    body = x509.Certificate.load(certificate)["tbs_certificate"]
    family = "1.2.156.10197.6.1.4.2"
    held = sm3(document) if content is None else content
    sm3_algorithm = _tlv(0x30, _oid("1.2.156.10197.1.401"))
    attrs = b""
    message = held
    if attributes:
        listed = [
            _tlv(0x30, _oid("1.2.840.113549.1.9.3"), _tlv(0x31, _oid(f"{family}.1"))),
            _tlv(0x30, _oid("1.2.840.113549.1.9.4"), _tlv(0x31, _tlv(0x04, sm3(document)))),
            _tlv(0x30, _oid("1.2.840.113549.1.9.5"), _tlv(0x31, _tlv(0x17, b"260916020000Z"))),
        ]
        attrs = _tlv(0xA0, *listed)
        message = _tlv(0x31, *listed)
    inner = _tlv(0x30, _oid(f"{family}.1"), *([] if attributes else [_tlv(0xA0, _tlv(0x04, held))]))
    signer = _tlv(
        0x30,
        b"\x02\x01\x01",
        _tlv(0x30, body["issuer"].dump(), body["serial_number"].dump()),
        sm3_algorithm,
        attrs,
        _tlv(0x30, _oid("1.2.156.10197.1.301.1")),
        _tlv(0x04, key.sign(message)),
    )
    data = _tlv(0x30, b"\x02\x01\x01", _tlv(0x31, sm3_algorithm), inner, _tlv(0xA0, certificate), _tlv(0x31, signer))
    return _tlv(0x30, _oid(f"{family}.2"), _tlv(0xA0, data))
