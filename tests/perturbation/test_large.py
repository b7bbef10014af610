"""Applying a perturbation takes the same memory for any number of images of any size."""

import tracemalloc

import numpy as np
import pytest

from unlearnable import _scratch, budget
from unlearnable.imageset import ImageSet
from unlearnable.perturbation import Filter, Network, Overwrite, Stored


def images(count: int, side: int) -> ImageSet:
    return ImageSet(
        pixels=np.random.default_rng(0).integers(0, 256, (count, 3, side, side), dtype=np.uint8),
        labels=np.arange(count, dtype=np.int64) % 2,
        keys=tuple(f"photo-{row}" for row in range(count)),
        classes=("ant", "bee"),
    )


def network() -> Network:
    generator = np.random.default_rng(4)
    widths = {"first": (32, 3), "second": (64, 32), "third": (128, 64)}
    weights = {name: generator.standard_normal((1, *each, 3, 3)).astype("f4") / 5 for name, each in widths.items()}
    biases = {f"{name}_bias": np.zeros((1, each[0]), np.float32) for name, each in widths.items()}
    return Network(
        **weights,
        **biases,
        head=generator.standard_normal((1, 2, 128)).astype("f4"),
        head_bias=np.zeros((1, 2), np.float32),
        patterns=generator.standard_normal((1, 2, 3, 16, 16)).astype("f4"),
        epsilon=8,
        scope="sample-wise",
        index=Network.ANY,
        method="test",
        seed=0,
    )


def kernels() -> Filter:
    drawn = np.random.default_rng(2).uniform(0, 1, (2, 3, 3)).astype(np.float32)
    return Filter(kernels=drawn, scope="class-wise", index=("ant", "bee"), method="test", seed=0)


def overwritten(side: int) -> Overwrite:
    mask = np.zeros((2, side, side), np.bool_)
    mask[0, 3, 4], mask[1, 5, 1] = True, True
    values = np.where(mask[:, None], np.uint8(200), np.uint8(0)).repeat(3, axis=1)
    return Overwrite(
        values=values, mask=mask, pixels=1, scope="class-wise", index=("ant", "bee"), method="test", seed=0
    )


@pytest.mark.parametrize("made", [network(), kernels(), None], ids=["network", "filter", "overwrite"])
@pytest.mark.parametrize(("count", "side"), [(160, 16), (40, 32), (10, 64)])
def test_applying_takes_a_part_at_a_time(
    made: Stored | None, count: int, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = images(count, side)
    made = overwritten(side) if made is None else made
    expected = made.apply(data).pixels
    monkeypatch.setattr(budget, "PART_VALUES", 50_000)
    monkeypatch.setattr(_scratch, "IN_MEMORY", 0)
    tracemalloc.start()
    try:
        pixels = made.apply(data).pixels
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # a part has 50,000 values, of 8 bytes where a filter is applied, and a few copies of them
    assert peak < 8e6
    assert isinstance(pixels, np.memmap)
    assert (pixels == expected).all()
