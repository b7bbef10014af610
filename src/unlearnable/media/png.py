"""PNG at the level of chunks, and 16-bit samples, which Pillow reads as 8 bits unless they are plain grey.

The 16-bit reader lets Pillow's C decoder undo the row filters. A PNG filter works on each byte with the same
byte of the pixel to its left, so the high bytes of all samples form a valid 8-bit PNG by themselves, with the
same filter types, and so do the low bytes.
"""

import io
import struct
import zlib
from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import UInt16
from PIL import Image

from unlearnable.media.picture import Metadata, Refused

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_CHUNKS = (b"cHRM", b"gAMA", b"sRGB", b"cICP")
# those that PNG's own specification names
KEPT_TEXTS = frozenset(
    {
        "Title",
        "Author",
        "Description",
        "Copyright",
        "Creation Time",
        "Software",
        "Disclaimer",
        "Warning",
        "Source",
        "Comment",
    }
)
XMP_KEYWORD = "XML:com.adobe.xmp"
LONGEST_TEXT = 2_048
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
# Adam7: first column, first row, column step, row step
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and payload of every chunk up to IEND; raises Refused where the file stops early."""
    position = len(SIGNATURE)
    while position + 8 <= len(data):
        length, name = struct.unpack(">I4s", data[position : position + 8])
        payload = data[position + 8 : position + 8 + length]
        if len(payload) < length or position + 12 + length > len(data):
            break
        yield name, payload
        if name == b"IEND":
            return
        position += 12 + length
    raise Refused("the file is truncated")


def is_kept(key: str, text: str) -> bool:
    """Whether a text is one of PNG's own and too short to hold a picture."""
    return key in KEPT_TEXTS and len(text) <= LONGEST_TEXT


def depth(data: bytes) -> int:
    """Bits a sample according to the header, 0 if there is no PNG header."""
    return data[24] if data[:8] == SIGNATURE and len(data) > 25 else 0


def decode16(data: bytes) -> tuple[UInt16[np.ndarray, "h w c"], UInt16[np.ndarray, "h w"] | None]:
    """Samples and alpha of a 16-bit PNG; a transparent colour (tRNS) becomes an alpha plane of 0 and 65535."""
    header = b""
    transparent = None
    compressed = []
    for name, payload in chunks(data):
        if name == b"IHDR":
            header = payload
        elif name == b"tRNS":
            transparent = np.frombuffer(payload, dtype=">u2").astype(np.uint16)
        elif name == b"IDAT":
            compressed.append(payload)
    width, height, _, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    channels = _CHANNELS[colour]
    whole = ((0, 0, 1, 1),)
    passes = [
        (x, y, dx, dy, -(-(width - x) // dx), -(-(height - y) // dy))
        for x, y, dx, dy in (_PASSES if interlaced else whole)
        if x < width and y < height
    ]
    expected = sum(rows * (1 + 2 * channels * columns) for *_, columns, rows in passes)
    unpacker = zlib.decompressobj()
    stream = unpacker.decompress(b"".join(compressed), expected)
    if len(stream) < expected:
        raise Refused("the file is truncated")
    samples = np.empty((height, width, channels), dtype=np.uint16)
    position = 0
    for x, y, dx, dy, columns, rows in passes:
        length = rows * (1 + 2 * channels * columns)
        filtered = np.frombuffer(stream, dtype=np.uint8, count=length, offset=position).reshape(rows, -1)
        position += length
        samples[y::dy, x::dx] = _unfilter16(filtered, columns, channels)
    if colour in (4, 6):
        return np.ascontiguousarray(samples[..., :-1]), np.ascontiguousarray(samples[..., -1])
    if transparent is not None and len(transparent) == channels:
        return samples, np.where((samples == transparent).all(axis=2), 0, 65_535).astype(np.uint16)
    return samples, None


def _unfilter16(filtered: np.ndarray, columns: int, channels: int) -> UInt16[np.ndarray, "h w c"]:
    """Undo the row filters of one pass by way of two 8-bit PNGs."""
    result = np.zeros((filtered.shape[0], columns, channels), dtype=np.uint16)
    for offset, shift in ((0, 8), (1, 0)):
        rows = np.concatenate([filtered[:, :1], filtered[:, 1 + offset :: 2]], axis=1)
        colour = {count: kind for kind, count in _CHANNELS.items()}[channels]
        header = struct.pack(">IIBBBBB", columns, filtered.shape[0], 8, colour, 0, 0, 0)
        half = assemble([(b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 0)), (b"IEND", b"")])
        with Image.open(io.BytesIO(half)) as image:
            plane = np.asarray(image, dtype=np.uint16).reshape(result.shape)
        result |= plane << shift
    return result


def encode16(samples: UInt16[np.ndarray, "h w c"]) -> bytes:
    """A 16-bit PNG of 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA) channels, rows filtered with Up."""
    height, width, channels = samples.shape
    rows = samples.astype(">u2").view(np.uint8).reshape(height, -1)
    filtered = np.empty((height, rows.shape[1] + 1), dtype=np.uint8)
    filtered[:, 0] = 2
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    colour = {count: kind for kind, count in _CHANNELS.items()}[channels]
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    return assemble([(b"IHDR", header), (b"IDAT", zlib.compress(filtered.tobytes(), 6)), (b"IEND", b"")])


def encode8(pixels: np.ndarray) -> bytes:
    """An 8-bit PNG of 1 to 4 channels without metadata."""
    squeezed = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(squeezed), _MODES[pixels.shape[2]]).save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()


def assemble(parts: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A PNG file of these chunks."""
    pieces = [SIGNATURE]
    for name, payload in parts:
        pieces += [struct.pack(">I", len(payload)), name, payload, struct.pack(">I", zlib.crc32(name + payload))]
    return b"".join(pieces)


def with_metadata(data: bytes, metadata: Metadata) -> bytes:
    """The PNG with its metadata chunks put in after the header."""
    added = [chunk for chunk in metadata.colour_chunks if not (metadata.icc and chunk[0] == b"sRGB")]
    if metadata.icc:
        added += [(b"iCCP", b"ICC Profile\x00\x00" + zlib.compress(metadata.icc))]
    if metadata.dpi:
        per_metre = (max(1, round(value / 0.0254)) for value in metadata.dpi)
        added.append((b"pHYs", struct.pack(">IIB", *per_metre, 1)))
    if metadata.exif:
        added.append((b"eXIf", metadata.exif.removeprefix(b"Exif\x00\x00")))
    if metadata.xmp:
        added.append((b"iTXt", XMP_KEYWORD.encode() + b"\x00\x00\x00\x00\x00" + metadata.xmp))
    for key, text in metadata.texts:
        added.append((b"iTXt", key.encode("latin-1") + b"\x00\x00\x00\x00\x00" + text.encode()))
    first, *rest = chunks(data)
    return assemble([first, *added, *rest])
