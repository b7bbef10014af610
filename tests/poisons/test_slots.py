import numpy as np
import pytest
from PIL import Image

from unlearnable._runtime import Runtime
from unlearnable._types import Progress
from unlearnable.imageset import ImageSet
from unlearnable.poisons._slots import load_photos
from unlearnable.poisons.colour_slots import ColourSlotNoise
from unlearnable.poisons.slots import SlotNoise

TINY = {"grey_steps": 4, "steps": 8, "batch_size": 24}


def photos(channels: int = 3, slots: int = 4, size: int = 16) -> ImageSet:
    generator = np.random.default_rng(0)
    return ImageSet(
        pixels=generator.integers(0, 256, (12, channels, size, size)).astype(np.uint8),
        labels=np.arange(12) % slots,
        keys=tuple(str(row) for row in range(12)),
        classes=tuple(f"slot-{slot:02d}" for slot in range(slots)),
    )


TINY_COLOUR = {"steps": 12, "batch_size": 24}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("kind", "settings"), [(SlotNoise, TINY), (ColourSlotNoise, TINY_COLOUR)])
def test_shape_budget_and_determinism(kind: type, settings: dict, channels: int) -> None:
    noise = kind(epsilon=6, **settings).craft(photos(channels), Runtime.auto("cpu"))
    assert noise.bank.shape == (4, channels, 16, 16)
    assert 1 <= np.abs(noise.bank).max() <= 6
    again = kind(epsilon=6, **settings).craft(photos(channels), Runtime.auto("cpu"))
    assert (noise.bank == again.bank).all()
    other = kind(epsilon=6, seed=1, **settings).craft(photos(channels), Runtime.auto("cpu"))
    assert (noise.bank != other.bank).any()


def test_the_colour_search_lowers_its_loss() -> None:
    losses: list[float] = []
    poison = ColourSlotNoise(steps=60, batch_size=32, crop_area=0.8)
    poison.craft(photos(), Runtime.auto("cpu"), lambda progress: losses.append(float(progress.note.split()[1])))
    assert np.mean(losses[-8:]) < 0.8 * np.log(4)


def test_labels_of_the_photos_are_not_used() -> None:
    data = photos()
    relabelled = ImageSet(pixels=data.pixels, labels=data.labels[::-1].copy(), keys=data.keys, classes=data.classes)
    for poison in (SlotNoise(**TINY), ColourSlotNoise(**TINY_COLOUR)):
        banks = [poison.craft(each, Runtime.auto("cpu")).bank for each in (data, relabelled)]
        assert (banks[0] == banks[1]).all()


def test_the_grey_network_moves_red_and_green_and_the_colour_network_blue() -> None:
    grey = SlotNoise(grey_steps=12, steps=0, batch_size=24, luma_share=0.75).craft(photos(), Runtime.auto("cpu")).bank
    assert (grey[:, 0] == grey[:, 1]).all()
    assert np.abs(grey[:, 0]).max() == 6
    assert not grey[:, 2].any()
    both = SlotNoise(grey_steps=0, steps=40, batch_size=24, luma_share=0.75).craft(photos(), Runtime.auto("cpu")).bank
    assert np.abs(both[:, :2]).max() == 6
    assert np.abs(both[:, 2]).max() == 8


def test_the_loss_falls_in_both_views() -> None:
    losses: dict[str, list[float]] = {"grey": [], "colour": []}

    def keep(progress: Progress) -> None:
        view, _, loss, *_ = progress.note.split()
        losses[view].append(float(loss))

    SlotNoise(grey_steps=10, steps=70, batch_size=32, crop_area=0.8).craft(photos(), Runtime.auto("cpu"), keep)
    for values in losses.values():
        assert np.mean(values[-8:]) < 0.8 * np.log(4)


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
