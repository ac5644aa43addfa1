"""The picture of an organ's round seal 公章: one ring, the star, the organ's name along the arc (国发〔1999〕25号)."""

from __future__ import annotations

import math
from io import BytesIO

import contracts
from simulators.seal.plain_picture import plain_seal

try:  # 23 MB of the simulators' wheel, for the names along the arcs alone
    from PIL import Image, ImageDraw, ImageFont
except ImportError:
    WITH_NAMES = False
else:
    WITH_NAMES = True

RED = (206, 22, 30)
_SIZE, _SCALE = 480, 3


def organ_seal(name: str) -> bytes:
    """A transparent PNG of 480 by 480 pixels. Without Pillow it has no name on it."""
    if not WITH_NAMES:
        return plain_seal(RED, _star(_SIZE / 2, _SIZE / 2, _SIZE * 0.155))
    side = _SIZE * _SCALE
    centre, radius = side / 2, side / 2 - 6 * _SCALE
    mask = Image.new("L", (side, side), 0)
    draw = ImageDraw.Draw(mask)
    box = (centre - radius, centre - radius, centre + radius, centre + radius)
    draw.ellipse(box, outline=255, width=round(side * 0.026))
    draw.polygon(_star(centre, centre, side * 0.155), fill=255)
    font = ImageFont.truetype(str(contracts.path("fonts/NotoSerifSC-Regular.ttf")), round(side * 0.118))
    span = min(math.radians(250), math.radians(19.5) * len(name))
    for index, character in enumerate(name):
        angle = -span / 2 + span * (index + 0.5) / len(name)
        mask.paste(255, (0, 0), _character(character, font, side, centre, radius * 0.76, angle))
    mask = mask.resize((_SIZE, _SIZE), Image.Resampling.LANCZOS)
    # Sixteen shades of transparency of one red: 4 bits a pixel, so that the seal stays small inside the signature.
    picture = mask.point([level >> 4 for level in range(256)]).convert("P")
    picture.putpalette(RED * 16)
    out = BytesIO()
    picture.save(out, "PNG", optimize=True, bits=4, transparency=bytes(level * 17 for level in range(16)))
    return out.getvalue()


def _star(x: float, y: float, radius: float) -> list[tuple[float, float]]:
    inner = radius * math.sin(math.pi / 10) / math.sin(3 * math.pi / 10)
    return [
        (x + r * math.sin(step * math.pi / 5), y - r * math.cos(step * math.pi / 5))
        for step, r in enumerate([radius, inner] * 5)
    ]


def _character(
    character: str, font: ImageFont.FreeTypeFont, side: int, centre: float, distance: float, angle: float
) -> Image.Image:
    """One character, narrowed and thickened as on real seals, turned to stand on the arc."""
    layer = Image.new("L", (side, side), 0)
    stamp = Image.new("L", (round(font.size * 1.4),) * 2, 0)
    half = stamp.width / 2
    ImageDraw.Draw(stamp).text(
        (half, half), character, fill=255, font=font, anchor="mm", stroke_width=round(side / 480)
    )
    stamp = stamp.resize((round(stamp.width * 0.82), round(stamp.height * 1.16)), Image.Resampling.LANCZOS)
    stamp = stamp.rotate(-math.degrees(angle), expand=True, resample=Image.Resampling.BICUBIC)
    x, y = centre + distance * math.sin(angle), centre - distance * math.cos(angle)
    layer.paste(stamp, (round(x - stamp.width / 2), round(y - stamp.height / 2)))
    return layer
