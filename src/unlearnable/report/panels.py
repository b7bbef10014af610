"""Original, noise x10 and protected, side by side, as small embedded pictures."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped, UInt8
from PIL import Image

SIDE = 360
"""Longest side of an embedded picture, in pixels."""

AMPLIFY = 10


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Three pictures of one photo as `data:` addresses, and what was measured on the whole photo."""

    name: str
    category: str
    original: str
    noise: str
    protected: str
    largest: int
    psnr: float


def panel(name: str, category: str, clean: UInt8[np.ndarray, "c h w"], protected: UInt8[np.ndarray, "d i j"]) -> Panel:
    """Make a panel of one photo.

    Args:
        name: what it is called.
        category: its category.
        clean: the photo before, grey or RGB.
        protected: the photo as published, of the same size.

    Raises:
        ValueError: the sizes differ.
    """
    if clean.shape[1:] != protected.shape[1:]:
        raise ValueError(f"{name} is {clean.shape[1:]} before and {protected.shape[1:]} after; they must be one size")
    difference = protected.astype(np.int16) - clean.astype(np.int16)
    error = float(np.square(difference, dtype=np.float64).mean())
    return Panel(
        name=name,
        category=category,
        original=_embedded(clean),
        noise=_embedded(amplified(clean, protected)),
        protected=_embedded(protected),
        largest=int(np.abs(difference).max()),
        psnr=round(10 * np.log10(255**2 / error), 1) if error else float("inf"),
    )


def amplified(
    clean: UInt8[np.ndarray, "*b c h w"], protected: UInt8[np.ndarray, "*b d i j"]
) -> UInt8[np.ndarray, "*b d i j"]:
    """Return what was changed, × AMPLIFY, around mid-grey (8 bits)."""
    difference = protected.astype(np.int16) - clean.astype(np.int16)
    return np.clip(127.5 + AMPLIFY * difference, 0, 255).astype(np.uint8)


def _embedded(pixels: Shaped[np.ndarray, "c h w"]) -> str:
    image = Image.fromarray(np.ascontiguousarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)))
    scale = SIDE / max(image.size)
    if scale < 1:
        image = image.resize(
            (max(1, round(image.width * scale)), max(1, round(image.height * scale))), Image.Resampling.LANCZOS
        )
    elif scale >= 2:
        image = image.resize((image.width * int(scale), image.height * int(scale)), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    if scale >= 2:
        image.save(buffer, "PNG", optimize=True)
        kind = "png"
    else:
        image.save(buffer, "WEBP", quality=90, method=4)
        kind = "webp"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
