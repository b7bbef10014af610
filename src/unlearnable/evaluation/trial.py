"""One cell of a benchmark: (poison, data, recipe, countermeasure, seed), and its numbers."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from unlearnable._runtime import Runtime, hardware, versions
from unlearnable._types import Parameters, Report
from unlearnable.datasets import load
from unlearnable.evaluation.fitting import broke_down, fitted
from unlearnable.evaluation.flags import trial_flags
from unlearnable.evaluation.record import classes, numbers
from unlearnable.evaluation.store import claimed, key_of, write_json
from unlearnable.evaluation.verification import verification
from unlearnable.exploiters import WithClean, countermeasure
from unlearnable.imageset import ImageSet
from unlearnable.perturbation import Additive, PerturbationFileError, Stored, load_perturbation
from unlearnable.poisons._base import AnyPoison
from unlearnable.training.fit import Epoch, History, evaluate
from unlearnable.training.loader import resident
from unlearnable.training.recipes import Recipe

EXPLOITER_SEED = 100
"""Added to a trial's seed for the exploiter, so that it never starts from the surrogate's weights."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A poison against a countermeasure, as a specification that can be hashed, sent and run anywhere.

    Args:
        row: what tables call the training set: `clean`, `error-min, class-wise`, ….
        dataset: a name of the dataset registry with a `train` and a `test` split.
        per_class: training images per class, the first ones in stored order; None takes all.
        test_per_class: test images per class, likewise.
        poison: what the training images are protected with; None leaves them clean.
        countermeasure: a name of the exploiter registry, such as `none` or `jpeg:10`.
        recipe: how the exploiter trains.
        seed: the poison's; the exploiter's is this + 100.
        column: what tables call the countermeasure, if not by its name.
        protected: the classes that are protected, the others stay clean; by default all.
        made_on: the dataset whose training images the noise is made on; by default `dataset`.
        standing_for: pairs of a class here and the class there whose noise it gets, where noise made on another dataset
            is class-wise and additive; by default the names are the same.
        pairs: whether test images are compared in pairs too (`evaluation.verification`), as faces are.
    """

    row: str
    dataset: str
    recipe: Recipe
    per_class: int | None = None
    test_per_class: int | None = None
    poison: AnyPoison | None = None
    countermeasure: str = "none"
    seed: int = 0
    column: str = ""
    protected: tuple[str, ...] = ()
    made_on: str = ""
    standing_for: tuple[tuple[str, str], ...] = ()
    pairs: bool = False

    def description(self) -> Parameters:
        """Return what the numbers depend on, machine aside; titles and names do not count.

        Raises:
            ValueError: unknown countermeasure.
        """
        made = countermeasure(self.countermeasure)
        recipe = asdict(self.recipe)
        del recipe["name"]
        # what is not set is left out: the resume keys of earlier trials stay what they were
        special = {name: getattr(self, name) for name in ("protected", "made_on", "standing_for", "pairs")}
        return {
            "dataset": self.dataset,
            "per_class": self.per_class,
            "test_per_class": self.test_per_class,
            "poison": self.poison
            and {"method": self.poison.method, "revision": self.poison.revision, **self.poison.parameters()},
            "countermeasure": made.spec,
            "revision": made.revision,
            "recipe": recipe,
            "seed": self.seed,
            **{name: value for name, value in special.items() if value},
        }

    @property
    def title(self) -> str:
        """The column's name in tables."""
        return self.column or countermeasure(self.countermeasure).spec

    @cached_property
    def key(self) -> str:
        """The resume key: a digest of the description."""
        return key_of(self.description())

    def run(
        self,
        runtime: Runtime,
        *,
        noises: Path | None = None,
        progress: Callable[[Epoch], None] | None = None,
        report: Report | None = None,
    ) -> Parameters:
        """Craft (or take the noise crafted before, kept in the folder `noises`), train, and return the record.

        Where memory runs out, the batch is halved, and the learning rate with it; the record says so.

        Args:
            runtime: device; its seed is not used.
            noises: folder of crafted noise; None keeps none.
            progress: is told of every epoch.
            report: is told of every step of crafting.

        Raises:
            ValueError: unknown countermeasure, or data that cannot be protected or trained on.
            FileNotFoundError: the data are not on this machine.
        """
        made = countermeasure(self.countermeasure)
        clean, test = _data(self.dataset, "train", self.per_class), _data(self.dataset, "test", self.test_per_class)
        crafting: Parameters = {}
        facts: Parameters = {}
        train = clean
        seeded = runtime.with_seed(self.seed + EXPLOITER_SEED)
        if self.poison is not None:
            source = _data(self.made_on, "train", self.per_class) if self.made_on else clean
            noise, crafting = self._noise(source, runtime, noises, report)
            train = self._published(clean, noise)
        if isinstance(made, WithClean):
            train, facts = made.gather(train, clean, seeded)
        tests = {"test": test}
        if made.treats_test:
            tests["treated"] = test.with_pixels(made.treat(test.pixels, seeded))
        asked = made.recipe(self.recipe, len(train))
        started = time.perf_counter()
        recipe, history = fitted(
            train,
            test=tests,
            recipe=asked,
            runtime=seeded,
            seed=seeded.seed,
            countermeasure=made,
            progress=progress,
        )
        record = {
            "key": self.key,
            "row": self.row,
            "column": self.title,
            **self.description(),
            "countermeasure": made.spec,
            "data": {
                "train": len(train),
                "test": len(test),
                "classes": len(test.classes),
                "hash": train.content_hash(),
            },
            "crafting": crafting,
            "facts": facts,
            "trained_by": asdict(recipe),
            **numbers(history),
            "treated": made.treats_test,
            "with_clean": isinstance(made, WithClean),
            "blends": made.blends,
            "wall_seconds": round(time.perf_counter() - started, 1),
            "hardware": hardware(runtime.device),
            "versions": versions(),
        }
        if isinstance(made, WithClean):
            _finish(record, made, history, clean, test, seeded)
        if self.pairs:
            images = resident(test.pixels, seeded, recipe.image_size)
            record["verification"] = verification(history.model, images, test, self.protected, seeded)
        halvings = asked.batch_size // recipe.batch_size
        shared = len({image.tobytes() for image in clean.pixels} & {image.tobytes() for image in test.pixels})
        found = trial_flags(
            record,
            shared=shared,
            halved=halvings > 1,
            restarted=recipe.learning_rate * halvings < 0.9 * asked.learning_rate,
            nothing=broke_down(history, train, recipe, made),
            blends=made.blends,
            idle=made.treats_whole and np.array_equal(tests["treated"].pixels, test.pixels),
        )
        record["flags"] = [asdict(flag) for flag in found]
        return record

    def _published(self, clean: ImageSet, noise: Stored) -> ImageSet:
        """Return the images with those of the protected classes protected."""
        if self.standing_for:
            if not isinstance(noise, Additive) or noise.scope != "class-wise":
                raise ValueError("standing_for is for class-wise noise that is added")
            here, there = zip(*self.standing_for, strict=True)
            noise = replace(noise, bank=noise.bank[noise.rows(there)], index=here)
        if not self.protected:
            return noise.apply(clean)
        unknown = [name for name in self.protected if name not in clean.classes]
        if unknown:
            raise ValueError(f"{clean.name} has no class {unknown[0]!r}; it has {', '.join(clean.classes)}")
        chosen = np.isin(clean.labels, [clean.classes.index(name) for name in self.protected])
        pixels = clean.pixels.copy()
        pixels[chosen] = noise.apply(clean.subset(np.flatnonzero(chosen))).pixels
        return clean.with_pixels(pixels)

    def held_up(self, noises: Path) -> bool:
        """Return whether another process is crafting the noise of this trial, so that it would have to wait.

        Raises:
            FileNotFoundError: the data are not on this machine.
        """
        if self.poison is None:
            return False
        file = self._noise_file(_content_hash(self.made_on or self.dataset, self.per_class), noises)
        if file.is_file():
            return False
        with claimed(file.with_suffix(".lock")) as ours:
            return not ours

    def _noise_file(self, data: str, folder: Path) -> Path:
        assert self.poison is not None
        values = {
            "method": self.poison.method,
            "revision": self.poison.revision,
            "seed": self.seed,
            **self.poison.parameters(),
            "data": data,
        }
        return folder / f"{key_of(values)}.safetensors"

    def _noise(
        self, clean: ImageSet, runtime: Runtime, folder: Path | None, report: Report | None
    ) -> tuple[Stored, Parameters]:
        assert self.poison is not None
        poison = replace(self.poison, seed=self.seed)
        if folder is None:
            return _crafted(poison, clean, runtime, report)
        file = self._noise_file(clean.content_hash(), folder)
        facts = file.with_suffix(".json")
        with claimed(file.with_suffix(".lock"), wait=True):
            # damaged noise is crafted again, like any trial's record
            with suppress(PerturbationFileError, json.JSONDecodeError, FileNotFoundError):
                return load_perturbation(file), json.loads(facts.read_text(encoding="utf-8"))
            # a killed search goes on where it was
            state = file.with_suffix(".state")
            begun = state.is_file()
            noise, crafting = _crafted(poison, clean, replace(runtime, checkpoint=state), report)
            if begun:
                crafting["resumed"] = True  # its seconds are those of the last part only
            noise.save(file)
            write_json(facts, crafting)
            state.unlink(missing_ok=True)
        return noise, crafting


