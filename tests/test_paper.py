"""The page that reproduces the paper says what the records say."""

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from experiments import paper, suites
from experiments.paper import data, figures
from experiments.paper.data import (
    HELPERS,
    PROTECTED,
    faces,
    helpers,
    last_three_thousand,
    next_thousand,
    people,
    ten_thousand,
    with_ships,
)
from experiments.paper.measured import MISSING, Measured, spread
from experiments.paper.page import PROTECTED_PEOPLE, REASONS_AGAINST, against, page
from experiments.paper.panels import panels
from unlearnable._runtime import Runtime
from unlearnable.evaluation.grid import Suite, read_records
from unlearnable.imageset import ImageSet
from unlearnable.poisons.random import RandomNoise

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reproducing.md"


def test_the_page_is_made_from_the_records_and_nothing_else() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(ROOT / "results"), "run `make paper`"


def test_without_records_the_page_says_so_and_shows_no_number_of_ours(tmp_path: Path) -> None:
    text = page(tmp_path)
    assert text.count("Not run yet.") == len(paper.__all__)
    assert re.findall(r"\]\((figures/[^)]+)\)", text) == ["figures/panels.png"], "the one figure without numbers"
    assert figures.draw(tmp_path, tmp_path / "figures") == []


def test_every_figure_of_the_page_is_there_and_every_suite_is_named() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for path in re.findall(r"\]\((figures/[^)]+)\)", text):
        assert (PAGE.parent / path).is_file(), f"run `make paper`: {path}"
    assert all(f"paper:{name}`" in text for name in paper.__all__)


@pytest.mark.parametrize("name", figures.FIGURES)
def test_a_committed_figure_is_drawn_from_the_records_of_today(name: str) -> None:
    drawn = (PAGE.parent / "figures" / f"{name}.svg").read_text(encoding="utf-8")
    assert figures.source(name, ROOT / "results") in drawn, "run `make paper`"


def test_figures_are_drawn_from_records(tmp_path: Path) -> None:
    names = {path.stem for path in figures.draw(ROOT / "results", tmp_path)}
    assert names == {name for name in figures.FIGURES if Measured(name).records}


def test_the_mean_of_seeds_comes_with_its_spread() -> None:
    assert spread([]) == MISSING
    assert spread([12.34]) == "12.3"
    assert spread([10.0, 20.0]) == "15.0 (10.0 to 20.0)"


def test_a_cell_of_several_seeds_has_no_brackets_in_brackets(tmp_path: Path) -> None:
    lines = [{"row": "a", "column": "none", "seed": seed, "last": 10.0 + seed, "best": 20.0} for seed in (0, 1)]
    (tmp_path / "paper-x.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    found = Measured("x", tmp_path)
    assert found.both("a", "none") == "10.5 [10.0 to 11.0] (20.0 [20.0 to 20.0])"
    assert found.both("b", "none") == MISSING


def test_countermeasures_stand_beside_what_was_published(tmp_path: Path) -> None:
    cells = {
        ("clean", "gray"): 76.0,
        ("LSP", "gray"): 74.8,
        ("targeted", "gray"): 20.9,
        ("self-ensemble", "gray"): 14.0,
        ("self-ensemble", "none"): 90.0,
        ("self-ensemble", "blur:1"): 90.0,
        ("contrastive", "simclr:16"): 50.0,
        ("clean", "simclr:16"): 52.0,
    }
    lines = [{"row": row, "column": column, "seed": 0, "last": last} for (row, column), last in cells.items()]
    (tmp_path / "c10-10k.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    found = {(each.row, each.column): each for each in against(tmp_path)}
    assert list(found) == [
        ("LSP", "gray"),
        ("targeted", "gray"),
        ("self-ensemble", "gray"),
        ("contrastive", "simclr:1000, here simclr:16"),
    ]
    assert found["LSP", "gray"].reason == REASONS_AGAINST["LSP", "gray"]
    assert found["targeted", "gray"].reason == "", "20.9 is not 10 points above 11.0"
    assert found["self-ensemble", "gray"].reason, "14.0 is 10 points above 3.6"
    grey = found["targeted", "gray"]
    assert (grey.published, grey.published_clean, grey.ours, grey.ours_clean) == ("11.0", "92.4", "20.9", "76.0")
    assert found["contrastive", "simclr:1000, here simclr:16"].published_clean == ""


def test_panels_show_ten_categories_and_nobodys_face() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 3, 8, 8), dtype=np.uint8)
    data = ImageSet(
        pixels=pixels,
        labels=np.arange(24) % 12,
        keys=tuple(map(str, range(24))),
        classes=("Faces", *(f"thing_{number}" for number in range(11))),
    )
    figure = panels(data, [RandomNoise(scope="class-wise"), RandomNoise(scope="sample-wise")], Runtime.auto("cpu"))
    assert [axes.get_title() for axes in figure.axes[:10]] == [f"thing {number}" for number in range(10)]
    pictures = [axes.get_images()[0].get_array() for axes in figure.axes]
    assert len(pictures) == 50
    for place in range(10):
        original, noise, unlearnable = (np.asarray(pictures[row * 10 + place]).astype(int) for row in range(3))
        np.testing.assert_array_equal(original, pixels[place + 1].transpose(1, 2, 0))
        assert 0 < abs(unlearnable - original).max() <= 8
        np.testing.assert_array_equal(noise, np.clip(127.5 + 10 * (unlearnable - original), 0, 255).astype(np.uint8))


