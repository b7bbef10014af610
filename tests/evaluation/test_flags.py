import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from trial_records import Record, record
from unlearnable.evaluation import flags, proof
from unlearnable.evaluation import suite_flags as suites
from unlearnable.evaluation.fitting import KNOWS
from unlearnable.evaluation.flags import find_flags, overlap_flag
from unlearnable.evaluation.metrics import HELD, LEAST_TO_LEARN, NOTHING, WEAKENED
from unlearnable.evaluation.suite_flags import LINEAR, suite_flags
from unlearnable.exploiters import COUNTERMEASURES


def row(name: str, best: float, train_acc: float = 99, broken: Sequence[int] = ()) -> dict:
    told = {"best": best, "last": best, "train_acc": train_acc, "broken_seeds": list(broken)}
    return {"name": name, "kind": "control", **told}


def names(*rows: dict, chance: float = 10, seeds: int = 2, untested: tuple[str, ...] = ()) -> set[str]:
    return {flag.name for flag in find_flags(rows, chance=chance, seeds=seeds, untested=untested)}


def test_a_sound_proof_has_no_flag() -> None:
    assert names(row("clean", 80), row("random", 75), row("protected", 12)) == set()


def test_each_weakness_is_flagged() -> None:
    assert "clean-baseline-low" in names(row("clean", 24), row("protected", 12))
    assert "clean-baseline-low" in names(row("clean", 45), row("protected", 12))
    assert "undertrained" in names(row("clean", 80), row("protected", 12, train_acc=89))
    assert "learned-nothing" in names(row("clean", 80), row("protected", 12, broken=[1]))
    assert "random-noise-does-as-well" in names(row("clean", 80), row("random", 13), row("protected", 12))
    assert "random-noise-does-as-well" in names(
        row("clean", 80), row("random", 79), row("smooth", 13), row("protected", 12)
    )
    assert "single-seed" in names(row("clean", 80), row("protected", 12), seeds=1)
    assert "countermeasure-not-run" in names(row("clean", 80), row("protected", 12), untested=("x",))


def test_overlap() -> None:
    assert overlap_flag(["a"], 0) is None
    flag = overlap_flag(["a", "b"], 1)
    assert flag is not None
    assert flag.name == "train-test-overlap"


CLEAN = [record("clean", name, best) for name, best in (("none", 90.0), ("jpeg:10", 80.0), (LINEAR, 85.0))]


def suite_names(*mine: Record, clean: Sequence[Record] = CLEAN, columns: tuple[str, ...] = ("none",)) -> set[str]:
    return {flag.name for flag in suite_flags(mine, clean, chance=50, all_columns=columns)}


def held(**more: Any) -> list[Record]:
    return [record("em", "none", 52.0, seed=seed, **more) for seed in (0, 1)]


def fell(countermeasure: str) -> list[Record]:
    return [record("em", countermeasure, 78.0, seed=seed) for seed in (0, 1)]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (("none", "gray"), "1 of 2 countermeasures were not run: gray."),
        (("none", "gray", "jpeg:10"), "2 of 3 countermeasures were not run, only none."),
    ],
)
def test_the_shorter_list_of_what_was_run_or_not_is_told(columns: tuple[str, ...], said: str) -> None:
    (flag,) = suite_flags(held(), CLEAN, chance=50, all_columns=columns)
    assert flag.sentence.startswith(said)


def test_a_sound_row_has_no_flag() -> None:
    assert suite_names(*held()) == set()


def test_each_weakness_of_a_row_is_flagged() -> None:
    assert suite_names(*held(), *fell(LINEAR)) == {"linearly-separable"}
    assert suite_names(*held(), *fell("jpeg:10")) == {"jpeg-fragile"}
    assert suite_names(*held(train_acc=70.0)) == {"undertrained"}
    assert suite_names(held()[0]) == {"single-seed"}
    assert suite_names(*held(), columns=("none", "gray")) == {"countermeasure-not-run"}
    assert suite_names(*held(), clean=[]) == {"clean-baseline-low"}
    assert suite_names(*held(), clean=[record("clean", "none", 60.0)]) == {"clean-baseline-low"}
    for name in ("train-test-overlap", "batch-halved", "restarted", "learned-nothing"):
        assert suite_names(*held(flags=[{"name": name, "sentence": "It is so."}])) == {name}


