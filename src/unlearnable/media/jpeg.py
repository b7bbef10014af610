"""JPEG: the file's own quantisation tables, and the segments around the picture data."""

import io
import re
import struct

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from unlearnable.media.picture import Encoding, Metadata

try:  # decodes straight into an array, in half of the time; the pixels are the same
    import simplejpeg
except ImportError:  # pragma: no cover - the extra is part of the development install
    simplejpeg = None

_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]", re.DOTALL)
"""In the picture's data ff is followed by 00 or a restart."""

Tables = tuple[tuple[int, ...], ...]


def tables_of(image: Image.Image) -> Tables:
    """Quantisation tables of an opened JPEG, in table order."""
    tables = getattr(image, "quantization", {})
    return tuple(tuple(int(step) for step in tables[key]) for key in sorted(tables))


def end(data: bytes) -> int:
    """Where the first picture in the file ends; behind it lie second pictures, films and makers' data."""
    position = 2
    while (marker := _MARKER.search(data, position)) and marker.end() + 2 <= len(data):
        if marker.group() == b"\xff\xd9":
            return marker.end()
        (length,) = struct.unpack_from(">H", data, marker.end())
        position = marker.end() + length
    return len(data)


def decode_fast(data: bytes, grey: bool) -> UInt8[np.ndarray, "h w c"] | None:
    """Pixels as stored (not rotated), or None when simplejpeg is not installed.

    Raises ValueError on truncated or broken files.
    """
    if simplejpeg is None:
        return None
    pixels: np.ndarray = simplejpeg.decode_jpeg(data, colorspace="GRAY" if grey else "RGB")
    return pixels


def encode(pixels: UInt8[np.ndarray, "h w c"], encoding: Encoding) -> bytes:
    """JPEG bytes, 4:4:4, with the given tables, progressive if the input was, without metadata.

    Always Pillow's encoder: simplejpeg's is 10 % faster but takes an inexact DCT below quality 96, and the
    same photo should give the same file whether or not an extra is installed.
    """
    channels = pixels.shape[2]
    image = Image.fromarray(pixels[..., 0] if channels == 1 else pixels, {1: "L", 3: "RGB", 4: "CMYK"}[channels])
    buffer = io.BytesIO()
    image.save(
        buffer,
        "JPEG",
        qtables=[list(table) for table in encoding.tables],
        subsampling=0,
        progressive=encoding.progressive,
    )
    return buffer.getvalue()


def with_metadata(data: bytes, metadata: Metadata) -> bytes:
    """The JPEG with its metadata segments put in after the JFIF header."""
    position = 2
    header = b""
    if data[2:4] == b"\xff\xe0":
        (length,) = struct.unpack(">H", data[4:6])
        position = 4 + length
        header = data[2:position]
        if metadata.dpi is not None:
            across, down = (min(65_535, max(1, round(value))) for value in metadata.dpi)
            header = header[:11] + struct.pack(">BHH", 1, across, down) + header[16:]
    parts = [b"\xff\xd8", header]
    if metadata.exif:
        parts.append(_segment(0xE1, metadata.exif))
    if metadata.xmp:
        parts.append(_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\x00" + metadata.xmp))
    if metadata.icc:
        step = 65_519
        pieces = [metadata.icc[start : start + step] for start in range(0, len(metadata.icc), step)]
        for number, piece in enumerate(pieces, 1):
            parts.append(_segment(0xE2, b"ICC_PROFILE\x00" + bytes((number, len(pieces))) + piece))
    if metadata.iptc:
        padding = b"\x00" * (len(metadata.iptc) % 2)
        resource = b"8BIM\x04\x04\x00\x00" + struct.pack(">I", len(metadata.iptc)) + metadata.iptc + padding
        parts.append(_segment(0xED, b"Photoshop 3.0\x00" + resource))
    if metadata.comment:
        parts.append(_segment(0xFE, metadata.comment))
    return b"".join([*parts, data[position:]])


def _segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(payload) + 2) + payload
