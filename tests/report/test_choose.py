"""The page that helps to choose is made of records and of what methods say of themselves."""

import pytest

from trial_records import record
from unlearnable.report.choose import Facts, choose

FACTS = {
    "error-min": Facts(summary="small loss", scopes=("class-wise",), needs=("labels", "images"), bound="linf"),
    "lsp": Facts(summary="patches", scopes=("sample-wise",), needs=("labels",), bound="l2"),
    "never-run": Facts(summary="not yet", scopes=("sample-wise",), needs=(), bound="linf"),
}
LSP = {"poison": {"method": "lsp", "scope": "sample-wise", "epsilon": 6.0}, "crafting": {"cpu_seconds": 3.0}}


def test_rows_are_sorted_by_the_worst_case_and_say_what_breaks_them() -> None:
    page = choose(
        [
            record("clean", "none", 100.0),
            record("clean", "jpeg:10", 90.0),
            record("clean", "blur:1", 100.0),
            record("clean", "dfr:5", 100.0),
            record("em", "none", 51.0, crafting={"cpu_seconds": 8.0}),
            record("em", "jpeg:10", 89.0, crafting={"cpu_seconds": 10.0}),
            record("em", "blur:1", 95.0, crafting={"cpu_seconds": 12.0}),
            record("em", "dfr:5", 99.0, crafting={"cpu_seconds": 12.0}),
            record("patches", "none", 52.0, **LSP),
            record("patches", "jpeg:10", 60.0, **LSP),
        ],
        FACTS,
    )
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    del lines[1]
    assert lines[1].startswith("| patches | `lsp` | sample-wise | l2 6 | labels | 3 |")
    assert "jpeg:10" in lines[1].split("|")[9]
    em = [cell.strip() for cell in lines[2].split("|")][1:-1]
    assert em[:6] == ["em", "`error-min`", "class-wise", "linf 8", "labels, images", "8"]
    assert em[7:9] == ["3", "94.0 (95.0) blur:1"], "who has clean images does not count"
    assert em[9:] == ["none", "jpeg:10; blur:1"]
    assert "| `never-run` | sample-wise | linf | nothing | not yet |" in page
    assert "crafting for 20 images" in page


def test_nothing_to_show_is_an_error() -> None:
    with pytest.raises(ValueError, match="no finished trials"):
        choose([], FACTS)


def test_only_seconds_of_a_processor_are_seconds_on_one_core() -> None:
    there = {"device": "cuda", "processor": "a GPU", "threads": 1, "bf16": 1, "system": "Linux"}
    page = choose(
        [
            record("clean", "none", 100.0),
            record("em", "none", 51.0, crafting={"cpu_seconds": 8.0}),
            record("em", "none", 51.0, seed=1, crafting={"cpu_seconds": 1.0}, hardware=there),
            record("em", "none", 51.0, seed=2, crafting={"cpu_seconds": 2.0, "device": "cuda"}),  # trained on another
            record("patches", "none", 52.0, **LSP, hardware=there),
        ],
        FACTS,
    )
    em, patches = (
        next(line for line in page.splitlines() if line.startswith(f"| {name} ")) for name in ("em", "patches")
    )
    assert em.split("|")[6].strip() == "8"
    assert patches.split("|")[6].strip() == "not timed"


def test_seconds_of_a_processor_without_bfloat16_are_named_and_only_where_there_are_no_others() -> None:
    old = {"device": "cpu", "processor": "an old one", "threads": 1, "bf16": 0, "system": "Linux"}
    new = {**old, "bf16": 1}
    page = choose(
        [
            record("clean", "none", 100.0),
            record("em", "none", 51.0, crafting={"cpu_seconds": 8.0}, hardware=new),
            record("em", "none", 51.0, seed=1, crafting={"cpu_seconds": 5.0}, hardware=old),
            record("patches", "none", 52.0, **LSP, hardware=old),
        ],
        FACTS,
    )
    cells = {line.split("|")[1].strip(): line.split("|") for line in page.splitlines() if line.startswith("| ")}
    assert cells["em"][6].strip() == "8"
    assert cells["patches"][6].strip() == "3 in float32"


def test_a_row_that_met_few_countermeasures_stands_last() -> None:
    columns = [
        "none",
        "gray",
        "jpeg:10",
        "blur:1",
        "median:3",
        "crop:0.25",
        "posterize:2",
        "resize:0.5",
        "mixup:1",
        "coin:2",
    ]
    page = choose(
        [record("clean", column, 100.0) for column in columns]
        + [record("em", column, 90.0, crafting={}) for column in columns[:5]]
        + [record("patches", column, 20.0, **LSP) for column in columns[:4]],
        FACTS,
    )
    rows = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith(("| em ", "| patches "))]
    assert rows == ["em", "patches"], "its worst case is of four"
