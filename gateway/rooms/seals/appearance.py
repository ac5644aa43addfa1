"""What a signature field draws, held against the seal that was signed: the picture, its size, upright and alone.

A drawing is followed through nested forms within bounds. Nothing but one picture may be drawn: text or lines beside it
would be the field's own words under the seal's authority. Pictures are decoded only in types that are safe to decode,
and never an ``ofd`` picture, which is a document of its own.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from PIL import Image, ImageChops, ImageStat

from gateway.rooms.seals.pdf_reading import PdfFile, at, is_stream
from gateway.rooms.seals.placement import Page
from gateway.rooms.seals.report import Drawn, Words

Matrix = tuple[float, float, float, float, float, float]
Box = tuple[float, float, float, float]

MOST_PIXELS: Final = 4096 * 4096
_RASTER: Final = {"png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "gif": "GIF", "bmp": "BMP"}
_MOST_OPERATORS: Final = 2_000
_MOST_CONTENT: Final = 1 << 20
_DEEPEST: Final = 8
_IDENTITY: Final[Matrix] = (1, 0, 0, 1, 0, 0)
_TOKEN: Final = re.compile(rb"\s*(?:(/[^\s/<>\[\](){}%]*)|([-+.0-9][-+.0-9eE]*)|([A-Za-z'\"*0-9]+)|(.))", re.DOTALL)
_QUIET: Final = frozenset(
    {b"gs", b"w", b"J", b"j", b"M", b"d", b"ri", b"i", b"n", b"h", b"m", b"l", b"c", b"v", b"y", b"CS", b"cs", b"SC"}
    | {b"sc", b"SCN", b"scn", b"G", b"g", b"RG", b"rg", b"K", b"k", b"BMC", b"BDC", b"EMC", b"MP", b"DP", b"BX", b"EX"}
)
"""Operators that paint nothing by themselves."""
_STRANGE: Final = 24.0
"""Mean difference of a channel, of 255, above which two pictures are two: enough for JPEG, not for another face."""


class PictureError(ValueError):
    """A picture cannot be decoded safely."""


@dataclass(frozen=True)
class Shown:
    """One picture that is drawn: its image object, and the matrix that puts its unit square on the page."""

    image: Any
    matrix: Matrix


@dataclass(frozen=True)
class Drawing:
    """What a stream draws: pictures, and whatever else paints. ``clips``: boxes that it cuts away around."""

    pictures: tuple[Shown, ...]
    others: tuple[str, ...]
    clips: tuple[Box, ...] = ()


def picture_of(data: bytes, kind: str) -> Image.Image:
    """A seal's picture in RGBA. Raises PictureError, also for types that are not decoded here (``ofd``, ``svg`` …)."""
    if kind not in _RASTER:
        raise PictureError(f"pictures of type {kind[:20]} are not drawn here")
    try:
        with Image.open(io.BytesIO(data), formats=(_RASTER[kind],)) as image:
            if image.size[0] * image.size[1] > MOST_PIXELS:
                raise PictureError(f"the picture has {image.size[0]} by {image.size[1]} pixels")
            return image.convert("RGBA")
    except PictureError:
        raise
    except Exception as error:  # Pillow raises errors of many kinds
        raise PictureError(f"the picture cannot be decoded: {error}") from None


def drawing_of(widget: Any) -> Drawing | None:
    """What the normal appearance of an annotation draws, in the page's coordinates; None without one.

    Raises ValueError for what is beyond the bounds or cannot be followed.
    """
    normal = at(at(widget, "/AP"), "/N")
    rect = [float(side) for side in at(widget, "/Rect", ())]
    if not is_stream(normal) or len(rect) != 4:
        return None
    left, right = sorted((rect[0], rect[2]))
    bottom, top = sorted((rect[1], rect[3]))
    if right - left < 0.01 or top - bottom < 0.01:
        return None
    inner, outer = _matrix(at(normal, "/Matrix")), _box(at(normal, "/BBox"))
    a, b, c, d, e, f = inner
    corners = [(a * x + c * y + e, b * x + d * y + f) for x in (outer[0], outer[2]) for y in (outer[1], outer[3])]
    low = min(x for x, _ in corners), min(y for _, y in corners)
    high = max(x for x, _ in corners), max(y for _, y in corners)
    if high[0] - low[0] < 1e-6 or high[1] - low[1] < 1e-6:
        return None
    wide, tall = (right - left) / (high[0] - low[0]), (top - bottom) / (high[1] - low[1])
    fit: Matrix = (wide, 0, 0, tall, left - wide * low[0], bottom - tall * low[1])
    return _follow(normal, _times(inner, fit))


