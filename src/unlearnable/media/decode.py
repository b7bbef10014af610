"""Bytes of a photo file to a `Picture`, or one sentence why not."""

import contextlib
import io
import math
import re
import struct
import warnings
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from unlearnable.media import jpeg, metadata, png, tiff
from unlearnable.media.heif import has_film, is_heif, readable
from unlearnable.media.picture import Alpha, Encoding, Format, Metadata, Mode, Picture, Refused, Samples

NEEDS_HEIC = 'HEIC needs an extra: pip install "unlearnable[heic]"'
READABLE = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "HEIF")
LOSSLESS_TIFF = frozenset({"raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd", "lzma"})
_OTHER_KINDS = {
    b"GIF8": "a GIF",
    b"BM": "a BMP",
    b"8BPS": "a Photoshop file",
    b"\xff\x0a": "a JPEG XL",
    b"\x00\x00\x00\x0cJXL": "a JPEG XL",
    b"\x00\x00\x00\x0cjP": "a JPEG 2000",
}
_KNOWN_STARTS = (b"\xff\xd8\xff", png.SIGNATURE, b"II*\x00", b"MM\x00*")
_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\x00"
_FILM = re.compile(rb"ftyp(?:mp4|isom|iso\d|avc1|3gp|qt  )")
_FILM_LEFT_OUT = "the film of a motion photo was left out"
_CREDENTIALS = b"jumdc2pa\x00\x11\x00\x10"
"""How the box begins that holds Content Credentials, in every kind of file."""

_DAMAGE = (OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, OverflowError, struct.error)


def decode(data: bytes) -> Picture:
    """The picture in these bytes, upright.

    Raises Refused with one sentence for anything that is not one still photo of a known kind.
    """
    if not data:
        raise Refused("the file is empty")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with _opened(data) as image:
                return _picture(image, data)
        except Refused:
            raise
        except (Image.DecompressionBombError, MemoryError) as error:
            raise Refused("it has more pixels than is safe to open (over 178 million)") from error
        except _DAMAGE as error:
            raise Refused(_damage(error)) from error
        except Exception as error:  # codecs raise their own types (zlib.error, simplejpeg's, libheif's)
            raise Refused(_damage(error)) from error


def _opened(data: bytes) -> Image.Image:
    heif = is_heif(data)
    if heif and not readable():
        raise Refused(NEEDS_HEIC)
    try:
        return Image.open(io.BytesIO(data), formats=READABLE if heif else READABLE[:-1])
    except UnidentifiedImageError as error:
        raise Refused(refusal(data) or "the file is truncated, damaged or of a layout that cannot be read") from error


def refusal(start: bytes) -> str:
    """Why a file that begins with these bytes (START or more) is no photo of a known kind; empty if it may be one."""
    for begins, kind in _OTHER_KINDS.items():
        if start.startswith(begins):
            return f"it is {kind}, which cannot be protected: convert it to PNG first"
    boxed = start[4:12] in (b"ftypavif", b"ftypavis") or (start.startswith(b"RIFF") and start[8:12] == b"WEBP")
    return "" if boxed or is_heif(start) or start.startswith(_KNOWN_STARTS) else "it is not a picture"


def _damage(error: Exception) -> str:
    said = " ".join(str(error).split())
    if any(word in said.lower() for word in ("truncat", "premature", "broken data stream", "not enough")):
        return "the file is truncated"
    return f"the file is damaged ({said[:80] or type(error).__name__})"


def _picture(image: Image.Image, data: bytes) -> Picture:
    kind: Format = "JPEG" if image.format == "MPO" else image.format  # type: ignore[assignment]
    notes: list[str] = []
    frames = getattr(image, "n_frames", 1)
    if image.format == "MPO":
        notes.append("a second picture in the file (gain map, depth or stereo) was left out")
    elif frames > 1:
        pages = "pages" if kind == "TIFF" else "frames"
        raise Refused(f"it has {frames} {pages}: only single still pictures are protected")
    before = _orientation(image) if kind == "TIFF" else 1
    samples, alpha, mode = _samples(image, kind, data, notes)
    # Pillow's TIFF reader has turned the pixels and dropped the tag by now; the others have done neither
    left = _orientation(image)
    upright = tuple(None if plane is None else _upright(plane, left) for plane in (samples, alpha))
    pixels = upright[0]
    assert pixels is not None
    size = pixels.shape[1], pixels.shape[0]
    return Picture(
        pixels=pixels,
        alpha=upright[1],
        mode=mode,
        format=kind,
        orientation=left if left != 1 else before,
        metadata=_metadata(image, kind, data, size, notes),
        encoding=_encoding(image, kind, data, notes),
        notes=tuple(notes),
    )


