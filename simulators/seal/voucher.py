"""An electronic payment voucher 电子一般缴款书 as OFD, in its two stages: signed by the unit, then by finance as well.

It is written once. Each signature covers every part that is there when it is made, those of the signatures before it
too, and adds three parts of its own; only the list of signatures grows (GB/T 33190-2016, clause 18).
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from datetime import datetime

from simulators.frame import b64
from simulators.seal import ses
from simulators.seal.pki import sm3

STAGES: Mapping[str, tuple[str, ...]] = {
    "before_payment": ("unit",),
    "after_payment": ("unit", "finance"),
    "finance_alone": ("finance",),
}
"""Who has signed, in this order. The last is no stage: nobody is right to make it."""

_LIST = "Doc_0/Signs/Signatures.xml"
_PAGE = "Doc_0/Pages/Page_0/Content.xml"


def document(rows: Mapping[str, str]) -> dict[str, bytes]:
    """The voucher before anybody has signed it, part by part: one page with what is to be paid."""
    lines = ("非税收入一般缴款书（电子）", *(f"{name}：{value}" for name, value in rows.items()))
    text = "".join(
        f'<ofd:TextObject ID="{20 + at}" Boundary="20 {20 + 10 * at} 170 8" Font="1" Size="5">'
        f'<ofd:TextCode X="0" Y="6">{_escaped(line)}</ofd:TextCode></ofd:TextObject>'
        for at, line in enumerate(lines)
    )
    return {
        "OFD.xml": _xml(
            "OFD",
            "<ofd:DocBody><ofd:DocInfo><ofd:DocID>00000000000000000000000000000000</ofd:DocID></ofd:DocInfo>"
            f"<ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot><ofd:Signatures>/{_LIST}</ofd:Signatures></ofd:DocBody>",
            ' Version="1.0" DocType="OFD"',
        ),
        "Doc_0/Document.xml": _xml(
            "Document",
            "<ofd:CommonData><ofd:MaxUnitID>99</ofd:MaxUnitID><ofd:PageArea><ofd:PhysicalBox>0 0 210 140"
            "</ofd:PhysicalBox></ofd:PageArea><ofd:PublicRes>PublicRes.xml</ofd:PublicRes></ofd:CommonData>"
            '<ofd:Pages><ofd:Page ID="10" BaseLoc="Pages/Page_0/Content.xml"/></ofd:Pages>',
        ),
        "Doc_0/PublicRes.xml": _xml("Res", '<ofd:Fonts><ofd:Font ID="1" FontName="SimSun"/></ofd:Fonts>'),
        _PAGE: _xml("Page", f'<ofd:Content><ofd:Layer ID="3" Type="Body">{text}</ofd:Layer></ofd:Content>'),
    }


def signed(parts: Mapping[str, bytes], seal: ses.Seal, eseal: bytes, at: datetime) -> dict[str, bytes]:
    """The voucher with one signature more. ``eseal`` is the SESeal of ``seal``, in DER."""
    number = sum(name.endswith("/Signature.xml") for name in parts)
    folder = f"Doc_0/Signs/Sign_{number}"
    made = {name: part for name, part in parts.items() if name != _LIST} | {f"{folder}/Seal.esl": eseal}
    references = "".join(
        f'<ofd:Reference FileRef="/{name}"><ofd:CheckValue>{b64(sm3(part))}</ofd:CheckValue></ofd:Reference>'
        for name, part in made.items()
    )
    described = _xml(
        "Signature",
        '<ofd:SignedInfo><ofd:Provider ProviderName="ANLAN-SEAL" Version="1.0" Company="ANLAN"/><ofd:SignatureMethod>'
        f"1.2.156.10197.1.501</ofd:SignatureMethod><ofd:SignatureDateTime>{at:%Y%m%d%H%M%SZ}</ofd:SignatureDateTime>"
        f'<ofd:References CheckMethod="1.2.156.10197.1.401">{references}</ofd:References>'
        f'<ofd:StampAnnot ID="1" PageRef="10" Boundary="{20 + 60 * number} 85 {seal.width} {seal.height}"/>'
        f"<ofd:Seal><ofd:BaseLoc>/{folder}/Seal.esl</ofd:BaseLoc></ofd:Seal></ofd:SignedInfo>"
        f"<ofd:SignedValue>/{folder}/SignedValue.dat</ofd:SignedValue>",
    )
    value = ses.signature(seal, eseal, sm3(described), f"/{folder}/Signature.xml", at)
    made |= {f"{folder}/Signature.xml": described, f"{folder}/SignedValue.dat": value}
    listed = "".join(
        f'<ofd:Signature ID="{one + 1}" Type="Seal" BaseLoc="/Doc_0/Signs/Sign_{one}/Signature.xml"/>'
        for one in range(number + 1)
    )
    return made | {_LIST: _xml("Signatures", f"<ofd:MaxSignId>{number + 1}</ofd:MaxSignId>{listed}")}


def packed(parts: Mapping[str, bytes]) -> bytes:
    """The OFD file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(zipfile.ZipInfo(name), part, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _xml(name: str, inner: str, more: str = "") -> bytes:
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return f'{head}<ofd:{name} xmlns:ofd="http://www.ofdspec.org/2016"{more}>{inner}</ofd:{name}>'.encode()


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
