"""A search that is killed goes on, and ends as if it never was."""

import os
from dataclasses import replace
from functools import cache
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
from unlearnable.poisons._checkpoint import Checkpoint, State, drawn
from unlearnable.poisons.clusters import Clusters

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
    "generator": {"passes": 1, "lessons": 5, "start": 5, "steps": 20, "inner": 1},
    "deep-confuse": {"passes": 1, "lessons": 5, "start": 5, "rounds": 6, "path": 2},
    "neural-tangent": {"block": 8, "steps": 2, "time": 4},
    "stable-error-min": {"rounds": 4, "model_steps": 3, "noise_steps": 1, "attack_steps": 1},
    "resilient-targeted": {"surrogate_epochs": 2, "steps": 3},
    "targeted": {"surrogate_epochs": 2, "steps": 3},
    "self-ensemble": {"surrogate_epochs": 4, "checkpoints": 2, "steps": 4},
    "hypocritical": {"surrogate_epochs": 6, "steps": 3},
    "entangled": {"surrogate_epochs": 6, "steps": 3, "surrogates": ("fast-small", "resnet-small")},
    "clusters": {"clusters": 3, "source": "images", "extractor_epochs": 1, "steps": 30},
    "pil": {"model_steps": 20, "steps": 6},
    "slots": {"steps": 12},
    "slots, grey first": {"steps": 8, "grey_steps": 8},
    "slots, grey mostly": {"steps": 2, "grey_steps": 16},
    "pretrained-aware": {"source": "imagenet", "rounds": 6, "noise_steps": 1},
}


def images(count: int = 40, size: int = 10, classes: int = 3) -> ImageSet:
    generator = np.random.default_rng(0)
    return ImageSet(
        pixels=generator.integers(0, 256, (count, 3, size, size), dtype=np.uint8),
        labels=np.arange(count, dtype=np.int64) % classes,
        keys=tuple(f"image-{row}" for row in range(count)),
        classes=tuple(f"class-{label}" for label in range(classes)),
    )


def crafted(name: str, **changed: Any) -> AnyPoison:
    settings = {"seed": 2, **SEARCHES[name], **changed}
    if name != "neural-tangent":
        settings["batch_size"] = 10
    return POISONS.get(name.split(",")[0])(**settings)


@cache
def uninterrupted(poison: AnyPoison) -> tuple[str, list[Progress]]:
    """Return the checksum of what a search that nobody kills finds, and what it reports."""
    seen: list[Progress] = []
    return poison.craft(images(), RUNTIME, seen.append).checksum(), seen


class Killed(Exception):
    """What stops a search here."""


@pytest.mark.parametrize("name", list(SEARCHES))
@pytest.mark.parametrize("after", [0.3, 0.7, 0.95])
def test_a_killed_search_goes_on_to_the_same_noise(
    name: str, after: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_checkpoint, "EVERY", 0.0)
    data, poison = images(), crafted(name)
    whole, total = uninterrupted(poison)
    runtime = replace(RUNTIME, checkpoint=tmp_path / "state")

    def kill(progress: Progress) -> None:
        if progress.done >= after * progress.total:
            raise Killed

    with pytest.raises(Killed):
        poison.craft(data, runtime, kill)
    assert (tmp_path / "state").is_file() or after < 0.5, "nothing was saved"
    torch.rand(100)
    seen: list[Progress] = []
    resumed = poison.craft(data, runtime, seen.append)
    assert resumed.checksum() == whole
    if after > 0.5:
        assert len(seen) < len(total), "it began anew"


def test_a_saving_that_takes_long_is_waited_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(_checkpoint.time, "monotonic", lambda: now[0])

    def save(*values: Any) -> None:
        now[0] += 30
        (tmp_path / f"state.{os.getpid()}.tmp").write_bytes(b"")

    monkeypatch.setattr(_checkpoint, "save_file", save)
    checkpoint = Checkpoint(tmp_path / "state", {}, every=20)
    due: list[float] = []
    for _ in range(700):
        now[0] += 1
        if checkpoint.due:
            due.append(now[0])
            checkpoint.save({})
    assert due[0] == 20, "nothing is known yet"
    assert due[1] == 20 + 30 + 300
    always = Checkpoint(tmp_path / "state", {}, every=0)
    always.save({})
    assert always.due


