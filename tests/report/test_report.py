import re
from html.parser import HTMLParser

import numpy as np
import pytest

from unlearnable.report import panel, render


def row(name: str, kind: str, best: float, **more: object) -> dict:
    return {
        "name": name,
        "title": name.title(),
        "kind": kind,
        "countermeasure": "none",
        "best": best,
        "last": best - 1,
        "best_per_seed": [best, best],
        "last_per_seed": [best - 1, best - 1],
        "train_acc": 99.0,
        "interval": [best - 3, best + 3],
        "best_interval": [best - 3, best + 3],
        "learned": 0.5,
        **more,
    }


def proof(protected: float = 12.0, gray: float = 70.0) -> dict:
    verdicts = {True: "held", False: "failed"}
    rows = [
        row("clean", "control", 80.0),
        row("random", "control", 78.0),
        row("protected", "protected", protected, verdict=verdicts[protected < 20]),
        row("gray", "countermeasure", gray, verdict=verdicts[gray < 20]),
    ]
    worst = max(rows[2:], key=lambda each: each["best"])
    curve = [{"epoch": epoch, "train_loss": 1.0, "train_acc": 50.0, "test_acc": 10.0 * epoch} for epoch in (1, 2)]
    return {
        "format": "unlearnable-proof/1",
        "about": {"name": "<b>my photos</b>", "noun": "photos", "categories": 4},
        "epsilon": 8.0,
        "chance": 10.0,
        "classes": 4,
        "train_images": 100,
        "test_images": 40,
        "image_size": 64,
        "seeds": [0, 1],
        "recipe": {"architecture": "fast-small", "epochs": 2, "batch_size": 64, "augment": "none"},
        "rows": rows,
        "worst": {name: worst[name] for name in ("name", "title", "best", "verdict")},
        "flags": [{"name": "single-seed", "sentence": "One seed only."}],
        "trainings": [{"row": name, "seed": 0, "curve": curve} for name in ("clean", "random", "protected")],
        "seconds": 12.0,
        "hardware": {"processor": "test", "threads": 1, "device": "cpu"},
        "versions": {"unlearnable": "0", "torch": "0"},
    }


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "action") and value]


def test_the_page_needs_nothing_else() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 40, 60), dtype=np.uint8)
    html = render(proof(), panels=[panel("a.jpg", "a", pixels, pixels // 2 + 50)], files_check={"files": "1"})
    page = Page()
    page.feed(html)
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert all(address.startswith(("data:", "#")) for address in page.addresses)
    assert not re.search(r"url\((?!#)", html)
    assert page.tags.count("svg") == 2
    assert page.tags.count("img") == 3
    warning = "whoever publishes this page publishes them"
    assert warning in html
    assert warning not in render(proof()), "there are no pictures"


def test_the_worst_is_as_large_as_the_best() -> None:
    html = render(proof())
    numbers = re.findall(r'<div class="number[^"]*"><b>([^<]+)</b>', html)
    assert numbers == ["80.0 %", "12.0 %", "70.0 %", "10.0 %"]
    assert "held as published, and failed against: gray" in html


@pytest.mark.parametrize(
    ("numbers", "said"),
    [((12.0, 13.0), "held against everything that was tried"), ((60.0, 70.0), "failed</title>|failed as published")],
)
def test_the_headline_follows_the_verdicts(numbers: tuple[float, float], said: str) -> None:
    assert re.search(said, render(proof(*numbers)))


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("failed", "held as published, and failed against: gray."),
        ("weakened", "held as published, and was weakened against: gray."),
        ("not tested", "held where this test can tell; it cannot tell about: gray."),
    ],
)
def test_held_against_everything_is_said_only_where_every_row_held(verdict: str, said: str) -> None:
    numbers = proof(12.0, 10.0)
    gray = numbers["rows"][3] | {"verdict": verdict, "ceiling": 14.0}
    numbers["rows"][3] = gray
    if verdict != "not tested":
        numbers["worst"] = {name: gray[name] for name in ("name", "title", "best", "verdict")}
    html = render(numbers)
    assert "held against everything" not in html
    assert said in html
    assert ("treated alike teach 14.0 %" in html) == (verdict != "not tested")


def test_what_was_weakened_as_published_and_failed_otherwise_is_said_in_one_line() -> None:
    numbers = proof(12.0, 70.0)
    numbers["rows"][2]["verdict"] = "weakened"
    assert "The protection was weakened as published, and failed against: gray.</h1>" in render(numbers)


def test_verdicts_can_be_read_and_tables_name_their_rows_and_columns() -> None:
    html = render(proof())
    colours = dict(re.findall(r"--(held|weakened|failed|not): (#[0-9a-f]{6})", html))
    assert len(colours) == 4
    assert {word for word, colour in colours.items() if 1.05 / (luminance(colour) + 0.05) < 4.5} == set()
    assert re.findall("<th(?![^>]* scope=)[ >]", html) == []
    assert '<th scope="row">Gray</th>' in html
    assert "@media print" in html


def luminance(shade: str) -> float:
    values = [int(shade[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in values]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_names_are_escaped_and_flags_are_told() -> None:
    html = render(proof())
    assert "<b>my photos</b>" not in html
    assert "&lt;b&gt;my photos&lt;/b&gt;" in html
    assert "One seed only." in html
    assert "single-seed" in html
    assert "95 % interval 8.0 to 14.0" not in html
    assert "95 % interval 9.0 to 15.0 %" in html


def test_the_same_numbers_are_the_same_page() -> None:
    assert render(proof()) == render(proof())


def test_a_panel_shows_the_signed_difference() -> None:
    clean = np.full((1, 8, 8), 100, np.uint8)
    protected = clean.copy()
    protected[0, :4] = 92
    shown = panel("x", "y", clean, protected)
    assert shown.largest == 8
    assert shown.psnr == pytest.approx(33.1, abs=0.1)
    assert shown.noise != shown.original
    with pytest.raises(ValueError, match="one size"):
        panel("x", "y", clean, protected[:, :4])
