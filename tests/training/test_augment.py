"""Batched augmentation does what a loop over images would, and spares what it must."""

import math

import pytest
import torch

from unlearnable.training.augment import crop_flip, resize, resized_crop_flip
from unlearnable.training.recipes import Recipe, recipe
from unlearnable.training.schedules import rate_factor


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_crop_flip_is_a_shift_with_reflected_borders_and_a_mirror() -> None:
    images = torch.randint(0, 256, (64, 3, 7, 9), generator=generator(), dtype=torch.uint8)
    moved = crop_flip(images, 2, generator(1))
    padded = torch.nn.functional.pad(images.float(), (2, 2, 2, 2), mode="reflect").to(torch.uint8)
    seen = set()
    for before, after in zip(padded, moved, strict=True):
        matches = [
            (top, left, mirror)
            for top in range(5)
            for left in range(5)
            for mirror in (False, True)
            if torch.equal(
                before[:, top : top + 7, left : left + 9].flip(2)
                if mirror
                else before[:, top : top + 7, left : left + 9],
                after,
            )
        ]
        assert matches
        seen.update(matches)
    assert len(seen) > 20
    assert {mirror for *_, mirror in seen} == {True, False}


def test_no_padding_leaves_images_or_their_mirror() -> None:
    images = torch.randint(0, 256, (32, 1, 5, 5), generator=generator(), dtype=torch.uint8)
    for before, after in zip(images, crop_flip(images, 0, generator(1)), strict=True):
        assert torch.equal(before, after) or torch.equal(before.flip(2), after)


def test_resized_crops_stay_inside_and_cover_at_least_the_area() -> None:
    place = torch.linspace(-1, 1, 41)
    rows, columns = torch.meshgrid(place, place, indexing="ij")
    images = torch.stack([rows, columns]).expand(200, 2, 41, 41).contiguous()
    crops = resized_crop_flip(images, 16, 0.35, generator())
    assert crops.shape == (200, 2, 16, 16)
    assert crops.abs().max() <= 1 + 1e-4
    down = (crops[:, 0, -1, 0] - crops[:, 0, 0, 0]) / 2 * 41 / 40 * 16 / 15
    across = (crops[:, 1, 0, -1] - crops[:, 1, 0, 0]) / 2 * 41 / 40 * 16 / 15
    share = (down * across).abs()
    assert share.min() > 0.30
    assert share.max() > 0.85
    assert (across < 0).float().mean() == pytest.approx(0.5, abs=0.15)
    assert (down > 0).all()


def test_crops_are_the_same_under_autocast() -> None:
    """In bfloat16 a place in a large image is off by half a pixel."""
    images = torch.rand(8, 3, 224, 224, generator=generator())
    plain = resized_crop_flip(images, 224, 0.35, generator())
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(resized_crop_flip(images, 224, 0.35, generator()), plain)


def test_resize_sets_the_shorter_side() -> None:
    assert resize(torch.rand(2, 3, 20, 30), 10).shape == (2, 3, 10, 15)
    images = torch.rand(2, 3, 20, 30)
    assert resize(images, 20) is images
    torch.testing.assert_close(resize(torch.full((1, 1, 8, 8), 0.3), 4), torch.full((1, 1, 4, 4), 0.3))


def test_schedules_start_peak_and_end_where_they_say() -> None:
    triangle = [rate_factor("triangle", step, 1000) for step in range(1000)]
    assert triangle[0] == pytest.approx(0.2)
    assert max(triangle) == pytest.approx(1, abs=0.01)
    assert triangle.index(max(triangle)) == pytest.approx(230, abs=2)
    assert triangle[-1] == pytest.approx(0.07, abs=0.01)
    cosine = [rate_factor("cosine", step, 100) for step in range(100)]
    assert cosine[0] == 1
    assert cosine[50] == pytest.approx(0.5)
    assert cosine[-1] < 0.001
    halved = [rate_factor("halved", step, 100) for step in range(100)]
    assert halved == [1.0] * 50 + [0.5] * 50
    assert all(math.isfinite(factor) and factor > 0 for factor in triangle + cosine)


def test_published_recipes_are_as_published() -> None:
    paper, board = recipe("reference"), recipe("apbench")
    assert (paper.epochs, paper.batch_size, paper.schedule, paper.crop_padding) == (60, 128, "cosine", 4)
    assert (board.epochs, board.batch_size, board.schedule, board.crop_padding) == (200, 256, "halved", 4)
    for each in (paper, board):
        assert (each.architecture, each.learning_rate, each.momentum) == ("resnet18", 0.1, 0.9)
        assert (each.weight_decay, each.nesterov, each.label_smoothing) == (5e-4, False, 0.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"augment": "crop"}, "did you mean crop-flip"),
        ({"schedule": "cosin"}, "did you mean cosine"),
        ({"epochs": 0}, "epochs must be"),
        ({"batch_size": 1}, "batch_size"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
        ({"crop_area": 0.0}, "crop_area"),
        ({"crop_padding": -1}, "crop_padding"),
        ({"label_smoothing": 1.0}, "label_smoothing"),
    ],
)
def test_recipes_out_of_range_are_errors(settings: dict, message: str) -> None:
    base = {"name": "own", "architecture": "fast", "epochs": 1, "batch_size": 8, "learning_rate": 0.1}
    with pytest.raises(ValueError, match=message):
        Recipe(**{**base, **settings})


def test_unknown_recipes_are_errors() -> None:
    with pytest.raises(ValueError, match="did you mean fast"):
        recipe("fsat")
