"""The matrix of a suite: what counts for the worst case, and how it is printed and compared."""

import csv
import io

import pytest

from trial_records import Record, record
from unlearnable.report.difference import diff
from unlearnable.report.grid import matrix
from unlearnable.report.tables import table


def suite() -> list[Record]:
    return [
        record("clean", "none", 90.0),
        record("clean", "jpeg:10", 80.0),
        record("clean", "clean-mix:0.2", 90.0),
        record("em", "none", 55.0, seed=0),
        record("em", "none", 59.0, seed=1),
        record("em", "jpeg:10", 77.0),
        record("em", "clean-mix:0.2", 88.0),
    ]


def test_the_worst_case_leaves_out_who_has_clean_images() -> None:
    cells = matrix(suite())
    worst = cells.worst("em")
    assert worst is not None
    assert worst.column == "jpeg:10"
    informed = cells.worst_with_clean("em")
    assert informed is not None
    assert informed.column == "clean-mix:0.2"
    assert cells.worst("clean") is None
    assert cells.protected == ("em",)


def test_what_more_rows_have_met_comes_first() -> None:
    cells = matrix([record("clean", "gray", 80.0), record("clean", "none", 90.0), record("em", "none", 55.0)])
    assert cells.columns == ("none", "gray")
    assert [cells.tried(row) for row in cells.rows] == [2, 1]


def test_a_share_is_of_the_columns_own_ceiling_above_chance() -> None:
    cells = matrix(suite())
    cell = cells.cell("em", "jpeg:10")
    assert cell is not None
    assert cell.chance == 50
    assert cells.share(cell) == pytest.approx(27 / 30)
    low = matrix([record("clean", "none", 60.0), record("em", "none", 55.0)])
    cell = low.cell("em", "none")
    assert cell is not None
    assert low.share(cell) is None, "a ceiling this near to chance says nothing"


def test_a_training_that_broke_down_lowers_no_mean_unless_each_did() -> None:
    nothing = [{"name": "learned-nothing", "sentence": "It is so."}]
    broken = record("em", "none", 10.0, seed=1, flags=nothing)
    cell = matrix([record("em", "none", 80.0), broken]).cell("em", "none")
    assert cell is not None
    assert str(cell.best) == "80.0"
    assert str(cell.last) == "79.0"
    assert cell.seeds == (0, 1), "it was run, and its flag is told"
    alone = matrix([broken]).cell("em", "none")
    assert alone is not None
    assert str(alone.best) == "10.0"
    whole = matrix([record("clean", "none", 90.0), record("clean", "gray", 88.0), broken, record("em", "gray", 60.0)])
    assert (whole.tried("em"), whole.worst("em")) == (1, whole.cell("em", "gray")), "it shows nothing"
    assert not matrix([record("clean", "none", 90.0), {**broken, "countermeasure": "gray"}]).countered("em")


def test_a_ceiling_is_of_the_same_seeds_where_there_are_any() -> None:
    clean = [record("clean", "none", best, seed=seed) for seed, best in enumerate((90.0, 80.0, 70.0))]
    cells = matrix([*clean, record("em", "none", 55.0, seed=2), record("other", "none", 55.0, seed=7)])
    shares = []
    for row, ceiling in (("em", 70.0), ("other", 80.0)):
        cell = cells.cell(row, "none")
        assert cell is not None
        told = cells.ceiling_of(cell)
        assert told is not None
        assert told.best.mean == ceiling
        shares.append(cells.share(cell))
    assert shares == [pytest.approx((55 - 50) / (70 - 50)), pytest.approx((55 - 50) / (80 - 50))]


def test_trials_of_other_classes_or_sources_are_not_averaged() -> None:
    for name, value in (("protected", ["a"]), ("made_on", "cifar100"), ("pairs", True)):
        with pytest.raises(ValueError, match=name):
            matrix([record("em", "none", 20.0, **{name: value}), record("em", "none", 80.0, seed=1)])


def test_seeds_are_averaged_and_their_spread_is_told() -> None:
    cell = matrix(suite()).cell("em", "none")
    assert cell is not None
    assert str(cell) == "56.0 ±2.0 (57.0 ±2.0)"
    assert cell.best.range == 4


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (record("em", "none", 1.0, seed=1, recipe={"epochs": 9}), "different recipe"),
        (record("em", "none", 1.0, seed=0), "the same seed"),
    ],
)
def test_what_cannot_be_averaged_is_refused(other: Record, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        matrix([record("em", "none", 2.0), other])


def test_markdown_has_the_matrix_and_the_worst_case() -> None:
    lines = table(suite(), "md").splitlines()
    assert lines[0] == "| poison | none | jpeg:10 | clean-mix:0.2 † | worst case |"
    assert lines[2] == "| clean | 89.0 (90.0) n=1 | 79.0 (80.0) n=1 | 89.0 (90.0) n=1 | (ceiling) |"
    assert lines[3].startswith("| em | 56.0 ±2.0 (57.0 ±2.0) | 76.0 (77.0) n=1 |")
    assert lines[3].endswith("| **77.0** by jpeg:10 |")


def test_csv_can_be_read_back() -> None:
    rows = {(row["row"], row["column"]): row for row in csv.DictReader(io.StringIO(table(suite(), "csv")))}
    assert float(rows["em", "none"]["best_mean"]) == 57
    assert rows["em", "none"]["seeds"] == "2"
    assert rows["em", "jpeg:10"]["ceiling_best"] == "80.00"
    assert [place for place, row in rows.items() if row["worst"] == "1"] == [("em", "jpeg:10")]
    assert [place for place, row in rows.items() if row["with_clean"] == "1"] == [
        ("clean", "clean-mix:0.2"),
        ("em", "clean-mix:0.2"),
    ]


def test_latex_escapes_names() -> None:
    text = table([record("clean", "none", 90.0), record("5% & more_noise", "none", 12.0)], "latex")
    assert r"5\% \& more\_noise" in text
    assert r"\toprule" in text
    assert "worst case & " in text


def test_wrong_use_is_one_sentence() -> None:
    with pytest.raises(ValueError, match="unknown format 'markdwn'"):
        table(suite(), "markdwn")
    with pytest.raises(ValueError, match="run the suite first"):
        table([], "md")


def test_diff_puts_the_largest_change_first_and_says_what_else_differs() -> None:
    after = [{**each, "versions": {"torch": "3"}} for each in suite()]
    after[5] = {**after[5], "best": 70.0, "last": 60.0}
    after[6] = record("em", "blur:1", 5.0)
    text = diff(suite(), after)
    rows = [line for line in text.splitlines() if line.startswith("| em") or line.startswith("| clean")]
    assert rows[0].startswith("| em | jpeg:10 | 76.0 | 60.0 | -16.0 | 77.0 | 70.0 | -7.0 |")
    assert "5 cells are in both, 1 only before, 1 only after" in text
    assert "versions.torch: 2 before, 3 after" in text
    assert "- em, blur:1: 4.0 (5.0)" in text
    assert "Nothing else differs" in diff(suite(), suite())