def _crafted(poison: AnyPoison, clean: ImageSet, runtime: Runtime, report: Report | None) -> tuple[Stored, Parameters]:
    started, used = time.perf_counter(), time.process_time()
    noise = poison.craft(clean, runtime, report)
    seconds = {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - used}
    rounded = {name: round(value, 1) for name, value in seconds.items()}
    return noise, {**rounded, "device": runtime.device.type, "checksum": noise.checksum()}


@lru_cache(maxsize=8)
def _data(name: str, split: str, per_class: int | None) -> ImageSet:
    whole = load(name, split=split)
    if per_class is None:
        return whole
    rows = [np.flatnonzero(whole.labels == label)[:per_class] for label in range(len(whole.classes))]
    return whole.subset(np.sort(np.concatenate(rows)))


@lru_cache(maxsize=8)
def _content_hash(name: str, per_class: int | None) -> str:
    return _data(name, "train", per_class).content_hash()


def _finish(
    record: Parameters, made: WithClean, history: History, clean: ImageSet, test: ImageSet, runtime: Runtime
) -> None:
    size = record["trained_by"]["image_size"]
    if size:  # as the network saw them, and as it is tested
        clean = clean.with_pixels(resident(clean.pixels, runtime, size).cpu().contiguous().numpy())
    model = made.finish(history.model, clean, runtime)
    if model is None:
        return
    images = resident(test.pixels, runtime, size)
    confusion = evaluate(model, images, test.labels, len(test.classes), runtime)
    accuracy = round(100 * float(np.trace(confusion)) / len(test), 2)
    record["curve"].append({"epoch": len(history.epochs) + 1, "test_acc": accuracy, "finished": True})
    record["last"] = record["best"] = accuracy  # the epochs before are those of plain training
    record["best_epoch"] = len(history.epochs) + 1
    record.update(classes(confusion))
