"""TIFF directories: EXIF in compressed files, and colour of 16 bits a sample.

Pillow 13 cannot write an EXIF or GPS directory into a compressed TIFF ("Error setting from dictionary"), and reads
16-bit colour as 8 bits and does not write it. Both are done here by rewriting the file's directory.

For the depth: Pillow does handle 16-bit grey. A row of w pixels of c samples is also a row of c·w grey ones, so
the directory is made to say so, in both directions, and Pillow's codecs do the rest. Only the horizontal
predictor knows where a pixel ends; it is switched off and undone here.
"""

import contextlib
import io
import struct
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from jaxtyping import UInt16
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from unlearnable.media.metadata import EXIF_IFD, GPS_IFD, INTEROP_IFD
from unlearnable.media.picture import Mode, Refused

WIDTH, HEIGHT, BITS, PHOTOMETRIC, ORIENTATION = 256, 257, 258, 262, 274
SAMPLES, PLANES, PREDICTOR, TILE_WIDTH = 277, 284, 317, 322
EXTRA_SAMPLES, SAMPLE_FORMAT, IPTC = 338, 339, 33723
WHITE_IS_ZERO = 0
_SHORT, _LONG = 3, 4
_PHOTOMETRICS: dict[int, tuple[Mode, int]] = {1: ("L", 1), 2: ("RGB", 3), 5: ("CMYK", 4)}


def decode16(
    data: bytes, tags: Mapping[int, Any]
) -> tuple[UInt16[np.ndarray, "h w c"], UInt16[np.ndarray, "h w"] | None, Mode]:
    """Samples as stored (not turned), alpha and mode of a TIFF whose `tags` say 16 bits and several samples.

    Raises Refused for layouts that are not supported: separate planes, premultiplied alpha, BigTIFF, floats.
    """
    mode, colours = _PHOTOMETRICS.get(tags.get(PHOTOMETRIC, -1), ("L", 0))
    samples, extra = int(tags.get(SAMPLES, 1)), tags.get(EXTRA_SAMPLES, ())
    plain = set(tags[BITS]) == {16} and set(tags.get(SAMPLE_FORMAT, (1,))) == {1} and tags.get(PLANES, 1) == 1
    if not plain or not colours or samples - colours not in (0, 1) or data[2:4] not in (b"\x2a\x00", b"\x00\x2a"):
        raise Refused("it is a TIFF of an unusual layout, which cannot be kept: convert it to 16-bit PNG")
    if samples > colours and tuple(extra) != (2,):
        raise Refused("its transparency is premultiplied, which cannot be kept: convert it to 16-bit PNG")
    width, height = int(tags[WIDTH]), int(tags[HEIGHT])
    changes: dict[int, tuple[int, ...] | None] = {
        WIDTH: (width * samples,),
        BITS: (16,),
        PHOTOMETRIC: (1,),
        ORIENTATION: None,
        SAMPLES: (1,),
        PREDICTOR: None,
        EXTRA_SAMPLES: None,
        SAMPLE_FORMAT: None,
    }
    tile = int(tags.get(TILE_WIDTH, 0))
    if tile:
        changes[TILE_WIDTH] = (tile * samples,)
    with _as_grey(with_directory(data, changes), samples) as image:
        grey = np.asarray(image).astype(np.uint16)
    pixels = grey.reshape(height, width, samples)
    if tags.get(PREDICTOR, 1) == 2:
        for start in range(0, width, tile or width):
            part = pixels[:, start : start + (tile or width)]
            np.add.accumulate(part, axis=1, dtype=np.uint16, out=part)
    elif tags.get(PREDICTOR, 1) != 1:
        raise Refused("it is a TIFF of an unusual layout, which cannot be kept: convert it to 16-bit PNG")
    if samples == colours:
        return pixels, None, mode
    return np.ascontiguousarray(pixels[..., :-1]), np.ascontiguousarray(pixels[..., -1]), mode


@contextlib.contextmanager
def _as_grey(data: bytes, times: int) -> Iterator[Image.Image]:
    """Open a file that claims so many times the pixels it has; these were found safe when it was opened before."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = before and before * times
    try:
        with Image.open(io.BytesIO(data), formats=("TIFF",)) as image:
            yield image
    finally:
        Image.MAX_IMAGE_PIXELS = before


def encode16(planes: UInt16[np.ndarray, "h w c"], mode: Mode, options: Mapping[str, Any]) -> bytes:
    """A 16-bit TIFF of several samples a pixel; `options` are those of Pillow's writer."""
    height, width, samples = planes.shape
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(planes).reshape(height, width * samples)).save(buffer, "TIFF", **options)
    photometric, colours = next((tag, count) for tag, (name, count) in _PHOTOMETRICS.items() if name == mode)
    return with_directory(
        buffer.getvalue(),
        {
            WIDTH: (width,),
            BITS: (16,) * samples,
            PHOTOMETRIC: (photometric,),
            SAMPLES: (samples,),
            EXTRA_SAMPLES: (2,) if samples > colours else None,
            SAMPLE_FORMAT: (1,) * samples,
        },
    )


def with_exif(data: bytes, exif: Image.Exif) -> bytes:
    """The TIFF with the EXIF and GPS directories of `exif` behind its pixels."""
    result = data
    for tag in (EXIF_IFD, GPS_IFD):
        values = {key: value for key, value in exif.get_ifd(tag).items() if key != INTEROP_IFD}
        if not values:
            continue
        result += b"\x00" * (len(result) % 2)
        directory = ImageFileDirectory_v2(ifh=result[:4] + b"\x08\x00\x00\x00")
        for key, value in values.items():
            directory[key] = value
        offset = len(result)
        result = with_directory(result + directory.tobytes(offset), {tag: (offset,)})
    return result


def with_directory(data: bytes, changes: Mapping[int, tuple[int, ...] | None]) -> bytes:
    """The TIFF with tags set to whole numbers or left out; the new first directory stands at the end of the file."""
    order = "<" if data[:2] == b"II" else ">"
    (start,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, start)
    places = [start + 2 + 12 * index for index in range(count)]
    fields = {struct.unpack_from(order + "H", data, place)[0]: data[place : place + 12] for place in places}
    result = bytearray(data + b"\x00" * (len(data) % 2))
    for tag, values in changes.items():
        fields.pop(tag, None)
        if values is None:
            continue
        kind, letter = (_SHORT, "H") if max(values) < 65_536 else (_LONG, "I")
        packed = struct.pack(f"{order}{len(values)}{letter}", *values)
        if len(packed) > 4:
            place = struct.pack(order + "I", len(result))
            result += packed + b"\x00" * (len(packed) % 2)
            packed = place
        fields[tag] = struct.pack(order + "HHI", tag, kind, len(values)) + packed.ljust(4, b"\x00")
    struct.pack_into(order + "I", result, 4, len(result))
    result += struct.pack(order + "H", len(fields)) + b"".join(fields[tag] for tag in sorted(fields))
    return bytes(result) + b"\x00" * 4
