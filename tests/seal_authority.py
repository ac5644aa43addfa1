"""A small seal authority of the tests' own, made with the simulator's encoder, which is independent of our reader."""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from PIL import Image, ImageDraw

from gateway.ports.seal import Placement
from gateway.rooms.seals.trust import Trust, makers_of
from simulators.seal import ses
from simulators.seal.pki import Authority, Key

ORGAN = "安澜市望川区综合行政执法局"
NOW = datetime(2026, 9, 16, 2, 0, 0, tzinfo=UTC)
PLACE = Placement(page=1, x=120, y=60, width=42, height=42)


def ring(side: int = 48) -> bytes:
    """A small picture of a seal: small files are judged faster."""
    image = Image.new("RGBA", (side, side))
    ImageDraw.Draw(image).ellipse((2, 2, side - 3, side - 3), outline="red", width=2)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


@dataclass
class SealAuthority:
    """A root, a maker and an organ's seal: ``issued`` is the SESeal in DER, ``trust`` believes the three of them."""

    root: Authority = field(default_factory=lambda: Authority.found("安澜市电子印章根证书"))

    def __post_init__(self) -> None:
        self.maker = ses.Maker.under(self.root, "安澜市电子印章制章中心")
        key = Key.generate()
        certificate = self.root.issue(ORGAN, key.public)
        self.seal = ses.Seal(
            seal_id="99010200000021",
            name=ORGAN,
            picture=ring(),
            valid_from=NOW - timedelta(days=400),
            valid_until=NOW + timedelta(days=400),
            key=key,
            certificate=certificate,
            listed=(certificate,),
        )
        self.issued = ses.eseal(self.seal, self.maker)
        self.trust = Trust(
            signer_roots=(self.root.certificate,),
            maker_roots=(self.root.certificate,),
            makers=makers_of((self.maker.certificate,)),
        )

    def variant(self, **other: object) -> ses.Seal:
        """The seal, but."""
        return replace(self.seal, **other)
