"""The grid: every trial once, whatever is killed, damaged or run twice at a time."""

import json
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unlearnable import ErrorMin, RandomNoise, Runtime
from unlearnable._types import Progress
from unlearnable.datasets import load
from unlearnable.evaluation import fitting
from unlearnable.evaluation import grid as grid_module
from unlearnable.evaluation import trial as trial_module
from unlearnable.evaluation.grid import Place, Suite, finished, gather, read_records, run
from unlearnable.evaluation.store import claimed, write_json
from unlearnable.evaluation.trial import Trial
from unlearnable.exploiters import countermeasure
from unlearnable.imageset import ImageSet
from unlearnable.training.fit import TrainingDivergedError
from unlearnable.training.recipes import recipe

RUNTIME = Runtime.auto("cpu")
RECIPE = replace(recipe("tiny"), epochs=2)
POISON = ErrorMin(epsilon=32, steps=5, batch_size=50, cycles=16)


def _crash(*arguments: object) -> None:
    os._exit(7)


def trial(**changes: Any) -> Trial:
    settings: dict[str, Any] = {"row": "x", "dataset": "digits", "per_class": 8, "test_per_class": 5, "recipe": RECIPE}
    return Trial(**{**settings, **changes})


def suite(*columns: str, **changes: Any) -> Suite:
    return Suite(name="small", trials=tuple(trial(countermeasure=column, **changes) for column in columns))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(runs=tmp_path / "runs", results=tmp_path / "results")


def test_the_key_is_what_the_numbers_depend_on_and_nothing_else() -> None:
    first = trial()
    assert trial(row="another title", column="another").key == first.key
    assert trial(recipe=replace(RECIPE, name="other name")).key == first.key
    assert trial(countermeasure="jpeg").key == trial(countermeasure="jpeg:10").key
    others = [
        trial(per_class=9),
        trial(test_per_class=6),
        trial(poison=POISON),
        trial(poison=replace(POISON, steps=6)),
        trial(countermeasure="jpeg:11"),
        trial(recipe=replace(RECIPE, epochs=3)),
        trial(seed=1),
    ]
    keys = {each.key for each in [first, *others]}
    assert len(keys) == 1 + len(others)
    assert trial().key == first.key


def test_a_revision_of_a_countermeasure_or_poison_makes_its_trials_new(monkeypatch: pytest.MonkeyPatch) -> None:
    before = trial(countermeasure="gray", poison=POISON).key
    monkeypatch.setattr(type(countermeasure("gray")), "revision", 99)
    gray = trial(countermeasure="gray", poison=POISON).key
    monkeypatch.setattr(ErrorMin, "revision", 2, raising=False)
    assert len({before, gray, trial(countermeasure="gray", poison=POISON).key}) == 3


def test_a_record_says_everything() -> None:
    record = trial(poison=POISON, countermeasure="resize:0.5").run(RUNTIME)
    assert json.loads(json.dumps(record)) == record
    assert record["column"] == record["countermeasure"] == "resize:0.5"
    assert record["data"]["train"] == 80
    assert record["data"]["test"] == 50
    assert [epoch["epoch"] for epoch in record["curve"]] == [1, 2]
    reached = [max(epoch["test_acc"], epoch["treated_acc"]) for epoch in record["curve"]]
    assert record["best"] == max(reached)
    assert record["last"] == reached[-1]
    confusion = np.array(record["confusion"])
    assert confusion.sum() == 50
    assert (confusion.sum(axis=1) == 5).all()
    assert 100 * np.trace(confusion) / 50 == pytest.approx(record["last"])
    assert np.mean(record["class_accs"]) == pytest.approx(record["last"])
    assert record["poison"]["method"] == "error-min"
    assert record["crafting"]["seconds"] >= 0
    assert record["hardware"]["device"] == "cpu"
    assert record["versions"]["torch"] == torch.__version__
    assert record["flags"][0]["name"] == "undertrained"


def test_every_trial_runs_once_and_a_fresh_clone_goes_on_from_the_gathered_file(place: Place) -> None:
    notes: list[Progress] = []
    first = run(suite("none", "gray"), place, runtime=RUNTIME, report=notes.append)
    assert [record["column"] for record in first] == ["none", "gray"]
    assert notes[-1].done == notes[-1].total == 2
    times = {path: path.stat().st_mtime_ns for path in (place.runs / "small").glob("*.json")}
    assert run(suite("none", "gray"), place, runtime=RUNTIME) == first
    assert {path: path.stat().st_mtime_ns for path in times} == times
    clone = Place(runs=place.runs.parent / "elsewhere", results=place.results)
    notes.clear()
    run(suite("none", "gray"), clone, runtime=RUNTIME, report=notes.append)
    assert notes[0].note == "0 trials to run"
    again = run(suite("none", "gray"), place, runtime=RUNTIME, resume=False)
    assert [each["best"] for each in again] == [each["best"] for each in first]
    assert any(path.stat().st_mtime_ns != before for path, before in times.items())


