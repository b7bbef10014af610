"""A `Picture` to the bytes of a file of the same kind, or of a lossless PNG or WebP."""

import io
from typing import Any

import numpy as np
from PIL import Image

from unlearnable.media import jpeg, png, tiff
from unlearnable.media.metadata import EXIF_IFD, GPS_IFD
from unlearnable.media.picture import Format, Picture, Refused, Target

LOSSY_QUALITY = 90  # of WebP and AVIF files that were lossy already; their own quality is not stored in them
LARGEST_WEBP = 16_383  # pixels a side
XMP_TAG = 700


def output_format(picture: Picture, target: Target) -> tuple[Format, bool]:
    """File format written for this picture, and whether it is lossless.

    Raises Refused where the format cannot hold the picture as it is.
    """
    kind: Format = picture.format if target == "keep" else "PNG" if target == "png" else "WEBP"
    if picture.mode == "CMYK" and kind not in ("JPEG", "TIFF"):
        raise Refused(f"it is CMYK, which {kind} cannot hold: use --format keep")
    if picture.depth == 16 and kind not in ("PNG", "TIFF"):
        raise Refused(f"it has 16 bits a sample, which {kind} cannot hold: use --format keep or png")
    if kind == "WEBP" and max(picture.size) > LARGEST_WEBP:
        raise Refused(f"it is wider or higher than {LARGEST_WEBP} pixels, the most WebP can hold")
    if kind == "WEBP":
        # lossy WebP also rewrites the colours under transparent pixels, so alpha asks for lossless
        return kind, target != "keep" or picture.encoding.lossless or picture.alpha is not None
    return kind, kind in ("PNG", "TIFF", "HEIF")


def unheld(picture: Picture, kind: Format) -> tuple[str, ...]:
    """What the written format has no place for, one sentence each."""
    metadata = picture.metadata
    lost = {
        "IPTC captions and credits": metadata.iptc and kind not in ("JPEG", "TIFF"),
        "JPEG comment": metadata.comment and kind != "JPEG",
        "PNG texts": metadata.texts and kind != "PNG",
    }
    return tuple(f"its {name} stayed behind: {kind} has no place for them" for name, there in lost.items() if there)


def encode(picture: Picture, target: Target) -> tuple[bytes, Format, bool]:
    """File bytes, their format, and whether they hold exactly these pixels.

    Raises Refused where the format cannot hold the picture.
    """
    kind, lossless = output_format(picture, target)
    metadata = picture.metadata
    if kind == "JPEG":
        return jpeg.with_metadata(jpeg.encode(picture.pixels, picture.encoding), metadata), kind, False
    if kind == "PNG":
        planes = _with_alpha(picture)
        data = png.encode16(planes) if picture.depth == 16 else png.encode8(planes)
        return png.with_metadata(data, metadata), kind, True
    if kind == "TIFF":
        return _tiff(picture), kind, True
    buffer = io.BytesIO()
    _image(picture, kind).save(buffer, kind, **_options(picture, kind, lossless))
    return buffer.getvalue(), kind, lossless


def _tiff(picture: Picture) -> bytes:
    metadata, exif = picture.metadata, Image.Exif()
    if metadata.exif:
        exif.load(metadata.exif)
    described = {tag: exif[tag] for tag in exif if tag not in (EXIF_IFD, GPS_IFD)}
    if metadata.xmp:
        described[XMP_TAG] = metadata.xmp
    if metadata.iptc:
        described[tiff.IPTC] = metadata.iptc
    options: dict[str, Any] = {
        "tiffinfo": described,
        "compression": picture.encoding.compression or "tiff_adobe_deflate",
    }
    if metadata.icc:
        options["icc_profile"] = metadata.icc
    if metadata.dpi:
        options["dpi"] = metadata.dpi
    if picture.depth == 16 and picture.kind != "L16":
        return tiff.with_exif(tiff.encode16(_with_alpha(picture), picture.mode, options), exif)
    buffer = io.BytesIO()
    _image(picture, "TIFF").save(buffer, "TIFF", **options)
    return tiff.with_exif(buffer.getvalue(), exif)


def _with_alpha(picture: Picture) -> np.ndarray:
    if picture.alpha is None:
        return picture.pixels
    return np.concatenate([picture.pixels, picture.alpha[..., None]], axis=2)


def _image(picture: Picture, kind: Format) -> Image.Image:
    if picture.depth == 16:
        return Image.fromarray(picture.pixels[..., 0])
    planes = np.ascontiguousarray(_with_alpha(picture))
    image = Image.fromarray(
        planes[..., 0] if planes.shape[2] == 1 else planes, picture.mode + ("A" if picture.alpha is not None else "")
    )
    return image.convert("RGBA") if image.mode == "LA" and kind in ("AVIF", "WEBP", "HEIF") else image


def _options(picture: Picture, kind: Format, lossless: bool) -> dict[str, Any]:
    metadata = picture.metadata
    options: dict[str, Any] = {}
    if metadata.icc:
        options["icc_profile"] = metadata.icc
    if metadata.exif:
        options["exif"] = metadata.exif
    if metadata.xmp:
        options["xmp"] = metadata.xmp
    if kind == "WEBP":
        return options | (
            {"lossless": True, "exact": True, "quality": 50, "method": 3} if lossless else {"quality": LOSSY_QUALITY}
        )
    if kind == "AVIF":
        # the same setting compresses alpha, and only 100 keeps it bit for bit
        quality = LOSSY_QUALITY if picture.alpha is None else 100
        return options | {"quality": quality, "subsampling": "4:0:0" if picture.mode == "L" else "4:4:4"}
    grey = picture.mode == "L" and picture.alpha is None
    return options | ({"quality": -1} if grey else {"quality": -1, "chroma": 444, "matrix_coefficients": 0})
