"""What a protected file holds, measured against the original after decoding both."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from unlearnable.media.pattern import BAND, LEVEL, Pattern
from unlearnable.media.picture import Alpha, Samples

EVERY = 16  # PSNR and survival look at every sixteenth row of pictures of over a megapixel
WINDOW = 8  # pixels, side of an SSIM window
MOST_WINDOWS = 1024


@dataclass(frozen=True, kw_only=True)
class Measurement:
    r"""Distance between original and protected pixels, in levels (1/255 of the range).

    `linf`: largest change of any sample, over all of them.
    `psnr`: $10 \log_{10}(255^2 / \text{MSE})$ in dB, over all channels; `inf` if nothing changed.
    `ssim`: mean over windows of 8 x 8 pixels that do not overlap, uniform weights, on the mean of the channels,
    $C_1 = 2.55^2$, $C_2 = 7.65^2$; at most 1024 windows, spread evenly.
    `survival`: $\langle y - x, \delta\rangle / \langle\delta, \delta\rangle$, the share of the intended noise that
    is in the file. 1 if no noise was intended (all transparent).
    Of pictures over a megapixel, PSNR and survival use every sixteenth row. Transparent pixels count in `linf` only.
    """

    linf: float
    psnr: float
    ssim: float
    survival: float


def measure(original: Samples, protected: Samples, pattern: Pattern, alpha: Alpha | None = None) -> Measurement:
    """Compare two pictures of the same shape; alpha is the original's."""
    level = LEVEL[original.dtype.itemsize * 8]
    every = EVERY if original.shape[0] * original.shape[1] > 1_000_000 else 1
    squares, match, energy, count = 0.0, 0.0, 0.0, 0
    for band, block in pattern.bands():
        first = -band.start % every
        x, y = original[band][first::every], protected[band][first::every]
        if not len(x):
            continue
        change = np.subtract(y, x, dtype=np.float32)
        noise = np.broadcast_to((block[first::every] if len(block) > 1 else block).astype(np.float32), change.shape)
        if alpha is not None:
            seen = (alpha[band][first::every] != 0)[..., None]
            change, noise = change * seen, noise * seen
            count += int(seen.sum()) * x.shape[2]
        else:
            count += change.size
        energy += float(np.einsum("bwc,bwc->", noise, noise))
        match += float(np.einsum("bwc,bwc->", change, noise))
        squares += float(np.einsum("bwc,bwc->", change, change))
    error = squares / max(count, 1) / level**2
    return Measurement(
        linf=_largest_change(original, protected) / level,
        psnr=math.inf if error == 0 else 10 * math.log10(255**2 / error),
        ssim=ssim(original, protected),
        survival=match / level / energy if energy else 1.0,
    )


def _largest_change(original: Samples, protected: Samples) -> int:
    high, low = (np.empty((BAND, *original.shape[1:]), dtype=original.dtype) for _ in range(2))
    largest = 0
    for top in range(0, len(original), BAND):
        x, y = original[top : top + BAND], protected[top : top + BAND]
        distance = np.maximum(x, y, out=high[: len(x)])
        distance -= np.minimum(x, y, out=low[: len(x)])
        largest = max(largest, int(distance.max()))
    return largest


def ssim(original: Samples, protected: Samples) -> float:
    """Structural similarity as `Measurement` defines it; pictures under 8 pixels a side are one window."""
    level = LEVEL[original.dtype.itemsize * 8]
    x, y = (_windows(pixels) / level for pixels in (original, protected))
    mean_x, mean_y = x.mean(axis=1), y.mean(axis=1)
    var_x, var_y = x.var(axis=1), y.var(axis=1)
    both = ((x - mean_x[:, None]) * (y - mean_y[:, None])).mean(axis=1)
    small_1, small_2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = (2 * mean_x * mean_y + small_1) * (2 * both + small_2)
    values /= (mean_x**2 + mean_y**2 + small_1) * (var_x + var_y + small_2)
    return float(values.mean())


def _windows(pixels: Samples) -> Float[np.ndarray, "n p"]:
    height, width, channels = pixels.shape
    tall, wide = min(WINDOW, height), min(WINDOW, width)
    rows, columns = height // tall, width // wide
    step = max(1, math.ceil(math.sqrt(rows * columns / MOST_WINDOWS)))
    grid = pixels[: rows * tall, : columns * wide].reshape(rows, tall, columns, wide, channels)
    chosen: np.ndarray = grid[::step, :, ::step].mean(axis=4, dtype=np.float32)
    return chosen.transpose(0, 2, 1, 3).reshape(-1, tall * wide)