def where(shown: Shown, page: Page, number: int) -> tuple[Drawn, bool]:
    """Where a picture stands as the reader sees it, and whether it stands upright and unmirrored."""
    a, b, c, d, e, f = shown.matrix
    start, along, up = (page.seen(x, y) for x, y in ((e, f), (e + a, f + b), (e + c, f + d)))
    corners = (start, along, up, (along[0] + up[0] - start[0], along[1] + up[1] - start[1]))
    left, bottom = min(x for x, _ in corners), min(y for _, y in corners)
    width, height = max(x for x, _ in corners) - left, max(y for _, y in corners) - bottom
    slack = 0.01 * max(width, height)
    upright = (
        along[0] - start[0] > 0
        and up[1] - start[1] > 0
        and abs(along[1] - start[1]) <= slack
        and abs(up[0] - start[0]) <= slack
    )
    box = {"x": round(left, 3), "y": round(bottom, 3), "width": round(width, 3), "height": round(height, 3)}
    wide, high = page.size
    return Drawn(page=number, **box, page_width=round(wide, 3), page_height=round(high, 3)), upright


def cut_off(drawing: Drawing, shown: Shown) -> bool:
    """Whether a clip of the drawing cuts away a part of the picture."""
    a, b, c, d, e, f = shown.matrix
    xs, ys = (e, e + a, e + c, e + a + c), (f, f + b, f + d, f + b + d)
    slack = 0.02 * max(max(xs) - min(xs), max(ys) - min(ys))
    return any(
        min(xs) < clip[0] - slack or min(ys) < clip[1] - slack or max(xs) > clip[2] + slack or max(ys) > clip[3] + slack
        for clip in drawing.clips
    )


def compare(image: Any, picture: Image.Image, data: bytes) -> str:
    """Why an image object is not this picture; "" if it is. Raises PictureError for what is not decoded here."""
    filters = _filters(image)
    if filters == ["/DCTDecode"] and bytes(image.encoded_data) == data and "/SMask" not in image:
        return ""
    drawn = image_of(image)
    if drawn.size != picture.size:
        (wide, high), (own_wide, own_high) = drawn.size, picture.size
        if abs(wide * own_high - high * own_wide) > 0.03 * wide * own_high:
            return f"{wide} by {high} pixels, the seal's picture has {own_wide} by {own_high}"
        drawn = drawn.resize(picture.size)
    white = (255, 255, 255, 255)
    one, other = (
        Image.alpha_composite(Image.new("RGBA", each.size, white), each).convert("RGB") for each in (drawn, picture)
    )
    difference = ImageChops.difference(one, other)
    if difference.getbbox() is None:
        return ""
    # Over the parts alone that are inked in either: a thin ring in a white field must not be lost in the mean.
    inked = ImageChops.lighter(ImageChops.invert(one).convert("L"), ImageChops.invert(other).convert("L"))
    mask = inked.point([0] * 24 + [255] * 232)
    mean = max(ImageStat.Stat(difference, mask).mean) if mask.getbbox() else 0.0
    return "" if mean <= _STRANGE else "its pixels are not those of the seal's picture"


def image_of(image: Any) -> Image.Image:
    """An image object of a PDF in RGBA. Raises PictureError for forms of images that are not decoded here."""
    try:
        width, height = int(at(image, "/Width", 0)), int(at(image, "/Height", 0))
        if not 0 < width * height <= MOST_PIXELS:
            raise PictureError(f"an image of {width} by {height} pixels")
        if _filters(image) == ["/DCTDecode"]:
            found = picture_of(bytes(image.encoded_data), "jpeg")
        else:
            found = _samples(image, width, height)
        mask = at(image, "/SMask")
        if is_stream(mask):
            alpha = _samples(mask, int(at(mask, "/Width", 0)), int(at(mask, "/Height", 0))).convert("L")
            found.putalpha(alpha if alpha.size == found.size else alpha.resize(found.size))
        return found
    except PictureError:
        raise
    except Exception as error:
        raise PictureError(f"the image cannot be decoded: {str(error)[:100]}") from None


