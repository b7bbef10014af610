"""A search that is killed goes on, and ends as if it never was."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unlearnable._runtime import Runtime
from unlearnable._types import Progress
from unlearnable.imageset import ImageSet
from unlearnable.poisons import POISONS, _checkpoint
from unlearnable.poisons._base import AnyPoison
from unlearnable.poisons._checkpoint import Checkpoint

RUNTIME = Runtime.auto("cpu")
SEARCHES: dict[str, dict[str, Any]] = {
    "error-min": {"scope": "sample-wise", "rounds": 4, "model_steps": 3, "noise_steps": 1, "stop_error": 0.0},
    "error-min, class-wise": {"steps": 30, "stop_error": 0.0},
    "paired-error-min": {"steps": 30},
    "error-max": {
        "scope": "sample-wise",
        "surrogate_epochs": 2,
        "rounds": 6,
        "noise_steps": 1,
        "epsilon": 1,
        "step": 0.1,
    },
    "generator": {"steps": 20, "inner": 1},
    "deep-confuse": {"rounds": 6, "path": 2},
    "neural-tangent": {"block": 8, "steps": 2, "time": 4},
    "stable-error-min": {"rounds": 4, "model_steps": 3, "noise_steps": 1, "attack_steps": 1},
    "resilient-targeted": {"surrogate_epochs": 2, "steps": 3},
    "targeted": {"surrogate_epochs": 2, "steps": 3},
    "self-ensemble": {"surrogate_epochs": 2, "checkpoints": 2, "steps": 4},
}


def images(count: int = 40, size: int = 10, classes: int = 3) -> ImageSet:
    generator = np.random.default_rng(0)
    return ImageSet(
        pixels=generator.integers(0, 256, (count, 3, size, size), dtype=np.uint8),
        labels=np.arange(count, dtype=np.int64) % classes,
        keys=tuple(f"image-{row}" for row in range(count)),
        classes=tuple(f"class-{label}" for label in range(classes)),
    )


def crafted(name: str) -> AnyPoison:
    settings = {"seed": 2, **SEARCHES[name]}
    if name != "neural-tangent":
        settings["batch_size"] = 10
    return POISONS.get(name.split(",")[0])(**settings)


class Killed(Exception):
    """What stops a search here."""


@pytest.mark.parametrize("name", list(SEARCHES))
@pytest.mark.parametrize("after", [0.3, 0.7, 0.95])
def test_a_killed_search_goes_on_to_the_same_noise(
    name: str, after: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_checkpoint, "EVERY", 0.0)
    data, poison = images(), crafted(name)
    whole = poison.craft(data, RUNTIME)
    runtime = replace(RUNTIME, checkpoint=tmp_path / "state")

    def kill(progress: Progress) -> None:
        if progress.done >= after * progress.total:
            raise Killed

    with pytest.raises(Killed):
        poison.craft(data, runtime, kill)
    torch.rand(100)
    seen: list[int] = []
    resumed = poison.craft(data, runtime, lambda progress: seen.append(progress.done))
    assert resumed.checksum() == whole.checksum()
    if (tmp_path / "state").is_file() and after > 0.5:
        total: list[int] = []
        poison.craft(data, RUNTIME, lambda progress: total.append(progress.done))
        assert len(seen) < len(total), "it began anew"


def test_the_state_of_another_search_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "state"
    Checkpoint(path, {"method": "one"}).save({"levels": torch.ones(3)})
    assert Checkpoint(path, {"method": "one"}).load()["levels"].tolist() == [1, 1, 1]
    assert Checkpoint(path, {"method": "two"}).load() == {}
    path.write_bytes(b"broken")
    assert Checkpoint(path, {"method": "one"}).load() == {}
    assert Checkpoint(None, {}).load() == {}
    assert [file.name for file in tmp_path.iterdir()] == ["state"]
