import numpy as np
import pytest
import torch
from PIL import Image

from unlearnable._runtime import Runtime
from unlearnable._types import Progress
from unlearnable.imageset import ImageSet
from unlearnable.poisons._slots import in_grey, load_photos
from unlearnable.poisons.slots import SlotNoise, _Search

TINY = {"steps": 12, "batch_size": 24, "jpeg": 0.3}


def photos(channels: int = 3, slots: int = 4, size: int = 16) -> ImageSet:
    generator = np.random.default_rng(0)
    return ImageSet(
        pixels=generator.integers(0, 256, (12, channels, size, size)).astype(np.uint8),
        labels=np.arange(12) % slots,
        keys=tuple(str(row) for row in range(12)),
        classes=tuple(f"slot-{slot:02d}" for slot in range(slots)),
    )


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("grey_steps", [0, 12])
def test_shape_budget_and_determinism(grey_steps: int, channels: int) -> None:
    def made(seed: int) -> np.ndarray:
        poison = SlotNoise(epsilon=6, grey_steps=grey_steps, seed=seed, **TINY)
        return poison.craft(photos(channels), Runtime.auto("cpu")).bank

    assert made(0).shape == (4, channels, 16, 16)
    assert 1 <= np.abs(made(0)).max() <= 6
    assert (made(0) == made(0)).all()
    assert (made(0) != made(1)).any()


def test_the_grey_search_moves_red_and_green_and_the_colour_search_then_blue() -> None:
    grey = SlotNoise(**TINY | {"grey_steps": 16, "steps": 0}).craft(photos(), Runtime.auto("cpu")).bank
    assert np.abs(grey[:, 0]).max() == 8
    assert (np.sign(grey[:, 0]) == np.sign(grey[:, 1])).mean() > 0.9
    assert not grey[:, 2].any()
    both = SlotNoise(**TINY | {"grey_steps": 16, "steps": 16}).craft(photos(), Runtime.auto("cpu")).bank
    assert (both[:, :2] == grey[:, :2]).all()
    assert np.abs(both[:, 2]).max() == 8
    free = SlotNoise(**TINY).craft(photos(), Runtime.auto("cpu")).bank
    assert all(np.abs(free[:, channel]).max() > 0 for channel in range(3))


def test_more_slots_than_images_in_a_batch_take_turns() -> None:
    made = SlotNoise(steps=9, batch_size=4, jpeg=0.0).craft(photos(slots=11), Runtime.auto("cpu")).bank
    assert (np.abs(made).max(axis=(1, 2, 3)) > 0).all()


@pytest.mark.parametrize("slots", [8, 11, 16])
def test_every_network_sees_all_slots_and_moves_those_it_sees(slots: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, set[int]] = {}
    real = _Search.step, _Search._images
    shown: list[torch.Tensor] = []

    def images(self: _Search, levels: torch.Tensor, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        found = real[1](self, levels, number)
        shown.append(found[1])
        return found

    def step(self: _Search, number: int) -> tuple[str, float]:
        before = self.levels.clone()
        name, loss = real[0](self, number)
        there = set(shown[-1].tolist())
        seen.setdefault(name, set()).update(there)
        moved = (self.levels != before).flatten(1).any(1).nonzero().flatten().tolist()
        assert set(moved) <= there
        return name, loss

    monkeypatch.setattr(_Search, "step", step)
    monkeypatch.setattr(_Search, "_images", images)
    SlotNoise(steps=12, batch_size=4, jpeg=0.0).craft(photos(slots=slots), Runtime.auto("cpu"))
    assert list(seen.values()) == [set(range(slots))] * 2


def test_slots_that_fit_into_a_batch_are_moved_all_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """As they were before slots took turns: noise that was made then, a pack's, is made again."""
    made = SlotNoise(**TINY, grey_steps=6).craft(photos(), Runtime.auto("cpu"))

    @torch.no_grad()
    def move(self: _Search, average: torch.Tensor, gradient: torch.Tensor, slots: torch.Tensor) -> None:
        size = gradient.square().mean((1, 2, 3), keepdim=True).sqrt().clamp(min=1e-12)
        average.lerp_(gradient / size, 1 - self.poison.momentum)
        moved = self.levels - self.poison.step * average.sign() * self.phase.moved
        self.levels = moved.clamp(-self.poison.epsilon, self.poison.epsilon)

    monkeypatch.setattr(_Search, "_move", move)
    assert SlotNoise(**TINY, grey_steps=6).craft(photos(), Runtime.auto("cpu")).checksum() == made.checksum()


def test_labels_of_the_photos_are_not_used() -> None:
    data = photos()
    relabelled = ImageSet(pixels=data.pixels, labels=data.labels[::-1].copy(), keys=data.keys, classes=data.classes)
    banks = [SlotNoise(**TINY).craft(each, Runtime.auto("cpu")).bank for each in (data, relabelled)]
    assert (banks[0] == banks[1]).all()


def test_every_network_learns_the_noise() -> None:
    losses: dict[str, list[float]] = {}

    def keep(progress: Progress) -> None:
        view, kind, _, loss, *_ = progress.note.split()
        losses.setdefault(f"{view} {kind}", []).append(float(loss))

    poison = SlotNoise(grey_steps=120, steps=120, batch_size=32, crop_area=0.8, jpeg=0)
    poison.craft(photos(), Runtime.auto("cpu"), keep)
    assert list(losses) == ["grey residual", "grey whitened", "colour residual", "colour whitened"]
    for values in losses.values():
        assert len(values) == 60
        assert np.mean(values[-8:]) < 0.8 * np.log(4)


def test_in_grey() -> None:
    data = photos()
    luma = np.tensordot(data.pixels.astype(float), (0.299, 0.587, 0.114), axes=([1], [0]))
    assert np.abs(in_grey(data).pixels[:, 0] - luma).max() <= 0.51
    assert (in_grey(in_grey(data)).pixels == in_grey(data).pixels).all()


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