def resembles_seal(image: Any) -> bool:
    """Whether an image looks like a seal: about as wide as high, and mostly red where it is inked."""
    width, height = int(at(image, "/Width", 0)), int(at(image, "/Height", 0))
    if not (min(width, height) >= 24 and max(width, height) <= 2.5 * min(width, height)):
        return False
    try:
        small = image_of(image).resize((48, 48))
    except PictureError:
        return False
    flat = Image.alpha_composite(Image.new("RGBA", small.size, (255, 255, 255, 255)), small).convert("RGB")
    pixels = list(flat.get_flattened_data() if hasattr(flat, "get_flattened_data") else flat.getdata())
    inked = [(r, g, b) for r, g, b in pixels if min(r, g, b) < 200]
    red = sum(r > 120 and r > 1.5 * g and r > 1.5 * b for r, g, b in inked)
    return len(inked) >= 40 and red >= 0.6 * len(inked)


def other_pictures(file: PdfFile, own: set[int]) -> Iterator[Words]:
    """Pictures that look like seals and are none, in pages and annotations. ``own``: image objects of seals."""
    looked = 0
    seen: set[int] = set()
    for number, (_, page) in enumerate(file.page_objects, start=1):
        for image in _images(at(page, "/Resources"), seen):
            looked += 1
            if looked > 200:
                return
            if id(image) not in own and resembles_seal(image):
                yield Words(
                    zh=f"第 {number} 页有形似印章的图片，它不是签章",
                    en=f"page {number} has a picture that looks like a seal",
                )
    for index, note in file.annotations:
        if str(at(note, "/Subtype")) == "/Stamp":
            yield Words(
                zh=f"第 {index + 1} 页有图章注释，它不是签章", en=f"page {index + 1} has a rubber stamp annotation"
            )


def pictures_on(page: Any) -> tuple[Shown, ...]:
    """The pictures that a page's own content draws. Raises ValueError for what is beyond the bounds."""
    contents = at(page, "/Contents")
    streams = (
        [one.get_object() if hasattr(one, "get_object") else one for one in contents]
        if isinstance(contents, list)
        else [contents]
    )
    content = b"\n".join(bytes(one.data) for one in streams if is_stream(one))
    found: list[Shown] = []
    objects = at(at(page, "/Resources"), "/XObject")
    current, kept = _IDENTITY, list[Matrix]()
    for operator, operands in _operators(content, [500_000]):
        match operator:
            case b"q":
                kept.append(current)
            case b"Q":
                current = kept.pop() if kept else _IDENTITY
            case b"cm":
                current = _times(_six(operands), current)
            case b"Do":
                image = at(objects, operands[-1].decode("latin-1"))
                if str(at(image, "/Subtype")) == "/Image":
                    found.append(Shown(image, current))
    return tuple(found)


# --- inside -----------------------------------------------------------------------------------------------------------


def _images(resources: Any, seen: set[int]) -> Iterator[Any]:
    waiting = [(resources, 0)]
    while waiting:
        one, depth = waiting.pop()
        objects = at(one, "/XObject")
        for key in list(objects or ())[:500]:
            found = at(objects, str(key))
            if not is_stream(found) or id(found) in seen:
                continue
            seen.add(id(found))
            if str(at(found, "/Subtype")) == "/Image":
                yield found
            elif depth < _DEEPEST:
                waiting.append((at(found, "/Resources"), depth + 1))


def _filters(image: Any) -> list[str]:
    found = at(image, "/Filter")
    return [str(one) for one in found] if isinstance(found, list) else [] if found is None else [str(found)]


def _samples(image: Any, width: int, height: int) -> Image.Image:
    """An image of 8 bits in grey or RGB, whatever wraps its bytes."""
    space = at(image, "/ColorSpace")
    if isinstance(space, list) and space and str(space[0]) == "/ICCBased":
        channels = int(at(space[1].get_object() if hasattr(space[1], "get_object") else space[1], "/N", 0))
    else:
        channels = {"/DeviceRGB": 3, "/DeviceGray": 1, "/CalRGB": 3, "/CalGray": 1}.get(
            str(space[0] if isinstance(space, list) and space else space), 0
        )
    if int(at(image, "/BitsPerComponent", 8)) != 8 or channels not in (1, 3) or not set(_filters(image)) <= _WRAPS:
        raise PictureError("an image of a form that is not decoded here")
    if not 0 < width * height <= MOST_PIXELS:
        raise PictureError(f"an image of {width} by {height} pixels")
    data = bytes(image.data)
    if len(data) < width * height * channels:
        raise PictureError("an image with fewer samples than pixels")
    mode = "RGB" if channels == 3 else "L"
    found = Image.frombytes(mode, (width, height), data[: width * height * channels])
    decode = [float(one) for one in at(image, "/Decode", ())]
    return (ImageChops.invert(found) if decode[:2] == [1.0, 0.0] else found).convert("RGBA")


