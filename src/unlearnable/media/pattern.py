"""Class noise at training scale, laid over a photo of any size.

The noise is enlarged smoothly (cubic, clipped to its own largest value): repeating each value over its rectangle
would keep more of it through a downscale (1.00 against 0.71 of random ±8 noise of 64 pixels, 12 megapixels, exact
box downscale; 0.57 for bilinear), but shows as a mosaic in a plain sky. Crafted noise is smoother than random
noise and loses less. Where the photo is smaller than the noise, values are averaged.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int, Int8
from PIL import Image

from unlearnable.media.picture import Alpha, Mode, Samples

LUMA = (0.299, 0.587, 0.114)
COLOURS = 3
LEVEL = {8: 1, 16: 257}  # one pixel level (1/255 of the range) in sample steps, by depth
BAND = 16  # rows worked on at a time, so that they stay in the processor's cache
KEPT = 8  # patterns a process remembers, 6 MB each at 12 megapixels
STEPS = 8  # different rows from one noise row to the next: at most 2 levels apart at ε = 8


@dataclass(frozen=True, eq=False, kw_only=True)
class Pattern:
    """Noise in the photo's frame, in levels: `rows[i]` covers the photo's rows `edges[i]` up to `edges[i + 1]`."""

    rows: Int8[np.ndarray, "m w c"]
    edges: Int[np.ndarray, " m_plus_1"]

    def bands(self) -> list[tuple[slice, Int8[np.ndarray, "b w c"]]]:
        """Row ranges of the photo, at most BAND rows each, with their noise: one row for all, or a row for each."""
        if len(self.rows) == int(self.edges[-1]):
            tops = range(0, len(self.rows), BAND)
            return [(slice(top, top + len(self.rows[top : top + BAND])), self.rows[top : top + BAND]) for top in tops]
        result = []
        for row, start, stop in zip(self.rows[:, None], self.edges[:-1], self.edges[1:], strict=True):
            result += [(slice(top, min(top + BAND, int(stop))), row) for top in range(int(start), int(stop), BAND)]
        return result


def fit(
    noise: Int8[np.ndarray, "c h w"], size: tuple[int, int], mode: Mode, *, grey: bool, scale: float = 1.0
) -> Pattern:
    r"""The noise for a photo of `size` (width, height) and `mode`, times `scale`, rounded to whole levels.

    $|\delta| \le \operatorname{round}(\text{scale} \cdot \max|\text{noise}|)$ always. A `grey` photo gets the fourth
    channel of the noise, or the luma of its colours where there is none, equal in all channels. CMYK ink is the
    photo's negative, so C, M, Y get $-\delta_{RGB}$ and K nothing: the displayed colour moves by at most $|\delta|$.
    """
    shape = (noise.shape[0], noise.shape[1], noise.shape[2])
    return _enlarged(noise.tobytes(), shape, size, mode, grey, scale)


@lru_cache(maxsize=KEPT)
def _enlarged(
    content: bytes, shape: tuple[int, int, int], size: tuple[int, int], mode: Mode, grey: bool, scale: float
) -> Pattern:
    """The pattern of `fit`; a folder's photos are mostly of one size and category, so the last ones are kept."""
    noise = np.frombuffer(content, dtype=np.int8).reshape(shape)
    width, height = size
    levels = noise.astype(np.float64) * scale
    colours, own = levels[:COLOURS], levels[COLOURS:]
    levels = colours if not grey else own if len(own) else _luma(colours)
    largest = np.rint(np.abs(levels).max(initial=0))
    rows = min(height, STEPS * levels.shape[1])
    planes = np.stack([_resized(plane, (width, rows)) for plane in levels], axis=2)
    whole = np.rint(planes.clip(-largest, largest)).astype(np.int8)
    if whole.shape[2] == 1 and mode != "L":
        whole = whole.repeat(3, axis=2)
    if mode == "CMYK":
        whole = np.concatenate([-whole, np.zeros_like(whole[..., :1])], axis=2)
    first_rows = -(-(np.arange(rows + 1) * 2 * height - rows) // (2 * rows))
    return Pattern(rows=np.ascontiguousarray(whole), edges=first_rows.clip(0, height))


def _luma(levels: Float[np.ndarray, "c h w"]) -> Float[np.ndarray, "1 h w"]:
    weights = LUMA if len(levels) == COLOURS else (1 / len(levels),) * len(levels)
    return np.tensordot(weights, levels, axes=1)[None]


def _resized(plane: Float[np.ndarray, "h w"], size: tuple[int, int]) -> Float[np.ndarray, "rows width"]:
    """Cubic where it grows, the mean where it shrinks; by Pillow, since BLAS threads wait for each other."""
    image = Image.fromarray(plane.astype(np.float32))
    for width, height in ((image.width, size[1]), size):
        grows = width * height >= image.width * image.height
        image = image.resize((width, height), Image.Resampling.BICUBIC if grows else Image.Resampling.BOX)
    return np.asarray(image)


def add(pixels: Samples, pattern: Pattern, alpha: Alpha | None = None) -> Samples:
    r"""$\operatorname{clip}(x + \delta)$ in the samples' own depth; fully transparent pixels are left alone."""
    level, top = LEVEL[pixels.dtype.itemsize * 8], np.iinfo(pixels.dtype).max
    result = np.empty_like(pixels)
    for band, block in pattern.bands():
        steps = block if level == 1 else block.astype(np.int32) * level
        low = np.maximum(-steps, 0).astype(pixels.dtype)
        high = top - np.maximum(steps, 0).astype(pixels.dtype)
        wrapped = steps.astype(pixels.dtype)
        target = result[band]
        # x is first moved to where x + δ cannot leave the range, so the wrapping addition is exact
        np.maximum(pixels[band], low, out=target)
        np.minimum(target, high, out=target)
        np.add(target, wrapped, out=target)
        if alpha is not None:
            hidden = alpha[band] == 0
            target[hidden] = pixels[band][hidden]
    return result
