"""The proof machinery on a task that a tiny network learns in seconds."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unlearnable import ImageSet, Runtime
from unlearnable._types import Progress
from unlearnable.evaluation import fitting
from unlearnable.evaluation.controls import smooth_control
from unlearnable.evaluation.exploit import Training
from unlearnable.evaluation.metrics import verdict
from unlearnable.evaluation.proof import Plan, Row, prove
from unlearnable.training.pretraining import PROBE_RATES
from unlearnable.training.recipes import recipe

RECIPE = replace(recipe("tiny"), epochs=4, batch_size=16)


def blobs(count: int, seed: int) -> ImageSet:
    """Two categories, a bright left or a bright right half, under noise."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % 2
    pixels = generator.integers(0, 120, (count, 3, 16, 16)).astype(np.uint8)
    for half in (0, 1):
        pixels[labels == half, :, :, 8 * half : 8 * half + 8] += 80
    keys = tuple(f"{seed}/{row}" for row in range(count))
    return ImageSet(pixels=pixels, labels=labels, keys=keys, classes=("left", "right"))


def shuffled(data: ImageSet) -> ImageSet:
    """The same pixels under meaningless labels: nothing to learn."""
    labels = np.random.default_rng(0).permutation(data.labels)
    return replace(data, labels=labels, name="shuffled")


def plan(**changes: object) -> Plan:
    train, test = blobs(96, 1), blobs(60, 2)
    rows = (
        Row(name="clean", title="Clean", kind="control", train=train),
        Row(name="protected", title="Protected", kind="protected", train=shuffled(train)),
        Row(name="gray", title="Grey", kind="countermeasure", train=train, countermeasure="gray"),
    )
    recipe_ = replace(RECIPE, augment="none")
    return replace(Plan(rows=rows, test=test, recipe=recipe_, seeds=(0, 1)), **changes)


@pytest.fixture(scope="module")
def proof() -> dict:
    return prove(plan(), runtime=Runtime.auto("cpu"))


def test_the_clean_control_learns_and_the_headline_is_the_worst_row(proof: dict) -> None:
    rows = {row["name"]: row for row in proof["rows"]}
    assert rows["clean"]["last"] > 90
    assert rows["protected"]["last"] < 80
    assert proof["worst"]["name"] == "gray"
    assert proof["worst"]["verdict"] == rows["gray"]["verdict"] == "failed"
    assert "verdict" not in rows["clean"]
    assert proof["chance"] == 50


def test_every_epoch_of_every_seed_is_recorded(proof: dict) -> None:
    assert len(proof["trainings"]) == 6
    for training in proof["trainings"]:
        accuracies = [epoch["test_acc"] for epoch in training["curve"]]
        assert len(accuracies) == RECIPE.epochs
        assert training["best"] == max(accuracies)
        assert training["last"] == accuracies[-1]
        assert training["hardware"]["device"] == "cpu"
    assert {training["seed"] for training in proof["trainings"]} == {0, 1}


def test_seconds_are_those_of_all_runs(tmp_path: Path) -> None:
    first = prove(plan(seeds=(0,)), runtime=Runtime.auto("cpu"), store=tmp_path)
    again = prove(plan(seeds=(0,)), runtime=Runtime.auto("cpu"), store=tmp_path)
    trained = sum(training["seconds"] for training in again["trainings"])
    assert 0 < trained == sum(training["seconds"] for training in first["trainings"])
    assert first["seconds"] >= again["seconds"] >= round(trained, 1)


def test_what_was_not_run_is_said(proof: dict) -> None:
    named = {flag["name"] for flag in proof["flags"]}
    assert "countermeasure-not-run" in named
    assert "few-test-images" not in named, "60 are enough"


def test_where_memory_runs_out_the_batch_is_halved_and_the_report_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    real = fitting.fit

    def fit(train: ImageSet, **options: Any) -> Any:
        if options["recipe"].batch_size > 8:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes.")
        return real(train, **options)

    monkeypatch.setattr(fitting, "fit", fit)
    monkeypatch.setattr(fitting, "SMALLEST_BATCH", 8)
    small = prove(plan(seeds=(0,)), runtime=Runtime.auto("cpu"))
    assert {training["recipe"]["batch_size"] for training in small["trainings"]} == {8}
    assert [flag["sentence"] for flag in small["flags"] if flag["name"] == "batch-halved"] == [
        f"Memory ran out: the batch and the learning rate were halved to 8 and {RECIPE.learning_rate / 2:g}."
    ]