_WRAPS: Final = {"/FlateDecode", "/LZWDecode", "/ASCIIHexDecode", "/ASCII85Decode", "/RunLengthDecode"}


def _follow(form: Any, matrix: Matrix) -> Drawing:
    """Everything that a form draws, with forms inside it."""
    pictures: list[Shown] = []
    others: list[str] = []
    clips: list[Box] = []
    budget = [_MOST_OPERATORS]

    def run(stream: Any, start: Matrix, depth: int) -> None:
        if depth > _DEEPEST:
            raise ValueError("forms are nested too deep")
        content = bytes(stream.data)
        if len(content) > _MOST_CONTENT:
            raise ValueError("the drawing is too long")
        clips.append(_placed(_box(at(stream, "/BBox")), start))
        objects = at(at(stream, "/Resources"), "/XObject")
        current, kept = start, list[Matrix]()
        path: list[Box] = []
        for operator, operands in _operators(content, budget):
            match operator:
                case b"q":
                    kept.append(current)
                case b"Q":
                    current = kept.pop() if kept else start
                case b"cm":
                    current = _times(_six(operands), current)
                case b"re":
                    x, y, w, h = (float(one) for one in operands[-4:])
                    path.append(_placed((x, y, x + w, y + h), current))
                case b"W" | b"W*":
                    clips.extend(path)
                case b"Do":
                    found = at(objects, operands[-1].decode("latin-1"))
                    kind = str(at(found, "/Subtype"))
                    if kind == "/Image":
                        pictures.append(Shown(found, current))
                    elif kind == "/Form":
                        run(found, _times(_matrix(at(found, "/Matrix")), current), depth + 1)
                    else:
                        others.append("Do")
                case _ if operator not in _QUIET:
                    others.append(operator.decode("latin-1"))
            if operator == b"n":
                path = []

    run(form, matrix, 0)
    return Drawing(tuple(pictures), tuple(dict.fromkeys(others)), tuple(clips))


def _operators(content: bytes, budget: list[int]) -> Iterator[tuple[bytes, list[bytes]]]:
    operands: list[bytes] = []
    place = 0
    while place < len(content):
        found = _TOKEN.match(content, place)
        if found is None:
            break
        place = found.end()
        name, number, word, sign = found.groups()
        if name is not None or number is not None:
            operands.append(name or number)
        elif word is not None:
            budget[0] -= 1
            if budget[0] < 0:
                raise ValueError("the drawing has too many operators")
            yield word, operands
            operands = []
        elif sign == b"%":
            end = re.compile(rb"[\r\n]").search(content, place)
            place = end.end() if end else len(content)
        elif sign == b"(":
            place = _after_string(content, place)
            operands.append(b"()")


def _after_string(content: bytes, place: int) -> int:
    depth = 1
    while place < len(content) and depth:
        byte = content[place]
        if byte == 0x5C:
            place += 1
        elif byte == 0x28:
            depth += 1
        elif byte == 0x29:
            depth -= 1
        place += 1
    return place


def _times(one: Matrix, other: Matrix) -> Matrix:
    a, b, c, d, e, f = one
    g, h, i, j, k, m = other
    return (a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m)


def _six(operands: list[bytes]) -> Matrix:
    a, b, c, d, e, f = (float(one) for one in operands[-6:])
    return a, b, c, d, e, f


def _matrix(value: Any) -> Matrix:
    numbers = [float(one) for one in value] if isinstance(value, list) else []
    return (numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]) if len(numbers) == 6 else _IDENTITY


def _box(value: Any) -> Box:
    sides = [float(one) for one in value] if isinstance(value, list | tuple) else []
    if len(sides) != 4:
        raise ValueError("a form without a box")
    return min(sides[0], sides[2]), min(sides[1], sides[3]), max(sides[0], sides[2]), max(sides[1], sides[3])


def _placed(box: Box, matrix: Matrix) -> Box:
    a, b, c, d, e, f = matrix
    corners = [(a * x + c * y + e, b * x + d * y + f) for x in (box[0], box[2]) for y in (box[1], box[3])]
    return (
        min(x for x, _ in corners),
        min(y for _, y in corners),
        max(x for x, _ in corners),
        max(y for _, y in corners),
    )
