"""Many images, and large ones: noise that is still noise, in memory that does not grow with it."""

import tracemalloc

import numpy as np
import pytest
import torch

from unlearnable import _scratch, budget
from unlearnable._runtime import Runtime
from unlearnable._types import silent
from unlearnable.imageset import ImageSet
from unlearnable.poisons import one_pixel
from unlearnable.poisons._base import AdditivePoison
from unlearnable.poisons.autoregressive import Autoregressive, answer
from unlearnable.poisons.clusters import Clusters
from unlearnable.poisons.linearly_separable import LinearlySeparable
from unlearnable.poisons.one_pixel import OnePixel
from unlearnable.poisons.paired_error_min import PairedErrorMin
from unlearnable.poisons.random import RandomNoise

RUNTIME = Runtime.auto("cpu")


def images(count: int, height: int, width: int | None = None, classes: int = 4) -> ImageSet:
    return ImageSet(
        pixels=np.random.default_rng(0).integers(0, 256, (count, 3, height, width or height), dtype=np.uint8),
        labels=np.arange(count, dtype=np.int64) % classes,
        keys=tuple(f"image-{row}" for row in range(count)),
        classes=tuple(f"class-{label}" for label in range(classes)),
    )


@pytest.mark.parametrize("size", [(224, 224), (100, 41)])
def test_autoregressive_noise_is_spread_over_a_large_image(size: tuple[int, int]) -> None:
    made = Autoregressive().craft(images(8, *size), RUNTIME)
    for levels in made.bank.astype(np.float64):
        energy = np.sort(np.square(levels).ravel())[::-1]
        assert np.sqrt(energy.mean()) == pytest.approx(4.6, rel=0.1)
        assert energy[: energy.size // 20].sum() < 0.7 * energy.sum()
        assert (levels != 0).mean() > 0.7
        assert (np.abs(levels) == 127).mean() < 1e-3


def test_each_tile_of_a_large_image_is_autoregressive_noise_of_its_class() -> None:
    data = images(4, 70, 33)
    generator = np.random.default_rng([0, 0xA2])
    processes = Autoregressive()._processes(4, 3, generator)
    levels = Autoregressive().run(data, RUNTIME, silent).astype(np.float32)
    assert levels.shape == data.pixels.shape
    for label in range(4):
        sizes = [levels[label, :, top : top + 24, left : left + 17].std() for top in (0, 24) for left in (0, 17)]
        assert np.allclose(sizes, 4.6, rtol=0.2)
        tiles = [levels[label, :, top : top + 24, left : left + 17] / 4.6 for top in (0, 24) for left in (0, 17)]
        own = [answer(tile, processes[label]) for tile in tiles]
        other = [answer(tile, processes[label - 1]) for tile in tiles]
        # what half precision leaves of an exact zero
        assert max(own) < 0.1 * min(other)


def test_autoregressive_noise_of_small_images_is_what_was_published() -> None:
    made = Autoregressive().craft(images(6, 32), RUNTIME)
    assert made.checksum() == "7eaa7d440760f2a00e84344e0e068fa4"


@pytest.mark.parametrize(
    "poison",
    [
        RandomNoise(scope="sample-wise"),
        LinearlySeparable(),
        PairedErrorMin(steps=2, batch_size=30),
        Clusters(clusters=2, source="images", extractor_epochs=1, steps=2, batch_size=30),
    ],
    ids=lambda poison: poison.method,
)
def test_real_levels_are_filled_part_by_part_outside_memory(
    poison: AdditivePoison, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = images(61, 16)
    runtime = RUNTIME.with_seed(poison.seed)
    torch.manual_seed(0)
    expected = poison.run(data, runtime, silent)
    monkeypatch.setattr(budget, "PART_VALUES", 10 * 3 * 16 * 16)
    monkeypatch.setattr(_scratch, "IN_MEMORY", 0)
    torch.manual_seed(0)
    levels = poison.run(data, runtime, silent)
    assert isinstance(levels, np.memmap)
    assert levels.dtype == np.float32
    assert (levels == expected).all()


@pytest.mark.parametrize("poison", [RandomNoise(scope="sample-wise"), LinearlySeparable()], ids=lambda one: one.method)
def test_drawn_noise_takes_a_part_at_a_time(poison: AdditivePoison, monkeypatch: pytest.MonkeyPatch) -> None:
    data = images(400, 32)
    monkeypatch.setattr(budget, "PART_VALUES", 20 * 3 * 32 * 32)
    monkeypatch.setattr(_scratch, "IN_MEMORY", 0)
    tracemalloc.start()
    try:
        poison.run(data, RUNTIME, silent)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # all levels in float32 are 4.9 MB
    assert peak < 3e6


def test_one_pixel_scores_a_part_of_the_places_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    data = images(61, 16)
    expected = OnePixel(pixels=2).craft(data, RUNTIME)
    monkeypatch.setattr(budget, "PART_VALUES", 10 * 3 * 16)
    monkeypatch.setattr(_scratch, "IN_MEMORY", 0)
    sizes: list[int] = []
    scored = one_pixel._scored

    def watched(values: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
        sizes.append(values.numel())
        return scored(values, colours)

    monkeypatch.setattr(one_pixel, "_scored", watched)
    made = OnePixel(pixels=2).craft(data, RUNTIME)
    assert made.checksum() == expected.checksum()
    assert max(sizes) <= 10 * 3 * 16