@pytest.mark.usefixtures("shared_data")
def test_who_protects_is_in_the_training_set_and_helpers_are_not() -> None:
    mine, others = people()
    train, test, aside = faces(), faces(split="test"), helpers()
    assert set(mine) < set(train.classes)
    assert train.classes == test.classes
    assert set(others) == set(aside.classes)
    assert not set(train.classes) & set(aside.classes)
    assert not set(train.keys) & (set(test.keys) | set(aside.keys))
    assert [train.classes[place] for place in PROTECTED_PEOPLE] == list(mine)
    assert len(PROTECTED) == len(HELPERS) == 8
    assert all(re.fullmatch(r"faces-\d\d", name) for name in train.classes), "no names of people in results"


@pytest.mark.usefixtures("shared_data")
def test_new_images_are_none_that_noise_is_made_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "load", cache(data.load))
    parts = [ten_thousand(), next_thousand(), last_three_thousand()]
    assert [each.counts.tolist() for each in parts] == [[1000] * 10, [1000] * 10, [3000] * 10]
    assert len({key for each in parts for key in each.keys}) == 50_000
    published = {trial.dataset for trial in paper.unseen().trials}
    assert published == {"experiments.paper.data:next_thousand"}
    assert "experiments.paper.data:next_thousand" not in {trial.made_on for trial in paper.unseen().trials}


@pytest.mark.usefixtures("shared_data")
def test_ships_are_a_class_of_their_own_with_the_keys_of_cifar10() -> None:
    images = with_ships(split="test")
    assert images.counts.tolist() == [100] * 21
    assert all(key.startswith("cifar10/") for key in images.keys[-100:])


@pytest.mark.usefixtures("shared_data")
@pytest.mark.parametrize("name", paper.__all__)
def test_every_suite_is_whole(name: str) -> None:
    suite = getattr(paper, name)()
    assert suite.name == f"paper-{name}"
    assert len({trial.key for trial in suite.trials}) == len(suite.trials) > 0
    if Measured(name).records:
        keys = {trial.key for trial in suite.trials}
        assert {record["key"] for record in Measured(name).records} <= keys, "records of another suite"


@pytest.mark.parametrize("suite", [suites.c10_10k, suites.c10, suites.frequencies, suites.targeted])
def test_the_benchmarks_records_are_of_todays_trials(suite: Callable[[], Suite]) -> None:
    """A raised revision or another setting makes records count no more; `bench gather` leaves them out."""
    planned = suite()
    records = read_records(ROOT / "results" / f"{planned.name}.jsonl")
    assert records
    assert {record["key"] for record in records} <= {trial.key for trial in planned.trials}
