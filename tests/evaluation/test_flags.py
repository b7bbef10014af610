from unlearnable.evaluation.flags import find_flags, overlap_flag


def row(name: str, best: float, train_acc: float = 99) -> dict:
    return {"name": name, "kind": "control", "best": best, "last": best, "train_acc": train_acc}


def names(*rows: dict, chance: float = 10, seeds: int = 2, untested: tuple[str, ...] = ()) -> set[str]:
    return {flag.name for flag in find_flags(rows, chance=chance, seeds=seeds, untested=untested)}


def test_a_sound_proof_has_no_flag() -> None:
    assert names(row("clean", 80), row("random", 75), row("protected", 12)) == set()


def test_each_weakness_is_flagged() -> None:
    assert "clean-baseline-low" in names(row("clean", 24), row("protected", 12))
    assert "clean-baseline-low" in names(row("clean", 45), row("protected", 12))
    assert "undertrained" in names(row("clean", 80), row("protected", 12, train_acc=89))
    assert "random-noise-does-as-well" in names(row("clean", 80), row("random", 13), row("protected", 12))
    assert "single-seed" in names(row("clean", 80), row("protected", 12), seeds=1)
    assert "countermeasure-not-run" in names(row("clean", 80), row("protected", 12), untested=("x",))


def test_overlap() -> None:
    assert overlap_flag(["a"], 0) is None
    flag = overlap_flag(["a", "b"], 1)
    assert flag is not None
    assert flag.name == "train-test-overlap"