def test_the_state_of_another_search_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "state"
    Checkpoint(path, {"method": "one"}).save({"levels": torch.ones(3)})
    assert Checkpoint(path, {"method": "one"}).load()["levels"].tolist() == [1, 1, 1]
    assert Checkpoint(path, {"method": "two"}).load() == {}
    path.write_bytes(b"broken")
    assert Checkpoint(path, {"method": "one"}).load() == {}
    assert Checkpoint(None, {}).load() == {}
    assert [file.name for file in tmp_path.iterdir()] == ["state"]


@pytest.mark.parametrize("name", ["hypocritical", "entangled", "self-ensemble", "error-max"])
@pytest.mark.parametrize("after", [0.3, 0.5, 0.8])
def test_the_training_of_surrogates_goes_on_where_it_was(
    name: str, after: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_checkpoint, "EVERY", 0.0)
    data, runtime = images(), replace(RUNTIME, checkpoint=tmp_path / "state")
    poison = crafted(name, surrogate_epochs=6)
    whole, told = uninterrupted(poison)
    epochs = [each for each in told if "training" in each.note]
    stop = round(after * len(epochs))
    begun: list[Progress] = []

    def kill(progress: Progress) -> None:
        begun.append(progress)
        if len(begun) == stop:
            raise Killed

    with pytest.raises(Killed):
        poison.craft(data, runtime, kill)
    seen: list[Progress] = []
    resumed = poison.craft(data, runtime, seen.append)
    assert seen[0] == epochs[stop - 1], "epochs that were trained are not trained again"
    assert resumed.checksum() == whole


def test_a_search_of_the_same_images_in_another_order_or_precision_is_another(tmp_path: Path) -> None:
    data, poison = images(), crafted("error-min")
    runtime = replace(RUNTIME, checkpoint=tmp_path / "state", dtype=torch.float32)
    mixed = data.subset(np.random.default_rng(0).permutation(len(data)))
    assert mixed.content_hash() == data.content_hash()
    keys = {
        poison.checkpoint(data, runtime).key,
        poison.checkpoint(mixed, runtime).key,
        poison.checkpoint(data, replace(runtime, dtype=torch.bfloat16)).key,
    }
    assert len(keys) == 3


def test_clusters_report_while_features_are_learned() -> None:
    seen: list[Progress] = []
    crafted("clusters").craft(images(), RUNTIME, seen.append)
    assert len([each for each in seen if each.note.startswith("features")]) > 5
    assert [each.done for each in seen] == sorted(each.done for each in seen)
    assert seen[-1].done == seen[-1].total


def test_images_are_not_described_again_for_clusters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_checkpoint, "EVERY", 0.0)
    runtime, poison = replace(RUNTIME, checkpoint=tmp_path / "state"), crafted("clusters", stop_error=0.0)

    def kill(progress: Progress) -> None:
        if progress.done >= 0.8 * progress.total:
            raise Killed

    with pytest.raises(Killed):
        poison.craft(images(), runtime, kill)
    monkeypatch.setattr(Clusters, "_described", None)
    poison.craft(images(), runtime)


def test_random_numbers_of_a_cuda_device_are_kept_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    device, there = torch.device("cuda"), [torch.tensor([1, 2], dtype=torch.uint8)]
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: there[0].clone())
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: there.__setitem__(0, state))
    checkpoint = Checkpoint(tmp_path / "state", {}, every=0)
    State(checkpoint, [], device=device).keep({"steps": torch.tensor(1)})
    there[0] = torch.tensor([9, 9], dtype=torch.uint8)
    State(checkpoint, [], device=torch.device("cpu")).load()
    assert there[0].tolist() == [9, 9]
    State(checkpoint, [], device=device).load()
    assert there[0].tolist() == [1, 2]
    assert set(drawn({}, torch.device("cpu"))) == {"random.torch"}
