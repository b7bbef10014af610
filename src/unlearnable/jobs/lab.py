"""Try a poison: craft it on a small data set, look at it, and train on it beside clean images."""

import statistics
import time
import types
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
from PIL import Image

from unlearnable._runtime import Runtime
from unlearnable._types import Parameters, Progress
from unlearnable.datasets import load
from unlearnable.evaluation.store import write_json
from unlearnable.evaluation.trial import Trial
from unlearnable.exploiters import countermeasure
from unlearnable.imageset import ImageSet
from unlearnable.perturbation import Stored
from unlearnable.poisons import POISONS
from unlearnable.poisons._base import AnyPoison
from unlearnable.report.panels import amplified
from unlearnable.training.fit import Epoch
from unlearnable.training.recipes import Recipe, recipe

DATA = ("digits", "cifar10", "cifar100-20c")
SHOWN, SIDE = 10, 96
LEFT_OUT = ("slots",)
"""Methods that make packs, not noise for a data set."""

Watch = Callable[[str, int, int, float], None]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One field of a poison's form.

    Args:
        name: of the field.
        default: as text.
        kind: `text` or `choice`.
        choices: what may be chosen.
    """

    name: str
    default: str
    kind: Literal["text", "choice"]
    choices: tuple[str, ...] = ()


def methods() -> dict[str, str]:
    """Return what can be tried: name and summary."""
    return {name: POISONS.entry(name).summary for name in POISONS if name not in LEFT_OUT}


def form(method: str) -> list[Setting]:
    """Return the fields of a method's form, from its dataclass.

    Raises:
        ValueError: there is no such method.
    """
    kind = POISONS.get(method)
    hints = get_type_hints(kind)
    return [_setting(kind, each, hints[each.name]) for each in fields(kind)]


def _setting(kind: type[AnyPoison], each: "Field[Any]", hint: Any) -> Setting:
    value = _shown(getattr(kind(), each.name))
    if each.name == "scope":
        return Setting(name=each.name, default=value, kind="choice", choices=tuple(kind.scopes))
    if get_origin(hint) is Literal:
        return Setting(name=each.name, default=value, kind="choice", choices=tuple(map(str, get_args(hint))))
    if hint is bool:
        return Setting(name=each.name, default=value, kind="choice", choices=("True", "False"))
    return Setting(name=each.name, default=value, kind="text")


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def made(method: str, values: Mapping[str, str]) -> AnyPoison:
    """Return the poison with the settings of a filled-in form; empty fields keep their default.

    Raises:
        ValueError: a value is not what it should be, in one sentence.
    """
    kind = POISONS.get(method)
    hints = get_type_hints(kind)
    settings = {}
    for each in fields(kind):
        text = values.get(each.name, "").strip()
        if text and text != _shown(getattr(kind(), each.name)):
            settings[each.name] = _parsed(each.name, text, hints[each.name])
    poison: AnyPoison = kind(**settings)
    return poison


def _parsed(name: str, text: str, hint: Any) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        (hint,) = [each for each in get_args(hint) if each is not type(None)]
    if get_origin(hint) is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if hint is bool:
        return text == "True"
    if hint in (int, float):
        try:
            return hint(text)
        except ValueError as error:
            word = "a whole number" if hint is int else "a number"
            raise ValueError(f"{name} must be {word}; got {text!r}") from error
    return text


@dataclass(frozen=True, kw_only=True)
class LabJob:
    """One try.

    Args:
        poison: the method with its settings.
        data: a name of DATA.
        per_class: training images per class.
        countermeasure: what the exploiter does.
        folder: where the noise, the picture and the record are written.

    Raises:
        ValueError: unknown data set or countermeasure, or too few images.
    """

    poison: AnyPoison
    data: str
    per_class: int
    countermeasure: str
    folder: Path

    def __post_init__(self) -> None:
        if self.data not in DATA:
            raise ValueError(f"the data are one of {', '.join(DATA)}; got {self.data!r}")
        if self.per_class < 2:
            raise ValueError(f"at least 2 images per class are needed; got {self.per_class}")
        countermeasure(self.countermeasure)

    @property
    def recipe(self) -> Recipe:
        """How the exploiter trains."""
        if self.data == "digits":
            return recipe("tiny")
        size = min(500, max(50, self.per_class))
        base = recipe("fast")
        rate = base.learning_rate * size / base.batch_size
        return replace(base, architecture="fast-small", epochs=8, batch_size=size, learning_rate=rate)

    def run(self, note: Callable[[str, float | None], None], watch: Watch) -> Parameters:
        """Craft, draw, and train on clean and protected images through the same countermeasure.

        Args:
            note: is told what is going on, and how many seconds are left; None while nothing is measured yet.
            watch: is told of every epoch: row, seed, epoch, percent of clean test images.

        Raises:
            FileNotFoundError: the data are not on this machine.
            ValueError: the poison cannot protect these data.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        runtime = Runtime.auto()
        common: dict[str, Any] = {
            "dataset": self.data,
            "per_class": self.per_class,
            "countermeasure": self.countermeasure,
            "recipe": self.recipe,
            "seed": self.poison.seed,
        }
        records = {}
        epochs = self.recipe.epochs
        took, last = [], [time.monotonic()]
        note("training on clean images", None)

        def after(row: str, epoch: Epoch) -> None:
            took.append(time.monotonic() - last[0])
            last[0] = time.monotonic()
            left = statistics.mean(took) * (epochs - epoch.epoch) if row == "protected" else None
            note(f"training on {row} images", left)
            watch(row, self.poison.seed, epoch.epoch, max(epoch.test_accs.values()))

        records["clean"] = Trial(row="clean", poison=None, **common).run(runtime, progress=partial(after, "clean"))
        note(f"crafting {self.poison.method}", None)
        began = last[0]

        def crafting(now: Progress) -> None:
            last[0] = time.monotonic()
            left = (last[0] - began) / max(1, now.done) * (now.total - now.done) + epochs * statistics.mean(took)
            note(f"crafting {self.poison.method}, {now.done} of {now.total}", left)

        records["protected"] = Trial(row="protected", poison=self.poison, **common).run(
            runtime, noises=self.folder, progress=partial(after, "protected"), report=crafting
        )
        write_json(self.folder / "record.json", records)
        (noise,) = self.folder.glob("*.safetensors")
        self._draw(noise)
        return {
            "noise": str(noise),
            "picture": str(self.folder / "picture.png"),
            "rows": {row: {"best": record["best"], "last": record["last"]} for row, record in records.items()},
            "seconds": records["protected"]["crafting"]["seconds"],
        }

    def _draw(self, noise: Path) -> None:
        from unlearnable.perturbation import load_perturbation

        stored = load_perturbation(noise)
        whole = load(self.data)
        rows = [np.flatnonzero(whole.labels == label)[: self.per_class] for label in range(len(whole.classes))]
        # the very images that were protected: sample-wise noise knows no others
        picture(stored, whole.subset([int(mine[0]) for mine in rows[:SHOWN] if len(mine)])).save(
            self.folder / "picture.png"
        )


def picture(stored: Stored, images: ImageSet) -> Image.Image:
    """Draw images in three rows: as they were, the difference × AMPLIFY, and as published."""
    published = stored.apply(images).pixels
    parts = (images.pixels, amplified(images.pixels, published), published)
    rows = [np.concatenate(list(part), axis=2) for part in parts]
    whole = np.concatenate(rows, axis=1)
    if len(whole) == 1:
        whole = np.repeat(whole, 3, axis=0)
    drawn = Image.fromarray(np.ascontiguousarray(whole.transpose(1, 2, 0)))
    factor = max(1, SIDE // images.pixels.shape[2])
    return drawn.resize((drawn.width * factor, drawn.height * factor), Image.Resampling.NEAREST)
