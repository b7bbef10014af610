"""Controls of a proof: what noise does that nobody optimised."""

import numpy as np
from jaxtyping import Int8

from unlearnable._types import Scope
from unlearnable.imageset import ImageSet
from unlearnable.poisons.random import RandomNoise


def random_control(clean: ImageSet, *, epsilon: float, scope: Scope, seed: int = 0) -> ImageSet:
    """Return `clean` with uniform random noise of the same budget and scope: what luck alone does."""
    return RandomNoise(epsilon=epsilon, scope=scope, seed=seed).craft(clean).apply(clean)


CYCLES = 4.0
"""Of smooth random noise: the width of its spectrum, in cycles per image."""


def smooth_noise(generator: np.random.Generator, shape: tuple[int, ...], epsilon: float) -> Int8[np.ndarray, "k c h w"]:
    """Return Gaussian noise [k c h w] with a Gaussian spectrum of CYCLES, cut at one standard deviation, which is ε."""
    down, across = (np.fft.fftfreq(side) * side for side in shape[2:])
    keep = np.exp(-(down[:, None] ** 2 + across**2) / (2 * CYCLES**2))
    noise = np.fft.ifft2(np.fft.fft2(generator.standard_normal(shape)) * keep).real
    return np.rint(epsilon * np.clip(noise / noise.std((2, 3), keepdims=True), -1, 1)).astype(np.int8)


def smooth_control(clean: ImageSet, *, epsilon: float, seed: int = 0) -> ImageSet:
    """Return `clean` with smooth random colours of each class: what a pack's noise does that is not optimised.

    It is about as large as a pack's noise; uniform noise of the same ε is smaller, and gone when a photo is made small.
    """
    shape = (len(clean.classes), *clean.pixels.shape[1:])
    levels = smooth_noise(np.random.default_rng([seed, 0x5300]), shape, epsilon).astype(np.int16)
    return clean.with_pixels((clean.pixels + levels[clean.labels]).clip(0, 255).astype(np.uint8))