def test_a_batch_that_a_countermeasure_asks_for_is_no_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    from unlearnable.exploiters.gray import Gray

    monkeypatch.setattr(Gray, "recipe", lambda self, recipe, images: replace(recipe, batch_size=8))
    found = prove(plan(seeds=(0,)), runtime=Runtime.auto("cpu"))
    assert 8 in {training["recipe"]["batch_size"] for training in found["trainings"]}
    assert "batch-halved" not in {flag["name"] for flag in found["flags"]}


def test_what_a_treatment_costs_clean_photos_is_measured_where_it_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    """A countermeasure that leaves clean photos next to nothing shows no protection."""
    reached = {"clean": 90.0, "protected": 55.0, "gray": 58.0, "jpeg:75": 85.0, "clean, gray": 68.0}
    real = Training.run

    def run(self: Training, *values: Any) -> dict[str, Any]:
        return real(self, *values) | {"best": reached[self.row]}

    monkeypatch.setattr(Training, "run", run)
    layout = plan(seeds=(0,), recipe=replace(RECIPE, epochs=1))
    gray = layout.rows[2]
    jpeg = replace(gray, name="jpeg:75", title="JPEG", countermeasure="jpeg:75")
    ceilings = tuple(replace(row, kind="control", title=f"Clean, {row.title}") for row in (gray, jpeg))
    proof = prove(replace(layout, rows=(*layout.rows, jpeg), ceilings=ceilings), runtime=Runtime.auto("cpu"))
    rows = {row["name"]: row for row in proof["rows"]}
    assert {training["row"] for training in proof["trainings"]} == set(reached), "JPEG failed in any case"
    assert (rows["gray"]["ceiling"], rows["jpeg:75"]["ceiling"]) == (68.0, 90.0)
    assert verdict(58.0, 90.0, 50) == "held"
    assert rows["gray"]["verdict"] == "weakened"
    assert rows["jpeg:75"]["verdict"] == "failed"


def test_the_worst_row_is_that_of_the_worst_verdict_by_its_own_ceiling(monkeypatch: pytest.MonkeyPatch) -> None:
    reached = {"clean": 95.0, "protected": 58.0, "gray": 56.0, "clean, gray": 66.0}
    real = Training.run
    monkeypatch.setattr(Training, "run", lambda self, *values: real(self, *values) | {"best": reached[self.row]})
    layout = plan(seeds=(0,), recipe=replace(RECIPE, epochs=1))
    ceiling = replace(layout.rows[2], kind="control")
    proof = prove(replace(layout, ceilings=(ceiling,)), runtime=Runtime.auto("cpu"))
    assert [row.get("verdict") for row in proof["rows"]] == [None, "held", "weakened"]
    assert (proof["worst"]["name"], proof["worst"]["best"]) == ("gray", 56.0), "not the higher 58 that held"


