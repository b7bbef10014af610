"""A folder of photos, and a desk of its own for each test."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def _owner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNLEARNABLE_OWNER_KEY", "test")


def picture(path: Path, seed: int, size: tuple[int, int] = (96, 80)) -> None:
    """Write a smooth coloured picture."""
    generator = np.random.default_rng(seed)
    small = Image.fromarray(generator.integers(40, 216, (6, 6, 3), dtype=np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    small.resize(size, Image.Resampling.BICUBIC).save(path, quality=95)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Six photos in two sub-folders, one of them broken, one with a name that is markup."""
    folder = tmp_path / "home" / "Photos"
    for number in range(3):
        picture(folder / "ann" / f"{number}.png", number)
    picture(folder / "bob" / "<b>bold.jpg", 10)
    picture(folder / "bob" / "plain.jpg", 11)
    (folder / "bob" / "broken.jpg").write_bytes(b"\xff\xd8\xff and then nothing")
    return folder


@pytest.fixture
def home(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the photos' parent this user's home."""
    monkeypatch.setitem(os.environ, "HOME", str(photos.parent))
    return photos.parent
