"""PDF files sealed by an authority of the tests' own, rightly and wrongly."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from seal_authority import NOW, ORGAN, PLACE, SealAuthority
from seal_room import OWNER, Room

from gateway.foundation.access import Access
from gateway.foundation.store import Store
from gateway.ports.seal import Placement
from gateway.rooms.seals.pdf import PdfProfile, Prepared, embed, prepare
from gateway.rooms.seals.report import Report
from gateway.rooms.seals.ses import read_seal
from gateway.rooms.seals.verification import verify_document
from gateway.typography import Block, Letter, Signature, render
from simulators.seal import ses


class Forge(SealAuthority):
    """Makes seals and signatures, right ones and wrong ones."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.now = NOW
        self.document = letter("当事人占用公共场所经营，影响市容环境卫生。")
        self.other_document = letter("不予行政处罚。")
        self.prepared = self.prepare(self.document)
        self.der = self.sign()

    def prepare(self, pdf: bytes, *places: Placement) -> Prepared:
        """The file with room for a signature."""
        return prepare(pdf, read_seal(self.issued), places or (PLACE,), at=NOW, profile=PdfProfile(reserve=4 * 1024))

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


def letter(text: str) -> bytes:
    """A decision document of one page."""
    blocks = (Block(text),)
    return render(Letter("行政处罚决定书", "望综执罚决〔2026〕118号", blocks, Signature(ORGAN, date(2026, 9, 16))))


@pytest.fixture(scope="session")
def forge() -> Forge:
    """One authority for all tests: none of them changes it."""
    return Forge()


@pytest.fixture
def failed():
    """The names of the checks that failed."""
    return lambda report: {check.name for check in report.every_check if check.result == "failed"}


@pytest.fixture
async def room(one_store: Store, tmp_path: Path, forge: Any) -> AsyncIterator[Room]:
    made = Room(one_store, tmp_path, forge)
    await Access(one_store, made.clock).create_authority("A1", "望川区综合行政执法局", OWNER)
    await made.delivery.start()
    yield made
    await made.delivery.stop()
    await made.evidence.close()
