"""The leaderboard: sorted by the worst case, readable, and in need of nothing else."""

import re
from collections.abc import Callable

import pytest

from trial_records import record
from unlearnable.report.leaderboard import Board, colour, ink, leaderboard_html, leaderboard_markdown


def records() -> list[dict]:
    published = {"method": "error-min", "scope": "sample-wise", "epsilon": 8.0}
    cifar = {"dataset": "cifar10"}
    return [
        record("clean", "none", 90.0, **cifar),
        record("clean", "gray", 88.0, **cifar),
        record("weak <b>", "none", 55.0, **cifar),
        record("weak <b>", "gray", 87.0, **cifar),
        record("strong", "none", 52.0, **cifar, poison=published),
        record("strong", "jpeg:75", 51.0, **cifar, poison=published),
        record("strong", "clean-part:0.2", 70.0, **cifar, poison=published),
    ]


def test_the_lowest_worst_case_comes_first() -> None:
    board = Board(name="x", records=tuple(records()))
    assert [each.row for each in board.standings] == ["strong", "weak <b>"]
    assert [each.verdict for each in board.standings] == ["held", "failed"]
    strong, weak = board.standings
    assert strong.worst is not None
    assert strong.worst.column == "none"
    assert strong.published is not None
    assert strong.published.countermeasure == "none"
    assert strong.published_worst is not None
    assert strong.published_worst.accuracy > strong.published.accuracy
    assert "clean-" not in strong.published_worst.countermeasure
    assert weak.published is None or weak.published.scope == "class-wise"
    assert {"single-seed", "countermeasure-not-run"} <= {flag.name for flag in strong.flags}


def test_what_a_scraper_can_tell_is_told_where_it_was_measured() -> None:
    facts = {"auc": 0.987, "mlp_auc": 0.5, "mlp_protected": 77.0}
    column = {"column": "detector:0.5", "facts": facts}
    found = [*records(), record("strong", "detector:0.5", 70.0, **column, dataset="cifar10")]
    assert "| strong | 98.7 | 50.0 | 77.0 |" in leaderboard_markdown({"x": found})
    assert "<td>98.7</td><td>50.0</td><td>77.0</td>" in leaderboard_html({"x": found})
    assert "Can a scraper tell" not in leaderboard_markdown({"x": records()}) + leaderboard_html({"x": records()})


@pytest.mark.parametrize("write", [leaderboard_markdown, leaderboard_html])
def test_a_suite_without_records_is_named(write: Callable[..., str]) -> None:
    with pytest.raises(ValueError, match="'empty' has no records"):
        write({"x": records(), "empty": []})


def test_what_nobody_has_run_is_named_and_without_any_there_is_no_verdict() -> None:
    alone = [record("clean", "none", 90.0), record("strong", "none", 12.0)]
    text = leaderboard_markdown({"x": alone}, {"x": ("none", "gray", "dfr:500")})
    assert "run against no poison yet: gray; dfr:500." in text
    assert "2 of 3 countermeasures were not run, only none." in text
    assert "| 1 | 90.0 | not tested |" in text
    html = leaderboard_html({"x": alone}, {"x": ("none", "gray", "dfr:500")})
    assert "<small>1 of 2 tried</small>" in html
    nothing = [{"name": "no-effect", "sentence": "It changed nothing."}]
    idle = [*alone, record("clean", "blur:0.1", 90.0), record("strong", "blur:0.1", 12.0, flags=nothing)]
    board = Board(name="x", records=tuple(idle))
    assert (board.standings[0].tried, board.standings[0].verdict) == (1, "not tested")
    assert "no-effect" in {flag.name for flag in board.standings[0].flags}


def test_markdown_has_headlines_matrix_flags_and_sources() -> None:
    text = leaderboard_markdown({"c10-10k": records()})
    first = next(line for line in text.splitlines() if line.startswith("| strong"))
    assert first.startswith("| strong | 51.0 (52.0) | **52.0** by none | 2 | 90.0 | held |")
    assert "weak &lt;b&gt;" in text
    assert "`single-seed`" in text
    assert "## Published numbers" in text
    assert "7 trials, 1 seed," in text


def test_the_page_needs_nothing_else_and_shows_every_cell() -> None:
    html = leaderboard_html({"c10-10k": records()})
    assert "<script" not in html
    assert not re.search(r"(?:src|href)=|url\(", html)
    assert "weak &lt;b&gt;" in html
    assert "weak <b>" not in html
    assert html.count('class="worst"') == 2
    assert 'title="strong, gray: not run"' in html
    assert "<small>2 of 3 tried</small>" in html, "clean-part has clean images, and does not count"


def test_it_can_be_read_on_a_phone_and_on_paper() -> None:
    html = leaderboard_html({"c10-10k": records()})
    _, small, printed = re.split(r"@media (?:\(max-width: 700px\)|print) ", html.partition("</style>")[0])
    assert ".heat .headline { position: static; }" in small, "two sticky columns leave no room for a third"
    assert ".scroll { overflow: visible; }" in printed
    assert "position: static" in printed
    assert "details::details-content { content-visibility: visible;" in printed


@pytest.mark.parametrize("share", [None, -1.0, *(step / 20 for step in range(21)), 1.5])
def test_text_can_be_read_on_every_colour(share: float | None) -> None:
    def luminance(shade: str) -> float:
        values = [int(shade[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in values]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(colour(share)), luminance(ink(share))), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_green_means_protected() -> None:
    assert colour(0.0) == "#1a7f5a"
    assert colour(1.0) == "#b02a30"