def test_what_fell_without_help_is_not_called_fragile() -> None:
    open_to_all = [record("em", "none", 85.0, seed=seed) for seed in (0, 1)]
    assert suite_names(*open_to_all, *fell(LINEAR), *fell("jpeg:10")) == set()


def test_partial_protection_is_compared_with_the_clean_part_alone() -> None:
    mixed, alone = (
        [record("em", name, best, seed=seed) for seed in (0, 1)]
        for name, best in (("clean-mix:0.2", 84.0), ("clean-part:0.2", 81.5))
    )
    (flag,) = suite_flags([*held(), *mixed, *alone], CLEAN, chance=50, all_columns=())
    assert flag.name == "partial-protection"
    assert "84.0 %" in flag.sentence
    assert "81.5 %" in flag.sentence
    assert "+2.5" in flag.sentence
    theirs = [record("clean", "clean-part:0.2", 81.5)]
    assert suite_flags([*held(), *mixed], [*CLEAN, *theirs], chance=50, all_columns=("clean-part:0.2",)) == (flag,)


def test_training_accuracy_on_blends_says_little() -> None:
    blended = [record("em", "mixup:1", 52.0, seed=seed, train_acc=55.0) for seed in (0, 1)]
    assert suite_names(*held(), *blended) == set()
    other = [{**each, "countermeasure": "gone:1"} for each in blended]
    assert suite_names(*held(), *other) == {"undertrained"}
    assert suite_names(*held(), *[{**each, "blends": True} for each in other]) == set(), "a record says it itself"
    assert suite_names(*held(), *[{**each, "blends": False} for each in blended]) == {"undertrained"}
    assert set(suites.BLENDS) == {name for name in COUNTERMEASURES if COUNTERMEASURES.get(name).blends is True}


def test_every_flag_is_explained_with_its_threshold() -> None:
    source = "".join(Path(each.__file__).read_text(encoding="utf-8") for each in (flags, suites, proof))
    raised = set(re.findall(r'(?:name=|, |\()"([a-z]+(?:-[a-z]+)+)"', source)) - {LINEAR, "clean-mix", suites.CONTROL}
    assert {"undertrained", "batch-halved", "linearly-separable"} - {"undertrained"} <= raised
    page = (Path(__file__).parents[2] / "docs" / "flags.md").read_text(encoding="utf-8")
    explained = dict(re.findall(r"^\| `([a-z-]+)`(?: †)? \| (.+?) \|", page, re.MULTILINE))
    assert raised | {"undertrained", "restarted"} == set(explained)
    assert f"{flags.UNDERTRAINED:.0f} %" in explained["undertrained"]
    assert f"{flags.CLEAN_BASELINE:.0f} %" in explained["clean-baseline-low"]
    assert f"{proof.FEW_TESTS} test images" in explained["few-test-images"]
    assert f"{LEAST_TO_LEARN:.0f} points" in explained["clean-baseline-low"]
    assert f"within {flags.AS_WELL:.0f} points" in explained["random-noise-does-as-well"]
    assert f"within {NOTHING:.0f} points" in explained["restarted"]
    assert f"{KNOWS} of guessing" in explained["restarted"]
    told = page[page.index("**Verdicts**") :]
    assert f"`held` up to {100 * HELD:.0f} %, `weakened` up to {100 * WEAKENED:.0f} %" in told
    assert f"less than {LEAST_TO_LEARN:.0f} points" in told
    for name in ("linearly-separable", "jpeg-fragile"):
        assert f"{100 * HELD:.0f} %" in explained[name]
        assert f"{100 * WEAKENED:.0f} %" in explained[name]
