"""From encoded images of any size to pixels of one shape."""

import warnings
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from unlearnable._types import Pixels
from unlearnable.media.decode import NEEDS_HEIC
from unlearnable.media.heif import START, is_heif, readable
from unlearnable.media.tiff import PHOTOMETRIC, WHITE_IS_ZERO

KINDS = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG", b"RIFF": "WEBP"}
"""What the commonest files begin with: Pillow tries its readers one after the other, WebP's among the last."""


def decode(source: bytes | Path, *, size: int | None) -> UInt8[np.ndarray, "c h w"]:
    """Decode one image as it is displayed, to grey (1) or RGB (3), squared to `size` if given.

    The whole frame is kept: an image that is not square is stretched, as a scraper's `resize((size, size))` does.

    Raises:
        ValueError: it cannot be decoded; the message is one sentence.
    """
    try:
        pixels = _decoded(source, size)
    except MemoryError:
        raise
    except UnidentifiedImageError as error:  # Pillow's own words name an object in memory, or the path again
        what = "it is damaged, or of no known kind" if _start(source) else "it is empty"
        raise ValueError(f"not a readable image ({what})") from error
    except Exception as error:  # codecs raise their own types (RuntimeError, TypeError, struct.error, libheif's)
        raise ValueError(f"not a readable image ({' '.join(str(error).split()) or type(error).__name__})") from error
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _decoded(source: bytes | Path, size: int | None) -> UInt8[np.ndarray, "..."]:
    start = _start(source)
    if is_heif(start) and not readable():
        raise ValueError(NEEDS_HEIC)
    kinds = [kind for signature, kind in KINDS.items() if start.startswith(signature)] or None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a photo that is large, or whose EXIF is odd, is read all the same
        with Image.open(BytesIO(source) if isinstance(source, bytes) else source, formats=kinds) as opened:
            if size is not None:
                opened.draft("RGB", (size * 2, size * 2))
            if opened.mode == "F":
                raise ValueError("its values are fractions, whose white is not known: convert it to 8 or 16 bits")
            negative = opened.format == "TIFF" and opened.tag_v2.get(PHOTOMETRIC) == WHITE_IS_ZERO  # type: ignore[attr-defined]
            upright = ImageOps.exif_transpose(opened) if opened.getexif() else opened
            grey = upright.mode in ("1", "L", "LA", "I") or upright.mode.startswith("I;16")
            if upright.mode.startswith("I"):
                values = np.asarray(upright).astype(np.float32) / 257
                values = 255 - values if negative else values
                image = Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
            else:
                mode = "L" if grey else "RGB"
                image = upright if upright.mode == mode else upright.convert(mode)
            if size is not None and image.size != (size, size):
                image = image.resize((size, size), Image.Resampling.BICUBIC, reducing_gap=3.0)
            return np.asarray(image)


def _start(source: bytes | Path) -> bytes:
    if isinstance(source, bytes):
        return source[:START]
    with source.open("rb") as file:
        return file.read(START)


def stack(images: Sequence[UInt8[np.ndarray, "c h w"]], names: Sequence[str]) -> Pixels:
    """Stack decoded images; where some are grey and some RGB, grey ones become RGB.

    Raises:
        ValueError: the sizes differ.
    """
    channels = max(image.shape[0] for image in images)
    shape = images[0].shape[1:]
    for image, name in zip(images, names, strict=True):
        if image.shape[1:] != shape:
            raise ValueError(
                f"{name} is {image.shape[2]}x{image.shape[1]} and {names[0]} is {shape[1]}x{shape[0]}; "
                "give a size that all are brought to (--size, or size=… in Python)"
            )
    pixels = np.empty((len(images), channels, *shape), dtype=np.uint8)
    for row, image in enumerate(images):
        pixels[row] = image
    return pixels
