"""Published numbers: plausible, sourced, under our names where we have them, and found for a record."""

from collections import Counter
from typing import Any

import pytest

from unlearnable.exploiters import COUNTERMEASURES, countermeasure
from unlearnable.models import ARCHITECTURES
from unlearnable.poisons import POISONS
from unlearnable.report.published import Published, published, published_for, sources

THE_FIELDS_COUNTERMEASURES = {
    "byol",
    "fast-autoaugment",
    "l2-adversarial-training",
    "moco-v2",
    "no-augmentation",
    "rotation",
}
THE_FIELDS_POISONS = {
    "AR-linf",
    "Delusive P1",
    "Delusive P2",
    "Delusive P3",
    "Delusive P4",
    "ShortcutGen",
    "TensorClog",
    "error-min made on ImageNet",
}
THE_FIELDS_ARCHITECTURES = {"2-layer-mlp", "3-layer-mlp", "lenet5", "senet18", "vgg16", "vit-b"}


def poison(method: str, scope: str, epsilon: float) -> dict[str, Any]:
    return {"poison": {"method": method, "scope": scope, "epsilon": epsilon}, "dataset": "cifar10"}


def cell(each: Published) -> tuple[Any, ...]:
    return (
        *(each.poison, each.scope, each.epsilon, each.countermeasure),
        *(each.dataset, each.architecture, each.source),
    )


def test_every_number_is_a_percentage_with_a_source() -> None:
    assert published()
    for each in published():
        assert 0 <= each.accuracy <= 100, each
        assert each.source.strip(), each
        assert each.dataset in {"cifar10", "cifar100"}, each
        assert each.scope in {"", "class-wise", "sample-wise"}, each
        assert bool(each.paper) == (each.poison != "clean"), each


def test_no_cell_is_told_twice() -> None:
    assert [key for key, count in Counter(map(cell, published())).items() if count > 1] == []


def test_what_we_have_goes_by_our_name() -> None:
    names = {each.countermeasure for each in published()}
    assert {name for name in names if name.partition(":")[0] not in COUNTERMEASURES} == THE_FIELDS_COUNTERMEASURES
    for name in names - THE_FIELDS_COUNTERMEASURES:
        countermeasure(name)
    assert {each.architecture for each in published()} - set(ARCHITECTURES) == THE_FIELDS_ARCHITECTURES
    poisons = {each.poison for each in published() if each.poison != "clean"}
    assert {name for name in poisons if name not in POISONS} == THE_FIELDS_POISONS
    for each in published():
        if each.poison in POISONS and each.scope:
            assert each.scope in POISONS.get(each.poison).scopes, each


@pytest.mark.parametrize(("scope", "accuracy"), [("sample-wise", 19.93), ("class-wise", 16.42)])
def test_a_record_finds_its_poison_and_the_papers_own_number_first(scope: str, accuracy: float) -> None:
    found = published_for(poison("error-min", scope, 8.0))
    assert {(each.poison, each.scope, each.epsilon, each.dataset) for each in found} == {
        ("error-min", scope, 8, "cifar10")
    }
    first = next(each for each in found if each.countermeasure == "none")
    assert (first.accuracy, first.architecture) == (accuracy, "resnet18")


def test_a_record_finds_what_the_field_calls_by_another_name() -> None:
    found = published_for(poison("targeted", "sample-wise", 8.0))
    assert {each.called for each in found} == {"TAP"}
    assert {each.accuracy for each in found if each.countermeasure == "none"} >= {6.27, 8.17, 11.21}


@pytest.mark.parametrize(
    "record",
    [
        {"poison": None, "dataset": "cifar10"},
        poison("error-min", "sample-wise", 4),
        {**poison("error-min", "sample-wise", 8), "dataset": "digits"},
    ],
)
def test_nothing_is_found_for_clean_images_or_another_setting(record: dict[str, Any]) -> None:
    assert published_for(record) == ()


@pytest.mark.parametrize("dataset", ["cifar10", "cifar100"])
def test_the_tables_hold_every_number_once(dataset: str) -> None:
    tables = sources(dataset)
    shown = [each for table in tables for *_, cells in table.rows for each in cells if each]
    assert Counter(shown) == Counter(each for each in published() if each.dataset == dataset)
    assert len({table.name for table in tables}) == len(tables)


def test_a_note_says_what_it_is_about() -> None:
    tables = {table.name: table for table in sources("cifar10")}
    board = tables["APBench leaderboard, June 2023"]
    assert "blur:0.1: σ = 0.1 is the identity" in board.notes
    assert sum(note.count("REM, sample-wise, none") for note in board.notes) == 1
    assert tables["Zhu et al., ICLR 2026 (MI-UE), comparison"].notes == ("second-hand, from a note",)