def test_a_training_that_broke_down_does_not_count_where_another_did_not(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Training.run

    def broken(self: Training, *values: Any) -> dict[str, Any]:
        record = real(self, *values)
        if (self.row, self.seed) == ("gray", 0):
            record |= {"best": 50.0, "last": 50.0, "train_acc": 50.0, "broke_down": True, "restarted": True}
        return record

    monkeypatch.setattr(Training, "run", broken)
    proof = prove(plan(), runtime=Runtime.auto("cpu"))
    row = next(row for row in proof["rows"] if row["name"] == "gray")
    assert row["broken_seeds"] == [0]
    assert row["best"] == row["best_per_seed"][1] > 80
    said = {flag["name"]: flag["sentence"] for flag in proof["flags"]}
    assert "gray (seed 0)" in said["learned-nothing"]
    assert said["restarted"].startswith("In gray a training")


def test_smooth_random_noise_is_of_a_class_within_its_size_and_smooth() -> None:
    clean = blobs(20, 1)
    grey = replace(clean, pixels=np.full_like(clean.pixels, 128))
    made = smooth_control(grey, epsilon=8).pixels.astype(int) - 128
    assert np.abs(made).max() == 8
    assert (made[0] == made[2]).all()
    assert (made[0] != made[1]).any()
    assert np.abs(np.diff(made, axis=3)).mean() < np.abs(made).mean()
    assert (smooth_control(grey, epsilon=8, seed=1).pixels != smooth_control(grey, epsilon=8).pixels).any()


def test_a_killed_proof_goes_on(tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def stop_in_the_second(progress) -> None:
        if progress.done > RECIPE.epochs + 1:
            raise Killed

    small = plan(seeds=(0,))
    with pytest.raises(Killed):
        prove(small, runtime=Runtime.auto("cpu"), store=tmp_path, report=stop_in_the_second)
    kept = list(tmp_path.glob("*.json"))
    assert len(kept) == 1
    before = kept[0].stat().st_mtime_ns
    proof = prove(small, runtime=Runtime.auto("cpu"), store=tmp_path)
    assert len(proof["trainings"]) == 3
    assert len(list(tmp_path.glob("*.json"))) == 3
    assert kept[0].stat().st_mtime_ns == before


def test_progress_counts_what_may_come_and_a_clock_measures_what_is_trained_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = {"clean": 90.0, "protected": 55.0, "gray": 88.0, "jpeg:75": 55.0, "clean, jpeg:75": 88.0}
    real = Training.run
    monkeypatch.setattr(Training, "run", lambda self, *values: real(self, *values) | {"best": reached[self.row]})
    layout = plan(seeds=(0,), recipe=replace(RECIPE, epochs=2))
    gray = layout.rows[2]
    jpeg = replace(gray, name="jpeg:75", countermeasure="jpeg:75")
    layout = replace(layout, rows=(*layout.rows, jpeg), ceilings=(gray, jpeg))
    told: list[tuple[int, int]] = []

    def tell(now: Progress) -> None:
        told.append((now.done, now.total))

    prove(layout, runtime=Runtime.auto("cpu"), store=tmp_path, report=tell)
    first = [(0, 12), (1, 12), (2, 12), (2, 12), (3, 12), (4, 12), (4, 12), (5, 12), (6, 12)]
    assert told == [*first, (6, 10), (7, 10), (8, 10), (8, 10), (9, 10), (10, 10), (10, 10)]
    max(tmp_path.glob("*.json"), key=lambda path: path.stat().st_mtime_ns).unlink()
    told.clear()
    prove(layout, runtime=Runtime.auto("cpu"), store=tmp_path, report=tell)
    assert told == [(8, 10), (9, 10), (10, 10), (10, 10)], "what is stored is no work"


def test_with_more_seeds_what_is_stored_comes_first(tmp_path: Path) -> None:
    small = plan(recipe=replace(RECIPE, epochs=1))
    prove(replace(small, seeds=(0,)), runtime=Runtime.auto("cpu"), store=tmp_path)
    told: list[int] = []
    prove(small, runtime=Runtime.auto("cpu"), store=tmp_path, report=lambda now: told.append(now.done))
    assert told[0] == 3, "a clock that starts at the first word measures work alone"


def test_test_images_in_training_are_refused_or_flagged() -> None:
    train = blobs(96, 1)
    with pytest.raises(ValueError, match="are in the training set 'clean'"):
        plan(test=train)
    renamed = replace(train, keys=tuple(f"other/{row}" for row in range(96)))
    rows = tuple(row for row in plan().rows if row.kind != "countermeasure")
    proof = prove(plan(rows=rows, test=renamed.subset(range(40)), seeds=(0,)), runtime=Runtime.auto("cpu"))
    told = {flag["name"]: flag["sentence"] for flag in proof["flags"]}
    assert "train-test-overlap" in told
    assert told["few-test-images"].startswith("There are 40 test images: each is 2.5 points")


def test_the_exploiter_keeps_the_better_of_two_test_treatments() -> None:
    train, test = blobs(96, 1), blobs(60, 2)
    wrong = replace(test, labels=1 - test.labels)
    trial = Training(row="x", train=train, test=wrong, treated_test=test, recipe=replace(RECIPE, augment="none"))
    record = trial.run(Runtime.auto("cpu"))
    assert record["last"] > 90


def test_a_training_follows_its_countermeasures_recipe_and_has_no_clean_images() -> None:
    train, test = blobs(96, 1), blobs(60, 2)
    record = Training(row="x", train=train, test=test, recipe=RECIPE, countermeasure="simclr:1").run(
        Runtime.auto("cpu")
    )
    assert record["recipe"]["learning_rate"] == PROBE_RATES["learning_rate"]
    assert not record["restarted"]
    with pytest.raises(ValueError, match="clean-mix:0.2 needs clean images"):
        Training(row="x", train=train, test=test, recipe=RECIPE, countermeasure="clean-mix").run(Runtime.auto("cpu"))


def test_bad_plans_are_refused() -> None:
    with pytest.raises(ValueError, match="clean and protected"):
        plan(rows=plan().rows[:1])
    with pytest.raises(ValueError, match="seeds"):
        plan(seeds=())
