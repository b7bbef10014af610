import numpy as np
import pytest
from PIL import Image

from unlearnable._runtime import Runtime
from unlearnable._types import Progress
from unlearnable.imageset import ImageSet
from unlearnable.poisons._slots import load_photos
from unlearnable.poisons.slots import SlotNoise

TINY = {"steps": 12, "batch_size": 24, "jpeg": 0.3}
VIEWS = ("grey", "colour")


def photos(channels: int = 3, slots: int = 4, size: int = 16) -> ImageSet:
    generator = np.random.default_rng(0)
    return ImageSet(
        pixels=generator.integers(0, 256, (12, channels, size, size)).astype(np.uint8),
        labels=np.arange(12) % slots,
        keys=tuple(str(row) for row in range(12)),
        classes=tuple(f"slot-{slot:02d}" for slot in range(slots)),
    )


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("view", ["colour", "grey"])
def test_shape_budget_and_determinism(view: str, channels: int) -> None:
    noise = SlotNoise(epsilon=6, view=view, **TINY).craft(photos(channels), Runtime.auto("cpu"))
    assert noise.bank.shape == (4, channels, 16, 16)
    assert 1 <= np.abs(noise.bank).max() <= 6
    again = SlotNoise(epsilon=6, view=view, **TINY).craft(photos(channels), Runtime.auto("cpu"))
    assert (noise.bank == again.bank).all()
    other = SlotNoise(epsilon=6, view=view, seed=1, **TINY).craft(photos(channels), Runtime.auto("cpu"))
    assert (noise.bank != other.bank).any()


def test_grey_noise_is_the_same_in_all_channels_and_colour_noise_is_not() -> None:
    grey, colour = (SlotNoise(view=view, **TINY).craft(photos(), Runtime.auto("cpu")).bank for view in VIEWS)
    assert (grey == grey[:, :1]).all()
    assert (colour != colour[:, :1]).any()


def test_labels_of_the_photos_are_not_used() -> None:
    data = photos()
    relabelled = ImageSet(pixels=data.pixels, labels=data.labels[::-1].copy(), keys=data.keys, classes=data.classes)
    banks = [SlotNoise(**TINY).craft(each, Runtime.auto("cpu")).bank for each in (data, relabelled)]
    assert (banks[0] == banks[1]).all()


@pytest.mark.parametrize("view", VIEWS)
def test_both_networks_learn_the_noise(view: str) -> None:
    losses: dict[str, list[float]] = {"residual": [], "whitened": []}

    def keep(progress: Progress) -> None:
        name, _, loss, *_ = progress.note.split()
        losses[name].append(float(loss))

    poison = SlotNoise(view=view, steps=120, batch_size=32, crop_area=0.8, jpeg=0)
    poison.craft(photos(), Runtime.auto("cpu"), keep)
    assert [len(values) for values in losses.values()] == [60, 60]
    for values in losses.values():
        assert np.mean(values[-8:]) < 0.8 * np.log(4)


def test_an_unknown_view_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown view 'gray': did you mean grey"):
        SlotNoise(view="gray")


def test_load_photos(tmp_path) -> None:
    for row in range(6):
        folder = tmp_path / f"category-{row % 2}"
        folder.mkdir(exist_ok=True)
        Image.fromarray(np.full((40, 30, 3), 40 * row, np.uint8)).save(folder / f"{row}.png")
    data = load_photos(tmp_path, slots=3, size=16)
    assert data.pixels.shape == (6, 3, 16, 16)
    assert data.classes == ("slot-00", "slot-01", "slot-02")
    assert data.counts.tolist() == [2, 2, 2]
    with pytest.raises(ValueError, match="at least 2 slots; got 1"):
        load_photos(tmp_path, slots=1)
