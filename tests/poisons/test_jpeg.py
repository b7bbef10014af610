import io

import numpy as np
import pytest
import torch
from PIL import Image

from unlearnable.poisons._jpeg import compressed


def photo(seed: int, side: int = 64) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(20, 236, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)


def levels(images: torch.Tensor) -> np.ndarray:
    return images.detach().numpy() * 255


def batch(*pictures: Image.Image) -> torch.Tensor:
    return torch.stack([torch.from_numpy(np.array(each).transpose(2, 0, 1)) for each in pictures]).float() / 255


@pytest.mark.parametrize("quality", [10, 30, 50, 75, 95])
def test_it_does_what_a_real_encoder_does(quality: int) -> None:
    pictures = [photo(seed) for seed in range(4)]
    real = []
    for picture in pictures:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, subsampling="4:2:0")
        real.append(Image.open(file).convert("RGB"))
    ours, theirs, before = levels(compressed(batch(*pictures), quality)), levels(batch(*real)), levels(batch(*pictures))
    assert np.abs(ours - theirs).mean() < 1.5
    assert np.abs(ours - theirs).mean() < 0.5 * np.abs(before - theirs).mean()


def test_what_was_rounded_away_still_has_a_gradient() -> None:
    flat = torch.full((1, 3, 32, 32), 0.5, requires_grad=True)
    stripes = (torch.arange(32) % 4 < 2).float().view(1, 1, 1, 32) * 2 - 1
    squeezed = compressed(flat + stripes * 2 / 255, 10)
    assert squeezed.std() < 1e-3
    (squeezed * stripes).sum().backward()
    assert (flat.grad * stripes).sum() > 100


@pytest.mark.parametrize(
    ("shape", "quality", "said"), [((1, 3, 24, 32), 75, "16 pixels"), ((1, 3, 32, 32), 0, "1 to 100")]
)
def test_bad_input(shape: tuple[int, ...], quality: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        compressed(torch.zeros(shape), quality)
