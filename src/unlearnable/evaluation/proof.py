"""Prove a protection by training: one recipe on clean, random-noise, protected and sanitised images."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from unlearnable._runtime import Runtime, hardware, versions
from unlearnable._types import Parameters, Progress, Report, silent
from unlearnable.evaluation.exploit import Training
from unlearnable.evaluation.flags import Flag, batch_flag, find_flags, overlap_flag, restart_flag
from unlearnable.evaluation.metrics import Verdict, chance, interval, learned, verdict
from unlearnable.evaluation.store import resumed
from unlearnable.imageset import ImageSet
from unlearnable.training.fit import Epoch
from unlearnable.training.recipes import Recipe

FORMAT = "unlearnable-proof/1"

KNOWN_UNTESTED = (
    "adversarial training",
    "a pre-trained network that is fine-tuned",
    "diffusion purification and autoencoders",
    "strong augmentation by loss",
    "a training set that is only partly protected",
)
"""Countermeasures that break bounded noise in the literature and that a proof on photos does not run."""

FEW_TESTS = 50
"""Test images below which the 95 % interval of an accuracy can be more than 27 points wide."""

Kind = Literal["control", "protected", "countermeasure"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One training set of a proof.

    Args:
        name: `clean`, `random`, `protected`, or the countermeasure's name.
        title: how a report calls it.
        kind: a control, the protected images as published, or the protected images after a countermeasure.
        train: the images.
        treated_test: the test images after the same treatment that `train` went through, if any.
        countermeasure: what the exploiter does while loading them for training (a name of the registry).
    """

    name: str
    title: str
    kind: Kind
    train: ImageSet
    treated_test: ImageSet | None = None
    countermeasure: str = "none"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything a proof trains on.

    Args:
        rows: the training sets; the names `clean` and `protected` must be among them.
        ceilings: clean images treated as the protected ones of the row of the same name are; a treatment may cost them
            something too. They are trained on where plain clean images leave it open whether that row held.
        test: clean images that are in no training set.
        recipe: how the exploiter trains, the same for all rows.
        seeds: one training per row and seed.
        epsilon: budget of the protection in levels, for the record and for the random control.
        chance: percent that a network which learned nothing gets right; by default the test set's largest category.
        untested: what the report names as not tried.
        about: what was protected and how, for the record.
    """

    rows: tuple[Row, ...]
    test: ImageSet
    recipe: Recipe
    ceilings: tuple[Row, ...] = ()
    seeds: tuple[int, ...] = (0, 1)
    epsilon: float = 8.0
    chance: float | None = None
    untested: tuple[str, ...] = KNOWN_UNTESTED
    about: Parameters = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [row.name for row in self.rows]
        if "clean" not in names or "protected" not in names:
            raise ValueError(f"a proof needs the rows clean and protected; got {', '.join(names)}")
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds must be different numbers, at least one; got {self.seeds!r}")
        for row in (*self.rows, *self.ceilings):
            shared = set(row.train.keys) & set(self.test.keys)
            if shared:
                raise ValueError(f"{len(shared)} test images are in the training set {row.name!r}: split them first")


Watch = Callable[[str, int, int, float], None]
"""Is told of every epoch: the row's name, the seed, the number of the epoch, percent of clean test images."""


def unwatched(row: str, seed: int, epoch: int, accuracy: float) -> None:
    """Watch nothing."""


def prove(
    plan: Plan,
    *,
    runtime: Runtime,
    store: Path | None = None,
    report: Report = silent,
    watch: Watch = unwatched,
) -> Parameters:
    """Train every row with every seed and return the proof, ready to be written as JSON.

    The headline is the worst case over countermeasures and epochs, by verdict first: each row has its own ceiling. A
    training that broke down does not count, where another seed's did not. A finished training is kept in `store`, so a
    killed proof goes on where it was. `watch` is told of every epoch, of trainings from the store too; `report` only of
    those that are trained now, so that a clock which starts at its first word measures work. Its total counts a ceiling
    until it is known that it does not matter.

    Raises:
        ValueError: too few images to train on.
    """
    started = time.perf_counter()
    records: list[Parameters] = []
    for number, (row, name, seed) in enumerate(_jobs(plan, records)):
        rows = len(plan.rows) + len(_ceilings(plan, records))
        total = rows * len(plan.seeds) * plan.recipe.epochs
        trial = Training(
            row=name,
            train=row.train,
            test=plan.test,
            treated_test=row.treated_test,
            recipe=plan.recipe,
            countermeasure=row.countermeasure,
            seed=seed,
        )
        first, note = number * plan.recipe.epochs, f"{row.title}, seed {seed}"

        def train(trial: Training = trial, first: int = first, of: int = total, note: str = note) -> Parameters:
            report(Progress(done=first, total=of, note=note))

            def after(epoch: Epoch) -> None:
                report(Progress(done=first + epoch.epoch, total=of, note=note))
                watch(trial.row, trial.seed, epoch.epoch, max(epoch.test_accs.values()))

            return trial.run(runtime, after)

        record, stored = resumed(store, trial.description(runtime), train)
        for point in record["curve"] if stored else ():
            watch(name, seed, point["epoch"], point["test_acc"])
        records.append(record)
    total = len(records) * plan.recipe.epochs
    report(Progress(done=total, total=total, note="done"))
    # a killed proof that went on took longer than its last run
    seconds = max(time.perf_counter() - started, sum(record["seconds"] for record in records))
    return _summary(plan, records, runtime, seconds)


