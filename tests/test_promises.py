"""The promises of the design that no single module's tests show. Each fails when its promise is broken."""

import inspect
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import unlearnable
from unlearnable import Additive, Budget, ImageSet, RandomNoise, Runtime
from unlearnable.evaluation import exploit as trial_module
from unlearnable.evaluation import trial as benchmark
from unlearnable.evaluation.exploit import Training
from unlearnable.evaluation.trial import Trial
from unlearnable.exploiters import COUNTERMEASURES, Countermeasure, WithClean
from unlearnable.training.fit import fit
from unlearnable.training.recipes import recipe

SOURCE = Path(unlearnable.__file__).parent
RECIPE = replace(recipe("tiny"), epochs=1, batch_size=8, augment="none")


@dataclass(frozen=True, kw_only=True)
class Spy(Countermeasure):
    """Does nothing and remembers what it was shown."""

    name = "spy"
    seen: dict[str, Any] = field(default_factory=dict)

    def sanitize(self, pixels: np.ndarray, labels: np.ndarray, runtime: Runtime) -> np.ndarray:
        self.seen["pixels"], self.seen["labels"] = pixels.copy(), labels.copy()
        return pixels

    def augment(self, images: Any, labels: Any) -> tuple[Any, Any]:
        self.seen.setdefault("batches", []).append((images.float().clone(), labels.clone()))
        return images, labels


def images(seed: int = 0, count: int = 16) -> ImageSet:
    generator = np.random.default_rng(seed)
    return ImageSet(
        pixels=generator.integers(20, 230, (count, 3, 16, 16), dtype=np.uint8),
        labels=np.arange(count, dtype=np.int64) % 2,
        keys=tuple(f"{seed}/{row}" for row in range(count)),
        classes=("a", "b"),
    )


def half_noise() -> Additive:
    """Class noise on the left half only."""
    bank = np.zeros((2, 3, 16, 16), np.int8)
    bank[0, :, :, :8], bank[1, :, :, :8] = 8, -8
    return Additive(bank=bank, scope="class-wise", index=("a", "b"), budget=Budget(epsilon=8), method="test")


def test_evaluation_sees_exactly_the_published_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    spy = Spy()
    monkeypatch.setattr(trial_module, "find_countermeasure", lambda name: spy)
    published = half_noise().apply(images())
    Training(row="protected", train=published, test=images(1), recipe=RECIPE).run(Runtime.auto("cpu"))
    assert spy.seen["pixels"].dtype == np.uint8
    assert (spy.seen["pixels"] == published.pixels).all()
    # whoever changes what is applied, hashed or drawn here changes every published number
    assert published.content_hash() == "ea1a8e1a07f24dac58ff6e68080b0544"


def test_noise_is_on_the_stored_image_before_the_exploiter_mirrors_it() -> None:
    recipe_ = replace(RECIPE, augment="crop-flip", crop_padding=0, batch_size=16)
    shown = []
    for data in (images(), half_noise().apply(images())):
        spy = Spy()
        fit(data, test=images(1), recipe=recipe_, runtime=Runtime.auto("cpu"), countermeasure=spy)
        shown.append(spy.seen["batches"][0][0])
    difference = (shown[1] - shown[0]).abs().amax(dim=1) * 255
    left, right = difference[:, :, :8].amax(dim=(1, 2)) > 4, difference[:, :, 8:].amax(dim=(1, 2)) > 4
    assert (left ^ right).all(), "the noise lies on one side of each image"
    assert left.any(), "images that were not mirrored have it on the left"
    assert right.any(), "in mirrored images it is mirrored too"


@pytest.mark.parametrize("name", list(COUNTERMEASURES))
def test_a_countermeasure_cannot_know_clean_data_or_the_poison(name: str) -> None:
    """Its hooks get the training images, labels and model, nothing else; its settings are plain numbers."""
    kind = COUNTERMEASURES.get(name)
    allowed = {
        "recipe": ["self", "recipe", "images"],  # how many
        "sanitize": ["self", "pixels", "labels", "runtime"],
        "treat": ["self", "pixels", "runtime"],  # of test images, as a network in use gets them: no labels
        "network": ["self", "model", "images", "labels", "runtime"],
        "augment": ["self", "images", "labels"],
        "loss": ["self", "model", "images", "targets"],
    }
    for hook, parameters in allowed.items():
        assert list(inspect.signature(getattr(kind, hook)).parameters) == parameters
    assert all(isinstance(value, int | float | str | bool) for value in vars(kind()).values())


class _SeenError(Exception):
    pass


@pytest.mark.parametrize("name", list(COUNTERMEASURES))
def test_a_benchmark_trains_on_the_published_bytes_and_hands_clean_images_to_nobody_else(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The training set is the protected one, byte for byte, unless the countermeasure is one that says it has more."""
    seen: dict[str, Any] = {}

    def fitted(train: ImageSet, **options: Any) -> None:
        seen.update(options, train=train)
        raise _SeenError

    monkeypatch.setattr(benchmark, "fitted", fitted)
    kind = COUNTERMEASURES.get(name)
    poison = RandomNoise(epsilon=16)
    trial = Trial(row="random", dataset="digits", per_class=8, poison=poison, countermeasure=name, recipe=RECIPE)
    with pytest.raises(_SeenError):
        trial.run(Runtime.auto("cpu"))
    clean = benchmark._data("digits", "train", 8)
    published = poison.craft(clean, Runtime.auto("cpu")).apply(clean)
    assert (published.pixels != clean.pixels).any()
    same = seen["train"].content_hash() == published.content_hash()
    assert same or issubclass(kind, WithClean)
    assert seen["test"]["test"].content_hash() == benchmark._data("digits", "test", None).content_hash()
    if not issubclass(kind, WithClean):
        assert not hasattr(kind, "gather")
        assert not hasattr(kind, "finish")


def test_no_pickle_is_ever_loaded() -> None:
    forbidden = re.compile(
        r"\bpickle\b|torch\.load\((?!.*weights_only=True)|allow_pickle=True|joblib|shelve|marshal\.load|(?<!\.)\beval\(|\bexec\("
    )
    found = [
        f"{file.relative_to(SOURCE)}:{number}: {line.strip()}"
        for file in SOURCE.rglob("*.py")
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if forbidden.search(line.split("#")[0]) and '"""' not in line and not line.strip().startswith("*")
    ]
    assert found == []


def test_only_a_download_that_was_asked_for_opens_a_connection() -> None:
    opens = re.compile(r"\b(urllib\.request|http\.client|requests|httpx|aiohttp|socket)\b")
    found = {
        str(file.relative_to(SOURCE))
        for file in SOURCE.rglob("*.py")
        if any(opens.search(line) for line in file.read_text().splitlines() if "import" in line)
    }
    # the app asks which port is free, and connects to nothing
    assert found == {"datasets/cifar10.py", "app/server.py"}
    assert not re.search(r"\bconnect", (SOURCE / "app" / "server.py").read_text())
