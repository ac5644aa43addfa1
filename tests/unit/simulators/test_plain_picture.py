"""Without Pillow a seal has a picture all the same: a transparent PNG with ring and star."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from simulators.seal import picture


def test_a_seal_without_its_name_is_a_picture_of_ring_and_star(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "WITH_NAMES", False)
    made = picture.organ_seal("安澜市望川区综合行政执法局")
    image = Image.open(BytesIO(made)).convert("RGBA")
    assert image.size == (480, 480)
    red, clear = (*picture.RED, 255), 0
    for place in ((240, 8), (8, 240), (471, 240), (240, 471), (240, 240), (240, 175)):
        assert image.getpixel(place) == red, place
    for place in ((0, 0), (240, 40), (240, 330), (300, 160), (479, 479)):
        assert image.getpixel(place)[3] == clear, place
    assert len(made) < 4096
