"""The noise lab: forms from dataclasses, and one try from end to end."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unlearnable.app.store import Store
from unlearnable.app.work import work
from unlearnable.datasets import load
from unlearnable.jobs.lab import DATA, LabJob, form, made, methods, picture
from unlearnable.perturbation import load_perturbation
from unlearnable.poisons import POISONS
from unlearnable.poisons.error_min import ErrorMin
from unlearnable.poisons.random import RandomNoise


@pytest.mark.parametrize("name", list(methods()))
def test_an_untouched_form_is_the_method_with_its_defaults(name: str) -> None:
    settings = form(name)
    assert made(name, {each.name: each.default for each in settings}) == POISONS.get(name)()
    assert {"scope", "seed"} <= {each.name for each in settings}
    assert all(each.default in each.choices for each in settings if each.kind == "choice")


def test_a_filled_form_is_a_method_with_these_settings() -> None:
    filled = {
        "scope": "sample-wise",
        "epsilon": " 16 ",
        "surrogates": "fast-small, vgg-small",
        "step": "1.5",
        "rounds": "2",
    }
    assert made("error-min", filled) == ErrorMin(
        scope="sample-wise", epsilon=16.0, surrogates=("fast-small", "vgg-small"), step=1.5, rounds=2
    )
    assert made("error-min", {}) == ErrorMin()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"epsilon": "much"}, "epsilon must be a number; got 'much'"),
        ({"rounds": "2.5"}, "rounds must be a whole number"),
        ({"epsilon": "0"}, "epsilon must be 1..127"),
        ({"epsilon": "nan"}, "epsilon must be 1..127"),
    ],
)
def test_a_wrong_value_is_one_sentence(values: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        made("error-min", values)


def test_a_wrong_job_is_one_sentence(tmp_path: Path) -> None:
    poison = RandomNoise()
    good = {"poison": poison, "data": "digits", "per_class": 10, "countermeasure": "none", "folder": tmp_path}
    for change, words in (
        ({"data": "imagenet"}, "the data are one of digits"),
        ({"per_class": 1}, "at least 2 images"),
        ({"countermeasure": "jpeg:200"}, "quality|jpeg"),
        ({"countermeasure": "grey"}, "gray"),
    ):
        with pytest.raises(ValueError, match=words):
            LabJob(**{**good, **change})
    assert "digits" in DATA


def test_one_try_from_end_to_end(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / "locks").mkdir()
    spec = {"source": "error-min", "method": "error-min", "data": "digits", "per_class": 12, "countermeasure": "gray"}
    settings = {"epsilon": "32", "steps": "8", "batch_size": "40", "cycles": "8"}
    name = store.add("lab", {**spec, "settings": settings})
    work(tmp_path, name)
    job = store.job(name)
    assert job is not None
    assert (job.state, job.message) == ("done", "")
    assert {row for row, _ in store.epochs(name)} == {"clean", "protected"}
    assert set(job.result["rows"]) == {"clean", "protected"}
    assert job.done == job.total
    noise = load_perturbation(Path(job.result["noise"]))
    assert noise.parameters["epsilon"] == 32
    with Image.open(job.result["picture"]) as drawn:
        assert drawn.size == (10 * 8 * 12, 3 * 8 * 12)


def test_what_is_left_is_told_once_it_is_measured(tmp_path: Path) -> None:
    told: list[tuple[str, float | None]] = []
    job = LabJob(
        poison=made("error-min", {"epsilon": "32", "steps": "8", "batch_size": "40", "stop_error": "0"}),
        data="digits",
        per_class=12,
        countermeasure="none",
        folder=tmp_path,
    )
    job.run(lambda words, left: told.append((words, left)), lambda *_: None)
    stages = ["training on clean images", "crafting", "training on protected images"]
    found = {stage: [left for words, left in told if words.startswith(stage)] for stage in stages}
    assert set(found[stages[0]]) == {None}
    measured = [left for left in found["crafting"] if left is not None]
    assert len(measured) == 8
    assert all(left > 0 for left in measured)
    assert found[stages[2]][-1] == 0


def test_what_cannot_be_crafted_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / "locks").mkdir()
    spec = {"source": "clusters", "method": "clusters", "data": "digits", "per_class": 2, "countermeasure": "none"}
    name = store.add("lab", {**spec, "settings": {"clusters": "50"}})
    work(tmp_path, name)
    job = store.job(name)
    assert job is not None
    assert job.state == "failed"
    assert "use fewer" in job.message


def test_the_picture_shows_what_was_published() -> None:
    images = load("digits").subset([0, 1])
    noise = RandomNoise(epsilon=16).craft(load("digits"))
    shown = np.asarray(picture(noise, images))[::12, ::12]
    assert (shown[:8, :8, 0] == images.pixels[0, 0]).all()
    assert (shown[16:, :8, 0] == noise.apply(images).pixels[0, 0]).all()
    assert abs(int(np.median(shown[8:16])) - 127) < 60