def test_two_that_gather_into_one_file_from_places_of_their_own_lose_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = suite("none", "gray")
    other = Place(runs=place.runs.parent / "elsewhere", results=place.results)
    for there, each in zip((place, other), both.trials, strict=True):
        write_json(there.trial(both, each), {"key": each.key, "best": 1.0, "countermeasure": each.countermeasure})
    real, has_read = grid_module.finished, threading.Event()

    def slow(asked: Suite, there: Place, complain: Any = lambda text: None) -> dict[str, Any]:
        found = real(asked, there, complain)
        if there is place:
            has_read.set()
            time.sleep(0.3)  # the other one comes between reading and writing
        return found

    monkeypatch.setattr(grid_module, "finished", slow)
    first = threading.Thread(target=gather, args=(both, place))
    first.start()
    assert has_read.wait(10)
    assert len(gather(both, other)) == 2
    first.join()
    assert [each["countermeasure"] for each in read_records(place.gathered("small"))] == ["none", "gray"]


def test_titles_can_change_without_a_new_run_and_dropped_trials_leave_the_file(place: Place) -> None:
    run(suite("none", "gray"), place, runtime=RUNTIME)
    renamed = Suite(name="small", trials=(trial(row="better title", column="plain"),))
    assert [(each["row"], each["column"]) for each in gather(renamed, place)] == [("better title", "plain")]
    assert len(place.gathered("small").read_text().splitlines()) == 1


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"key": "other", "best": 1}'])
def test_a_damaged_record_is_named_and_run_again(place: Place, damage: str) -> None:
    chosen = suite("none")
    expected = run(chosen, place, runtime=RUNTIME)
    path = place.trial(chosen, chosen.trials[0])
    path.write_text(damage)
    place.gathered("small").write_text('{"torn')
    said: list[str] = []
    again = run(chosen, place, runtime=RUNTIME, say=said.append)
    assert [each["best"] for each in again] == [each["best"] for each in expected]
    assert any(str(path) in text and "damaged" in text for text in said)
    assert any("line 1 of" in text for text in said)


def test_bytes_that_are_no_text_are_damage_too(place: Place) -> None:
    chosen = suite("none", "gray")
    run(chosen, place, runtime=RUNTIME)
    gathered = place.gathered("small")
    first, second = gathered.read_bytes().splitlines()
    gathered.write_bytes(b"\xff\xfe" + first + b"\n" + second + b"\n")
    said: list[str] = []
    assert [record["column"] for record in read_records(gathered, said.append)] == ["gray"]
    assert said == [f"line 1 of {gathered} is damaged: its trial runs again"]


