"""Pairs of photos: same person or not."""

import numpy as np
import torch
from torch import nn

from unlearnable import Runtime
from unlearnable.evaluation.verification import verification
from unlearnable.imageset import ImageSet


def test_features_that_tell_people_apart_are_worth_one_and_others_a_half() -> None:
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(4, dtype=np.int64), 10)
    pixels = generator.integers(0, 256, (40, 1, 4, 4), dtype=np.uint8)
    pixels[labels == 0], pixels[labels == 1] = 0, 0
    pixels[labels == 0, :, :2], pixels[labels == 1, :, 2:] = 255, 255
    test = ImageSet(pixels=pixels, labels=labels, keys=tuple(map(str, range(40))), classes=("a", "b", "c", "d"))
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 4))
    found = verification(model, torch.from_numpy(pixels), test, ("a", "b"), Runtime.auto("cpu"))
    assert found["protected"] == {"auc": 1.0, "same": 90, "different": 100}
    assert 0.3 < found["others"]["auc"] < 0.7
    everyone = verification(model, torch.from_numpy(pixels), test, (), Runtime.auto("cpu"))
    assert list(everyone) == ["protected", "all"]
    assert everyone["protected"] == everyone["all"] == found["all"]
    assert found["all"]["different"] == 600
    assert list(verification(model, torch.from_numpy(pixels), test, ("a",), Runtime.auto("cpu"))) == ["others", "all"]