def _jobs(plan: Plan, records: Sequence[Parameters]) -> Iterator[tuple[Row, str, int]]:
    """Yield what is trained, by which name and seed: the rows and, once these are done, the ceilings that matter.

    Seeds that an earlier proof trained come first, so that the time left is measured on work.
    """
    yield from ((row, row.name, seed) for seed in plan.seeds for row in plan.rows)
    for ceiling in _ceilings(plan, records):
        yield from ((ceiling, f"{CEILING}{ceiling.name}", seed) for seed in plan.seeds)


def _ceilings(plan: Plan, records: Sequence[Parameters]) -> list[Row]:
    """Return the ceilings that matter, and those that may: their rows are not trained yet."""
    done = Counter(record["row"] for record in records)
    return [
        ceiling
        for ceiling in plan.ceilings
        if min(done["clean"], done[ceiling.name]) < len(plan.seeds)
        or verdict(_mean(records, ceiling.name), _mean(records, "clean"), _chance(plan)) in ("held", "weakened")
    ]


CEILING = "clean, "
"""How the record of a ceiling is called, before the row's name."""


SEVERITY: tuple[Verdict, ...] = ("not tested", "held", "weakened", "failed")
"""Verdicts from the one that says least against a protection to the one that says most."""


def _chance(plan: Plan) -> float:
    return chance(plan.test.labels) if plan.chance is None else plan.chance


def _mean(records: Sequence[Parameters], name: str) -> float:
    return float(np.mean([record["best"] for record in _sound([each for each in records if each["row"] == name])]))


def _sound(records: Sequence[Parameters]) -> Sequence[Parameters]:
    """Leave out trainings that broke down, if others of the row did not."""
    return [record for record in records if not record["broke_down"]] or records


def _summary(plan: Plan, records: Sequence[Parameters], runtime: Runtime, seconds: float) -> Parameters:
    level = _chance(plan)
    rows = [_row(row, [record for record in records if record["row"] == row.name], len(plan.test)) for row in plan.rows]
    clean = next(row for row in rows if row["name"] == "clean")["best"]
    measured = {record["row"] for record in records}
    for row in rows:
        own = f"{CEILING}{row['name']}"
        ceiling = round(_mean(records, own), 3) if own in measured else clean
        row["ceiling"], row["learned"] = ceiling, round(learned(row["best"], ceiling, level), 4)
        if row["kind"] != "control":
            row["verdict"] = verdict(row["best"], ceiling, level)
    attacked = [row for row in rows if row["kind"] != "control"]
    worst = max(attacked, key=lambda row: (SEVERITY.index(row["verdict"]), row["best"]))
    reference = next(row for row in plan.rows if row.name == "clean").train
    flags = list(find_flags(rows, chance=level, seeds=len(plan.seeds), untested=plan.untested))
    halved = [record["recipe"] for record in records if record.get("halved")]
    if halved:
        flags.append(batch_flag(min(halved, key=lambda recipe: int(recipe["batch_size"]))))
    if len(plan.test) < FEW_TESTS:
        flags.insert(0, _few_flag(len(plan.test)))
    if any(record["restarted"] for record in records):
        flags.append(restart_flag([record["row"] for record in records if record["restarted"]]))
    overlap = overlap_flag(reference.keys, _duplicates(reference, plan.test))
    if overlap:
        flags.insert(0, overlap)
    return {
        "format": FORMAT,
        "about": plan.about,
        "epsilon": plan.epsilon,
        "chance": round(level, 3),
        "classes": len(plan.test.classes),
        "train_images": len(reference),
        "test_images": len(plan.test),
        "image_size": plan.recipe.image_size or int(min(plan.test.pixels.shape[2:])),
        "seeds": list(plan.seeds),
        "recipe": asdict(plan.recipe),
        "rows": rows,
        "worst": {"name": worst["name"], "title": worst["title"], "best": worst["best"], "verdict": worst["verdict"]},
        "flags": [asdict(flag) for flag in flags],
        "trainings": list(records),
        "seconds": round(seconds, 1),
        "hardware": hardware(runtime.device),
        "versions": versions(),
    }


def _few_flag(count: int) -> Flag:
    return Flag(
        name="few-test-images",
        sentence=f"There are {count} test images: each is {100 / count:.1f} points, so luck alone can make a verdict; "
        "use more.",
    )


def _row(row: Row, records: Sequence[Parameters], test_images: int) -> Parameters:
    sound = _sound(records)
    best, last, train = ([record[name] for record in sound] for name in ("best", "last", "train_acc"))
    return {
        "name": row.name,
        "title": row.title,
        "kind": row.kind,
        "countermeasure": row.countermeasure,
        "best": round(float(np.mean(best)), 3),
        "last": round(float(np.mean(last)), 3),
        "best_per_seed": [record["best"] for record in records],
        "last_per_seed": [record["last"] for record in records],
        "broken_seeds": [record["seed"] for record in records if record["broke_down"]],
        "train_acc": round(float(np.mean(train)), 3),
        "interval": [round(side, 2) for side in interval(float(np.mean(last)), test_images)],
        "best_interval": [round(side, 2) for side in interval(float(np.mean(best)), test_images)],
    }


def _duplicates(train: ImageSet, test: ImageSet) -> int:
    known = {image.tobytes() for image in train.pixels}
    return sum(image.tobytes() in known for image in test.pixels)
