"""The page that reproduces the paper says what the records say."""

import re
from pathlib import Path

import pytest

from experiments import paper
from experiments.paper import figures
from experiments.paper.data import HELPERS, PROTECTED, faces, helpers, people, with_ships
from experiments.paper.measured import MISSING, Measured, spread
from experiments.paper.page import PROTECTED_PEOPLE, page

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reproducing.md"


def test_the_page_is_made_from_the_records_and_nothing_else() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(ROOT / "results"), "run `make paper`"


def test_without_records_the_page_says_so_and_shows_no_number_of_ours(tmp_path: Path) -> None:
    text = page(tmp_path)
    assert text.count("Not run yet.") == len(paper.__all__)
    assert "](figures/" not in text
    assert figures.draw(tmp_path, tmp_path / "figures") == []


def test_every_figure_of_the_page_is_there_and_every_suite_is_named() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for path in re.findall(r"\]\((figures/[^)]+)\)", text):
        assert (PAGE.parent / path).is_file(), f"run `make paper`: {path}"
    assert all(f"paper:{name}`" in text for name in paper.__all__)


def test_figures_are_drawn_from_records(tmp_path: Path) -> None:
    names = {path.stem for path in figures.draw(ROOT / "results", tmp_path)}
    assert names == {name for name in figures.FIGURES if Measured(name).records}


def test_the_mean_of_seeds_comes_with_its_spread() -> None:
    assert spread([]) == MISSING
    assert spread([12.34]) == "12.3"
    assert spread([10.0, 20.0]) == "15.0 (10.0 to 20.0)"


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
