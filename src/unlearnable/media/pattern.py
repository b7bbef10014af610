"""Class noise at training scale, laid over a photo of any size.

The noise is enlarged by repeating each value over its rectangle of the photo, so the mean over a rectangle,
which is what a scraper's downscale computes, is the noise value itself. Measured with random ±8 noise of 64
pixels on 12 megapixels and an exact (box) downscale: repeating keeps 1.00 of it, Lanczos 0.75, bicubic 0.71,
bilinear 0.57. Where the photo is smaller than the noise, values are averaged by area.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int, Int8

from unlearnable.media.picture import Alpha, Mode, Samples

LUMA = (0.299, 0.587, 0.114)
LEVEL = {8: 1, 16: 257}  # one pixel level (1/255 of the range) in sample steps, by depth
BAND = 16  # rows worked on at a time, so that they stay in the processor's cache
KEPT = 8  # patterns a process remembers, 6 MB each at 12 megapixels
STEPS = 8  # different rows from one noise row to the next: at most 2 levels apart at ε = 8


@dataclass(frozen=True, eq=False, kw_only=True)
class Pattern:
    """Noise in the photo's frame, in levels: `rows[i]` covers the photo's rows `edges[i]` up to `edges[i + 1]`."""

    rows: Int8[np.ndarray, "m w c"]
    edges: Int[np.ndarray, " m_plus_1"]

    def bands(self) -> list[tuple[slice, Int8[np.ndarray, "w c"]]]:
        """Row ranges of the photo, at most BAND rows each, with the noise of one row."""
        result = []
        for row, start, stop in zip(self.rows, self.edges[:-1], self.edges[1:], strict=True):
            result += [(slice(top, min(top + BAND, int(stop))), row) for top in range(int(start), int(stop), BAND)]
        return result


def fit(
    noise: Int8[np.ndarray, "c h w"], size: tuple[int, int], mode: Mode, *, grey: bool, scale: float = 1.0
) -> Pattern:
    r"""The noise for a photo of `size` (width, height) and `mode`, times `scale`, rounded to whole levels.

    $|\delta| \le \operatorname{round}(\text{scale} \cdot \max|\text{noise}|)$ always. `grey` noise is the luma of
    the colours and equal in all channels. CMYK ink is the photo's negative, so C, M, Y get $-\delta_{RGB}$
    and K nothing: the displayed colour moves by at most $|\delta|$.
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
    if grey:
        weights = LUMA if levels.shape[0] == 3 else (1 / levels.shape[0],) * levels.shape[0]
        levels = np.tensordot(weights, levels, axes=1)[None]
    channels = 1 if mode == "L" else 3
    levels = np.broadcast_to(levels, (channels, *levels.shape[1:]))
    largest = np.rint(np.abs(levels).max(initial=0))
    rows = min(height, STEPS * levels.shape[1])
    levels = _weights(levels.shape[1], rows) @ levels.astype(np.float32)
    levels = levels @ _weights(levels.shape[2], width).T
    whole = np.rint(levels.clip(-largest, largest)).astype(np.int8).transpose(1, 2, 0)
    if mode == "CMYK":
        whole = np.concatenate([-whole, np.zeros_like(whole[..., :1])], axis=2)
    first_rows = -(-(np.arange(rows + 1) * 2 * height - rows) // (2 * rows))
    return Pattern(rows=np.ascontiguousarray(whole), edges=first_rows.clip(0, height))


def _weights(count: int, wanted: int) -> Float[np.ndarray, "wanted count"]:
    """Share of each of `count` values in each of `wanted` over the same length; every row sums to 1."""
    weights: np.ndarray = _areas(count, wanted) if wanted < count else _cubic(count, wanted)
    return weights.astype(np.float32)


def _cubic(small: int, large: int) -> Float[np.ndarray, "large small"]:
    """Catmull-Rom interpolation, the border repeated."""
    place = (np.arange(large) + 0.5) * small / large - 0.5
    first = np.floor(place).astype(int)
    t = place - first
    taps = [
        ((-t + 2) * t - 1) * t / 2,
        ((3 * t - 5) * t * t + 2) / 2,
        ((-3 * t + 4) * t + 1) * t / 2,
        (t - 1) * t * t / 2,
    ]
    weights = np.zeros((large, small))
    for offset, tap in enumerate(taps, start=-1):
        np.add.at(weights, (np.arange(large), (first + offset).clip(0, small - 1)), tap)
    return weights


def _areas(large: int, small: int) -> Float[np.ndarray, "small large"]:
    """Share of each of `large` cells in each of `small` cells over the same length; every row sums to 1."""
    edges = np.arange(large + 1) * small / large
    starts = np.maximum(edges[None, :-1], np.arange(small)[:, None])
    stops = np.minimum(edges[None, 1:], np.arange(1, small + 1)[:, None])
    overlap = np.maximum(stops - starts, 0)
    shares: np.ndarray = overlap / overlap.sum(axis=1, keepdims=True)
    return shares


def add(pixels: Samples, pattern: Pattern, alpha: Alpha | None = None) -> Samples:
    r"""$\operatorname{clip}(x + \delta)$ in the samples' own depth; fully transparent pixels are left alone."""
    level, top = LEVEL[pixels.dtype.itemsize * 8], np.iinfo(pixels.dtype).max
    result = np.empty_like(pixels)
    for band, row in pattern.bands():
        steps = row.astype(np.int32) * level
        low = np.maximum(-steps, 0).astype(pixels.dtype)
        high = (top - np.maximum(steps, 0)).astype(pixels.dtype)
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
