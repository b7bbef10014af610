"""What a photo file holds once decoded: pixels in the displayed frame, alpha, and the metadata worth keeping."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import UInt8, UInt16

Samples = UInt8[np.ndarray, "h w c"] | UInt16[np.ndarray, "h w c"]
Alpha = UInt8[np.ndarray, "h w"] | UInt16[np.ndarray, "h w"]
Mode = Literal["L", "RGB", "CMYK"]
Format = Literal["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "HEIF"]
Target = Literal["keep", "png", "webp"]

FORMAT_SUFFIXES: dict[Format, tuple[str, ...]] = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "AVIF": (".avif",),
    "TIFF": (".tif", ".tiff"),
    "HEIF": (".heic", ".heif", ".hif"),
}


class Refused(ValueError):
    """A file that is not protected, and why, in one sentence that starts in lower case."""


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What a file says beside its pixels, already free of embedded pictures.

    `exif` is a whole `Exif…` block with Orientation 1; `colour_chunks` are PNG's own gAMA, cHRM, sRGB, cICP.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    dpi: tuple[float, float] | None = None
    comment: bytes | None = None
    colour_chunks: tuple[tuple[bytes, bytes], ...] = ()
    texts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How the file was compressed: JPEG tables and scan order, TIFF compression, WebP's lossless flag."""

    tables: tuple[tuple[int, ...], ...] = ()
    progressive: bool = False
    compression: str = ""
    lossless: bool = True


@dataclass(frozen=True, eq=False, kw_only=True)
class Picture:
    """A decoded photo.

    `pixels` are interleaved, upright (Orientation already applied) and 8 or 16 bits a sample; grey has one
    channel, CMYK four (0 is no ink). `alpha` has the same depth. `notes` say what could not be kept, one
    sentence each. `encoding` is what the writer needs to make the same kind of file again.
    """

    pixels: Samples
    alpha: Alpha | None
    mode: Mode
    format: Format
    orientation: int
    metadata: Metadata
    encoding: Encoding
    notes: tuple[str, ...] = ()

    @property
    def depth(self) -> int:
        """Bits a sample, 8 or 16."""
        return self.pixels.dtype.itemsize * 8

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as displayed, in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def kind(self) -> str:
        """Mode, alpha and depth in one word: `RGB`, `RGBA`, `L16`, `LA`, `CMYK`, …."""
        return self.mode + ("A" if self.alpha is not None else "") + ("16" if self.depth == 16 else "")


def is_grey(pixels: Samples) -> bool:
    """Whether the picture has no colour: one channel, or three equal ones."""
    if pixels.shape[2] == 1:
        return True
    if pixels.shape[2] != 3:
        return False
    coarse = pixels[:: max(1, pixels.shape[0] // 16)]  # most colour pictures are told apart by a few rows
    for part in (coarse, pixels):
        if not (np.array_equal(part[..., 0], part[..., 1]) and np.array_equal(part[..., 0], part[..., 2])):
            return False
    return True


def same_alpha(original: Picture, written: Picture) -> bool:
    """Whether the transparency is the original's; WebP leaves a plane out that hides nothing."""
    if original.alpha is None or written.alpha is None:
        hides_nothing = original.alpha is None or (written.format == "WEBP" and bool((original.alpha == 255).all()))
        return written.alpha is None and hides_nothing
    return np.array_equal(original.alpha, written.alpha)
