"""A small seal authority of the test's own, made with the simulator's encoder, which is independent of our reader."""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from PIL import Image, ImageDraw

from gateway.ports.seal import Placement
from gateway.rooms.seals.pdf import PdfProfile, Prepared, embed, prepare
from gateway.rooms.seals.report import Report
from gateway.rooms.seals.ses import read_seal
from gateway.rooms.seals.trust import Trust, makers_of
from gateway.rooms.seals.verification import verify_document
from gateway.typography import Block, Letter, Signature, render
from simulators.seal import ses
from simulators.seal.pki import Authority, Key

NAME = "安澜市望川区综合行政执法局"
NOW = datetime(2026, 9, 16, 2, 0, 0, tzinfo=UTC)
PLACE = Placement(page=1, x=120, y=60, width=42, height=42)


@dataclass
class Forge:
    """Makes seals and signatures, right ones and wrong ones."""

    root: Authority = field(default_factory=lambda: Authority.found("安澜市电子印章根证书"))

    def __post_init__(self) -> None:
        self.maker = ses.Maker.under(self.root, "安澜市电子印章制章中心")
        key = Key.generate()
        certificate = self.root.issue(NAME, key.public)
        self.seal = ses.Seal(
            seal_id="99010200000021",
            name=NAME,
            picture=_ring(),
            valid_from=NOW - timedelta(days=400),
            valid_until=NOW + timedelta(days=400),
            key=key,
            certificate=certificate,
            listed=(certificate,),
        )
        self.issued = ses.eseal(self.seal, self.maker)
        self.eseal = self.issued
        self.trust = Trust(
            signer_roots=(self.root.certificate,),
            maker_roots=(self.root.certificate,),
            makers=makers_of((self.maker.certificate,)),
        )
        self.now = NOW
        self.document = letter("当事人占用公共场所经营，影响市容环境卫生。")
        self.other_document = letter("不予行政处罚。")
        self.prepared = self.prepare(self.document)
        self.der = self.sign()

    def prepare(self, pdf: bytes, *places: Placement) -> Prepared:
        """The file with room for a signature."""
        return prepare(pdf, read_seal(self.eseal), places or (PLACE,), at=NOW, profile=PdfProfile(reserve=4 * 1024))

    def sign(
        self,
        digest: bytes | None = None,
        seal: ses.Seal | None = None,
        maker: ses.Maker | None = None,
        property_info: str = "/ByteRange",
    ) -> bytes:
        """A SES_Signature over the prepared file, unless told otherwise."""
        seal = seal or self.seal
        made = self.issued if seal is self.seal and maker is None else ses.eseal(seal, maker or self.maker)
        return ses.signature(seal, made, digest or self.prepared.digest, property_info, NOW)

    def sealed(self, der: bytes | None = None) -> bytes:
        """The file with a signature in it."""
        return embed(self.prepared.content, self.prepared.start, self.prepared.end, der or self.sign())

    def judge(self, pdf: bytes, **expected: object) -> Report:
        """Our verdict, a minute later."""
        return verify_document(pdf, self.trust, NOW + timedelta(minutes=1), **expected)

    def variant(self, **other: object) -> ses.Seal:
        """The seal, but."""
        return replace(self.seal, **other)


def _ring() -> bytes:
    """A small picture: the checks do not look at it, and small files are judged faster."""
    image = Image.new("RGBA", (48, 48))
    ImageDraw.Draw(image).ellipse((2, 2, 45, 45), outline="red", width=2)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def letter(text: str) -> bytes:
    """A decision document of one page."""
    blocks = (Block(text),)
    return render(Letter("行政处罚决定书", "望综执罚决〔2026〕118号", blocks, Signature(NAME, date(2026, 9, 16))))


@pytest.fixture(scope="session")
def forge() -> Forge:
    """One authority for all tests: none of them changes it."""
    return Forge()


@pytest.fixture
def failed():
    """The names of the checks that failed."""
    return lambda report: {check.name for check in report.every_check if check.result == "failed"}