def _orientation(image: Image.Image) -> int:
    value = image.getexif().get(metadata.ORIENTATION, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _upright(plane: Any, orientation: int) -> Any:
    """Rows and columns in the displayed order: EXIF orientation 5..8 swap the axes."""
    if orientation >= 5:
        plane = plane.swapaxes(0, 1)
    down, across = {1: (1, 1), 2: (1, -1), 3: (-1, -1), 4: (-1, 1), 5: (1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}[
        orientation
    ]
    return np.ascontiguousarray(plane[::down, ::across])


def _samples(image: Image.Image, kind: Format, data: bytes, notes: list[str]) -> tuple[Samples, Alpha | None, Mode]:
    if kind == "PNG" and png.depth(data) == 16:
        samples, alpha = png.decode16(data)
        image.load()  # for the metadata behind the pixels
        return samples, alpha, "L" if samples.shape[2] == 1 else "RGB"
    if kind == "TIFF" and len(_bits(image)) > 1 and max(_bits(image)) > 8:
        return tiff.decode16(data, image.tag_v2)  # type: ignore[attr-defined]
    if kind == "JPEG" and image.mode in ("L", "RGB"):
        with contextlib.suppress(ValueError):  # simplejpeg is stricter than Pillow, which decides below
            pixels = jpeg.decode_fast(data, grey=image.mode == "L")
            if pixels is not None:
                return pixels, None, image.mode  # type: ignore[return-value]
    _warn_of_depth(image, kind, data, notes)
    image.load()
    image = _plain(image, notes)
    array = np.asarray(image)
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:
        array = array.astype(np.uint16)
        if kind == "TIFF" and image.tag_v2.get(tiff.PHOTOMETRIC) == tiff.WHITE_IS_ZERO:  # type: ignore[attr-defined]
            array = 65_535 - array  # Pillow turns such samples round where they have 8 bits only
    if array.ndim == 2:
        return array[..., None], None, "L"
    if image.mode in ("LA", "RGBA"):
        mode: Mode = "L" if image.mode == "LA" else "RGB"
        return np.ascontiguousarray(array[..., :-1]), np.ascontiguousarray(array[..., -1]), mode
    return array, None, "CMYK" if image.mode == "CMYK" else "RGB"


def _plain(image: Image.Image, notes: list[str]) -> Image.Image:
    """The image in one of the modes L, LA, RGB, RGBA, CMYK, I;16."""
    see_through = "transparency" in image.info
    match image.mode:
        case "P" | "PA":
            notes.append("its palette cannot carry the noise, so it became full colour")
            return image.convert("RGBA" if see_through or image.mode == "PA" else "RGB")
        case "1":
            notes.append("its 1-bit pixels cannot carry the noise, so it became 8-bit grey")
            return image.convert("LA" if see_through else "L")
        case "L" | "RGB" if see_through:
            return image.convert(image.mode + "A")
        case "L" | "LA" | "RGB" | "RGBA" | "CMYK" | "I;16" | "I;16B" | "I;16L":
            return image
        case "RGBX" | "YCbCr":
            return image.convert("RGB")
        case "RGBa" | "La":
            return image.convert("RGBA" if image.mode == "RGBa" else "LA")
    raise Refused(f"its pixels are of the kind {image.mode}, which cannot be kept: convert it to RGB first")


def _warn_of_depth(image: Image.Image, kind: Format, data: bytes, notes: list[str]) -> None:
    if kind == "AVIF":
        place = data.find(b"av1C", 0, 65_536)
        if place > 0 and data[place + 6] & 0x40:
            notes.append("its 10- or 12-bit samples became 8-bit")
    if kind == "HEIF" and image.info.get("bit_depth", 8) > 8:
        notes.append(f"its {image.info['bit_depth']}-bit samples became 8-bit")


def _bits(image: Image.Image) -> tuple[int, ...]:
    return tuple(image.tag_v2.get(tiff.BITS, (1,)))  # type: ignore[attr-defined]


def _encoding(image: Image.Image, kind: Format, data: bytes, notes: list[str]) -> Encoding:
    if kind == "JPEG":
        return Encoding(tables=jpeg.tables_of(image), progressive=bool(image.info.get("progressive")), lossless=False)
    if kind == "WEBP":
        return Encoding(lossless=b"VP8L" in data[12:16] or (data[12:16] == b"VP8X" and _has_chunk(data, b"VP8L")))
    if kind == "AVIF":
        return Encoding(lossless=False)
    if kind == "TIFF":
        compression = str(image.info.get("compression", "raw")).replace("tiff_deflate", "tiff_adobe_deflate")
        if compression not in LOSSLESS_TIFF:
            compression = "tiff_adobe_deflate"
            if image.mode != "1":
                notes.append("the lossy compression inside the TIFF was replaced by a lossless one")
        return Encoding(compression=compression)
    return Encoding()


def _has_chunk(data: bytes, wanted: bytes) -> bool:
    position = 12
    while position + 8 <= len(data):
        name, length = struct.unpack("<4sI", data[position : position + 8])
        if name == wanted:
            return True
        position += 8 + length + length % 2
    return False


def _metadata(image: Image.Image, kind: Format, data: bytes, size: tuple[int, int], notes: list[str]) -> Metadata:
    info = image.info
    exif, said = metadata.clean_exif(image.getexif(), size)
    notes += said
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp")
    if isinstance(xmp, str):
        xmp = xmp.encode()
    if xmp:
        xmp, said = metadata.clean_xmp(xmp)
        notes += said
    if _CREDENTIALS in data:
        notes.append("its Content Credentials were left out: they were signed for the photo as it was")
    if kind == "HEIF" and (info.get("aux") or info.get("depth_images")):
        notes.append("a second picture in the file (gain map or depth) was left out")
    if kind in ("HEIF", "AVIF") and has_film(data):
        notes.append(_FILM_LEFT_OUT)
    if kind == "JPEG":
        notes += _left_in_jpeg(image, data)
    iptc, said = _iptc(image, kind)
    notes += said
    comment = info.get("comment") if kind == "JPEG" else None
    texts = getattr(image, "text", {}) if kind == "PNG" else {}
    kept_texts = {key: str(text) for key, text in texts.items() if png.is_kept(key, text)}
    dropped = sorted(key for key in texts if key not in kept_texts and key != png.XMP_KEYWORD)
    if dropped:
        notes.append(f"its PNG texts {', '.join(key[:40] for key in dropped[:5])} were left out")
    colour = [chunk for chunk in png.chunks(data) if chunk[0] in png.COLOUR_CHUNKS] if kind == "PNG" else []
    return Metadata(
        icc=info.get("icc_profile") or None,
        exif=exif,
        xmp=xmp or None,
        iptc=iptc,
        dpi=_dpi(info.get("dpi")),
        comment=comment if isinstance(comment, bytes) and len(comment) <= png.LONGEST_TEXT else None,
        colour_chunks=tuple(colour),
        texts=tuple(kept_texts.items()),
    )


def _left_in_jpeg(image: Image.Image, data: bytes) -> list[str]:
    """What else is in a JPEG and does not get into the copy, one sentence each."""
    notes, segments = [], getattr(image, "applist", [])
    comments = [body for name, body in segments if name == "COM"]
    if len(comments) > 1 or any(len(body) > png.LONGEST_TEXT for body in comments):
        notes.append("a JPEG comment was left out: one is kept, of 2,048 bytes at most")
    if any(name == "APP1" and body.startswith(_EXTENDED_XMP) for name, body in segments):
        notes.append("its extended XMP was left out")
    tail = data[jpeg.end(data) :]
    if _FILM.search(tail):
        notes.append(_FILM_LEFT_OUT)
    elif image.format != "MPO" and tail.strip(b"\x00\r\n "):
        notes.append("data behind the picture were left out")
    return notes


def _iptc(image: Image.Image, kind: Format) -> tuple[bytes | None, tuple[str, ...]]:
    resources = image.info.get("photoshop")
    blocks = [resources.get(metadata.IPTC_RESOURCE)] if isinstance(resources, dict) else []
    if kind == "TIFF":
        blocks.append(image.tag_v2.get(tiff.IPTC))  # type: ignore[attr-defined]
    found = next((kept for block in blocks if (kept := metadata.clean_iptc({metadata.IPTC_RESOURCE: block}))), None)
    lost = found is None and any(isinstance(block, bytes) and block for block in blocks)
    return found, ("its IPTC was left out because it may hold a picture",) if lost else ()


def _dpi(value: object) -> tuple[float, float] | None:
    try:
        across, down = (float(part) for part in value)  # type: ignore[attr-defined]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    good = math.isfinite(across) and math.isfinite(down) and across > 0 and down > 0
    return (across, down) if good else None