def test_a_record_that_another_process_has_just_finished_is_kept(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = suite("none")
    run(chosen, place, runtime=RUNTIME)
    before = place.trial(chosen, chosen.trials[0]).stat()
    # it looked before the other one was done
    monkeypatch.setattr(grid_module, "finished", lambda *values: {})
    run(chosen, place, runtime=RUNTIME)
    after = place.trial(chosen, chosen.trials[0]).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_trial_that_fails_is_named_and_the_others_go_on(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = Suite(name="small", trials=(trial(dataset="nowhere"), trial()))
    said: list[str] = []
    records = run(chosen, place, runtime=RUNTIME, say=said.append)
    assert len(records) == 1
    assert len(said) == 1
    assert "x, none, seed 0: unknown dataset 'nowhere'" in said[0]


@pytest.mark.parametrize(
    "error", [KeyError("no noise for it"), AttributeError("no such function"), ZeroDivisionError()]
)
def test_whatever_is_wrong_with_one_trial_the_others_go_on(
    error: Exception, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Trial.run

    def broken(self: Trial, *values: Any, **options: Any) -> Any:
        if self.countermeasure == "gray":
            raise error
        return real(self, *values, **options)

    monkeypatch.setattr(Trial, "run", broken)
    said: list[str] = []
    assert len(run(suite("gray", "none"), place, runtime=RUNTIME, say=said.append)) == 1
    (failed,) = said
    assert failed.removeprefix("x, gray, seed 0: ").strip()
    monkeypatch.setattr(Trial, "run", real)
    said.clear()
    assert len(run(suite("gray", "none"), place, runtime=RUNTIME, say=said.append)) == 2
    assert failed not in said, "what was said of an earlier run is forgotten"


def test_all_anew_that_is_stopped_goes_on_and_takes_no_old_record(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = suite("none", "gray")
    run(chosen, place, runtime=RUNTIME)
    real = Trial.run

    def only_none(self: Trial, *values: Any, **options: Any) -> Any:
        if self.countermeasure == "gray":
            raise RuntimeError("stopped")
        return real(self, *values, **options)

    monkeypatch.setattr(Trial, "run", only_none)
    assert [record["column"] for record in run(chosen, place, runtime=RUNTIME, resume=False)] == ["none"]
    assert place.gathered("small").with_suffix(".jsonl.old").is_file(), "nothing is lost before all is there anew"
    ran: list[str] = []

    def counted(self: Trial, *values: Any, **options: Any) -> Any:
        ran.append(self.countermeasure)
        return real(self, *values, **options)

    monkeypatch.setattr(Trial, "run", counted)
    assert len(run(chosen, place, runtime=RUNTIME)) == 2
    assert ran == ["gray"]
    assert not place.gathered("small").with_suffix(".jsonl.old").exists()


def test_noise_is_crafted_once_for_all_countermeasures(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    craft = trial_module._crafted
    monkeypatch.setattr(trial_module, "_crafted", lambda *values: calls.append("made") or craft(*values))
    records = run(suite("none", "gray", "median:3", poison=POISON), place, runtime=RUNTIME)
    assert calls == ["made"]
    assert len({record["crafting"]["checksum"] for record in records}) == 1
    run(suite("none", poison=RandomNoise()), place, runtime=RUNTIME)
    assert len(calls) == 2
    run(suite("none", poison=POISON, per_class=9), place, runtime=RUNTIME)
    assert len(calls) == 3, "noise is of the images it was made on"


def test_the_seconds_of_a_search_that_went_on_are_marked(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = trial(poison=POISON)
    place.noises.mkdir(parents=True)
    (record,) = run(Suite(name="small", trials=(chosen,)), place, runtime=RUNTIME)
    assert "resumed" not in record["crafting"]
    (file,) = place.noises.glob("*.safetensors")
    file.unlink()
    file.with_suffix(".state").write_bytes(b"what a killed search left")
    again = chosen.run(RUNTIME, noises=place.noises)
    assert again["crafting"]["resumed"]


def test_processes_share_a_suite(place: Place) -> None:
    chosen = suite("none", "gray", "median:3", "blur:1")
    records = run(chosen, place, runtime=RUNTIME, jobs=2)
    alone = run(chosen, Place(runs=place.runs / "alone", results=place.runs / "alone"), runtime=RUNTIME)
    assert [each["column"] for each in records] == [each["column"] for each in alone]
    assert [each["data"] for each in records] == [each["data"] for each in alone]


def test_processes_are_what_works_on_a_shared_suite(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid_module, "_work", None)  # here; what is started reads its own
    assert len(run(suite("none", "gray"), place, runtime=RUNTIME, jobs=2)) == 2


def test_a_process_that_crashes_ends_the_suite_with_a_sentence(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid_module, "_worker", _crash)
    with pytest.raises(RuntimeError, match=r"2 of 2 processes ended with code 7.*run the same command again"):
        run(suite("none", "gray"), place, runtime=RUNTIME, jobs=2)


def test_what_failed_in_this_run_is_not_tried_again_by_another_process(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen, tried = suite("none", "gray"), []

    def fails(self: Trial, *arguments: object, **options: object) -> None:
        tried.append(self.countermeasure)
        for each in chosen.trials:  # as if another process had just failed at the other too
            place.trial(chosen, each).with_suffix(".failed").write_text("no")
        raise ValueError("no")

    monkeypatch.setattr(Trial, "run", fails)
    assert run(chosen, place, runtime=RUNTIME) == []
    assert tried == ["none"]


def test_a_second_run_of_everything_keeps_what_was_whole(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = suite("none", "gray")
    whole = run(chosen, place, runtime=RUNTIME)
    real = Trial.run
    monkeypatch.setattr(
        Trial, "run", lambda self, *a, **o: real(self, *a, **o) if self.countermeasure == "none" else 1 / 0
    )
    for _ in range(2):
        assert len(run(chosen, place, runtime=RUNTIME, resume=False)) == 1
    assert read_records(place.gathered("small").with_suffix(".jsonl.old")) == whole


def test_blends_are_judged_by_their_loss() -> None:
    data, made = load("digits", split="test", size=8), countermeasure("mixup")
    two = replace(data.subset(np.flatnonzero(data.labels < 2)), classes=data.classes[:2])
    longer = replace(RECIPE, epochs=40)
    history = fitting.fit(two, test=two, recipe=longer, runtime=RUNTIME, countermeasure=made)
    assert not fitting.broke_down(history, two, longer, made)
    guessed = replace(history, epochs=(replace(history.last, train_loss=math.log(2), train_acc=60.0),))
    assert fitting.broke_down(guessed, two, longer, made)
    assert not fitting.broke_down(guessed, two, longer)


def test_a_trial_that_another_process_has_claimed_comes_last_and_is_run_if_that_one_dies(place: Place) -> None:
    chosen = suite("none", "gray")
    theirs, mine = (place.trial(chosen, trial) for trial in chosen.trials)
    theirs.parent.mkdir(parents=True)
    holder = multiprocessing.get_context("spawn").Process(target=_hold, args=(theirs.with_suffix(".lock"),))
    holder.start()
    deadline = time.time() + 60
    while not (theirs.parent / "held").exists() and time.time() < deadline:
        time.sleep(0.02)

    def report(progress: Progress) -> None:
        if mine.is_file() and holder.is_alive():
            assert not theirs.is_file()
            holder.kill()

    records = run(chosen, place, runtime=RUNTIME, report=report)
    holder.join()
    assert [each["column"] for each in records] == ["none", "gray"]
    assert mine.stat().st_mtime_ns < theirs.stat().st_mtime_ns


SCRIPT = """
import sys
import threading
from pathlib import Path
sys.path.insert(0, {tests!r})
from evaluation import test_grid as grid
grid.run(grid.suite(*{columns!r}), grid.Place(runs=Path({runs!r}), results=Path({results!r})), runtime=grid.RUNTIME)
"""


def test_a_killed_run_goes_on_where_it_was(place: Place) -> None:
    columns = [f"jpeg:{quality}" for quality in range(10, 40)]
    chosen = suite(*columns)
    script = SCRIPT.format(
        tests=str(Path(__file__).parents[1]), columns=columns, runs=str(place.runs), results=str(place.results)
    )
    process = subprocess.Popen([sys.executable, "-c", script])
    deadline = time.time() + 60
    while not list((place.runs / "small").glob("*.json")) and time.time() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = finished(chosen, place)
    assert 0 < len(kept) < len(columns)
    times = {path: path.stat().st_mtime_ns for path in (place.runs / "small").glob("*.json")}
    assert len(run(chosen, place, runtime=RUNTIME)) == len(columns)
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    holder = multiprocessing.get_context("spawn").Process(target=_hold, args=(tmp_path / "lock",))
    holder.start()
    deadline = time.time() + 60
    while not (tmp_path / "held").exists() and time.time() < deadline:
        time.sleep(0.02)
    with claimed(tmp_path / "lock") as ours:
        assert not ours
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    with claimed(tmp_path / "lock") as ours:
        assert ours


def _hold(path: Path) -> None:
    with claimed(path):
        (path.parent / "held").touch()
        time.sleep(60)


def test_out_of_memory_halves_the_batch_and_says_so(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    real, batches = fitting.fit, []

    def fit(*values: Any, recipe: Any, **options: Any) -> Any:
        batches.append(recipe.batch_size)
        if recipe.batch_size > 16:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(*values, recipe=recipe, **options)

    monkeypatch.setattr(fitting, "fit", fit)
    said: list[str] = []
    (record,) = run(suite("none"), place, runtime=RUNTIME, say=said.append)
    assert any("Memory ran out" in text for text in said)
    assert batches == [64, 32, 16]
    assert record["trained_by"]["batch_size"] == 16
    assert record["trained_by"]["learning_rate"] == RECIPE.learning_rate / 4
    assert any(flag["name"] == "batch-halved" and "16" in flag["sentence"] for flag in record["flags"])
    monkeypatch.setattr(fitting, "fit", lambda *values, **options: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        trial().run(RUNTIME)


@pytest.mark.parametrize(("broken", "flag"), [(1, "restarted"), (3, "learned-nothing")])
def test_a_training_that_broke_down_is_repeated_more_gently(
    broken: int, flag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, rates = fitting.fit, []

    def fit(*values: Any, recipe: Any, **options: Any) -> Any:
        rates.append(recipe.learning_rate)
        history = real(*values, recipe=recipe, **options)
        if len(rates) > broken:
            return history
        # of what broke down, the last is the best
        accuracies = {"test": 0.1 * len(rates)}
        return replace(
            history, epochs=tuple(replace(each, train_acc=10.0, test_accs=accuracies) for each in history.epochs)
        )

    monkeypatch.setattr(fitting, "fit", fit)
    record = trial().run(RUNTIME)
    assert rates == [RECIPE.learning_rate / 2**number for number in range(min(broken + 1, 3))]
    assert record["trained_by"]["learning_rate"] == rates[-1]
    assert {found["name"] for found in record["flags"]} & {"restarted", "learned-nothing"} == {flag}


def test_a_strength_that_changes_nothing_is_flagged_and_said(place: Place) -> None:
    said: list[str] = []
    # in a combination, a part that leaves inputs alone may still act in training
    columns = ("blur:0.1", "blur:1", "blur:0.1+mean-shift", "blur:0.1+blur:0.2")
    records = run(suite(*columns), place, runtime=RUNTIME, say=[].append)
    names = [[flag["name"] for flag in record["flags"]] for record in records]
    assert ["no-effect" in each for each in names] == [True, False, False, True]
    run(suite("blur:0.1"), replace(place, runs=place.runs / "again"), runtime=RUNTIME, resume=False, say=said.append)
    assert said == [
        "x, blur:0.1, seed 0: At this strength blur:0.1 changes no pixel of these images: this is plain training."
    ]


def test_a_training_whose_loss_becomes_infinite_is_repeated_more_gently(monkeypatch: pytest.MonkeyPatch) -> None:
    real, rates = fitting.fit, []

    def fit(*values: Any, recipe: Any, **options: Any) -> Any:
        rates.append(recipe.learning_rate)
        if recipe.learning_rate > highest:
            raise TrainingDivergedError("the loss became nan")
        return real(*values, recipe=recipe, **options)

    monkeypatch.setattr(fitting, "fit", fit)
    highest = RECIPE.learning_rate / 2
    record = trial().run(RUNTIME)
    assert rates == [RECIPE.learning_rate, RECIPE.learning_rate / 2]
    assert "restarted" in {flag["name"] for flag in record["flags"]}
    highest = 0
    rates.clear()
    with pytest.raises(TrainingDivergedError):
        trial().run(RUNTIME)
    assert len(rates) == 3


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (MemoryError(), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 4 bytes."), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_every_way_of_saying_that_memory_ran_out_is_understood(error: Exception, full: bool) -> None:
    assert fitting.out_of_memory(error) is full


def test_a_trial_too_large_for_memory_is_named_and_the_others_go_on(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fitting.fit

    def fit(*values: Any, recipe: Any, **options: Any) -> Any:
        if recipe.epochs == 1:
            raise MemoryError
        return real(*values, recipe=recipe, **options)

    monkeypatch.setattr(fitting, "fit", fit)
    chosen = Suite(name="small", trials=(trial(recipe=replace(RECIPE, epochs=1)), trial()))
    said: list[str] = []
    assert len(run(chosen, place, runtime=RUNTIME, say=said.append)) == 1
    assert said == [f"x, none, seed 0: {grid_module.TOO_LARGE}"]


def test_test_images_among_the_training_images_are_flagged(monkeypatch: pytest.MonkeyPatch) -> None:
    real = trial_module._data
    monkeypatch.setattr(trial_module, "_data", lambda name, split, count: real(name, "test", count))
    flags = trial(per_class=5).run(RUNTIME)["flags"]
    assert flags[0]["name"] == "train-test-overlap"
    assert "50 test images" in flags[0]["sentence"]


def test_one_trial_twice_in_a_suite_is_an_error() -> None:
    with pytest.raises(ValueError, match="the same trial twice: x, jpeg:10, seed 0"):
        suite("jpeg", "jpeg:10")
    with pytest.raises(ValueError, match="did you mean gray"):
        suite("grey")


def test_bad_settings_of_a_run_are_errors(place: Place) -> None:
    with pytest.raises(ValueError, match="jobs must be at least 1; got 0"):
        run(suite("none"), place, runtime=RUNTIME, jobs=0)
    with pytest.raises(FileNotFoundError):
        read_records(place.gathered("nothing"))


def test_only_who_has_clean_images_is_given_any(place: Place) -> None:
    """`clean-mix` trains on some originals, `clean-part` on these alone, `dfr` adds one more result."""
    mixed = trial(poison=POISON, countermeasure="clean-mix:0.25").run(RUNTIME)
    part = trial(poison=POISON, countermeasure="clean-part:0.25").run(RUNTIME)
    protected = trial(poison=POISON).run(RUNTIME)
    clean = trial().run(RUNTIME)
    assert len({each["data"]["hash"] for each in (mixed, part, protected, clean)}) == 4
    assert mixed["data"]["train"] == 80
    assert part["data"]["train"] == 20
    refitted = trial(poison=POISON, countermeasure="dfr:40").run(RUNTIME)
    assert [each["with_clean"] for each in (mixed, part, refitted, protected)] == [True, True, True, False]
    assert refitted["data"]["hash"] == protected["data"]["hash"]
    assert refitted["curve"][-1]["finished"]
    assert refitted["curve"][:2] == protected["curve"]
    assert (refitted["best"], refitted["best_epoch"]) == (refitted["curve"][-1]["test_acc"], 3)


def test_write_json_leaves_no_temporary_file(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": 1})
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_trial_that_another_suite_has_run_is_not_run_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    run(suite("none"), place, runtime=RUNTIME)
    monkeypatch.setattr(Trial, "run", lambda *values, **options: pytest.fail("it ran again"))
    other = Suite(name="other", trials=(trial(row="y", column="plain"),))
    (record,) = run(other, place, runtime=RUNTIME)
    assert (record["row"], record["column"]) == ("y", "plain")
    fresh = Place(runs=place.runs.parent / "elsewhere", results=place.results)
    assert len(finished(Suite(name="third", trials=other.trials), fresh)) == 1


def test_who_would_wait_for_noise_lets_others_go_first(place: Place) -> None:
    poisoned = trial(poison=POISON)
    run(Suite(name="small", trials=(poisoned,)), place, runtime=RUNTIME)
    (noise,) = place.noises.glob("*.safetensors")
    assert not poisoned.held_up(place.noises)
    with claimed(noise.with_suffix(".lock")):
        assert not poisoned.held_up(place.noises), "it is there"
        noise.unlink()
        assert poisoned.held_up(place.noises)
        assert not trial().held_up(place.noises)
        assert not replace(poisoned, seed=1).held_up(place.noises)
        assert grid_module._first_free([poisoned, poisoned, trial()], place.noises) == 2
    assert not poisoned.held_up(place.noises)


def test_only_the_protected_classes_change() -> None:
    clean, some = trial(), trial(poison=POISON, protected=("3", "7"))
    assert clean.key != some.key != trial(poison=POISON).key
    images = load("digits").subset(np.arange(100))
    noise = POISON.craft(images, RUNTIME)
    published = some._published(images, noise)
    changed = (published.pixels != images.pixels).any((1, 2, 3))
    assert changed.any()
    assert set(images.labels[changed]) <= {3, 7}
    assert (published.pixels[changed] == noise.apply(images).pixels[changed]).all()
    with pytest.raises(ValueError, match="has no class 'horse'; it has 0, 1"):
        trial(poison=POISON, protected=("horse",))._published(images, noise)


def test_noise_made_elsewhere_stands_for_classes_here() -> None:
    images = load("digits").subset(np.arange(100))
    noise = POISON.craft(images, RUNTIME)
    swapped = trial(poison=POISON, standing_for=(("0", "9"), ("1", "8")), protected=("0", "1"))
    published = swapped._published(images, noise)
    zero = int(np.flatnonzero(images.labels == 0)[0])
    moved = np.clip(images.pixels[zero].astype(int) + noise.bank[9], 0, 255)
    assert (published.pixels[zero] == moved).all()
    with pytest.raises(ValueError, match="class-wise noise that is added"):
        swapped._published(images, RandomNoise(scope="sample-wise").craft(images))
    record = trial(
        dataset="evaluation.test_grid:fewer_digits",
        made_on="digits",
        poison=RandomNoise(scope="sample-wise"),
        pairs=True,
    ).run(RUNTIME)
    assert record["verification"]["protected"]["same"] > 0
    assert 0 <= record["verification"]["protected"]["auc"] <= 1
    assert "others" not in record["verification"]


def fewer_digits(*, split: str = "train") -> ImageSet:
    """Load three digits of the ten."""
    digits = load("digits", split=split)
    rows = digits.subset(digits.labels < 3)
    return replace(rows, classes=digits.classes[:3])
