"""A proof of a folder, around the trainings."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unlearnable.cli.prove import tell
from unlearnable.evaluation.published import Pair
from unlearnable.jobs.proving import ProveJob, _panels


def pair(folder: Path, category: str, after: tuple[int, int] | None) -> Pair:
    files = folder / f"{category}.png", folder / f"{category}.out.png"
    for file, size in zip(files, ((12, 8), after), strict=True):
        if size is not None:
            Image.fromarray(np.full((size[1], size[0], 3), 90, np.uint8)).save(file)
    return Pair(key=f"{category}/x.png", category=category, clean=files[0], protected=files[1])


def test_what_cannot_be_shown_does_not_cost_the_report(tmp_path: Path) -> None:
    pairs = [pair(tmp_path, "as it was", (12, 8)), pair(tmp_path, "gone", None), pair(tmp_path, "resized", (6, 4))]
    assert [shown.name for shown in _panels(pairs)] == ["as it was/x.png"]


@pytest.mark.parametrize("name", ["seeds", "epochs", "limit"])
def test_none_is_too_few(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=f"--{name} must be at least 1; got 0"):
        ProveJob(source=tmp_path, protected=tmp_path, **{name: 0})  # type: ignore[arg-type]


def test_the_outcome_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    numbers = {"best": 50.0, "last": 40.0}
    rows = [{"title": title, **numbers} for title in ("Clean photos", "Smooth random colours of the same size")]
    worst = {"title": "Grey", "best": 50.0, "verdict": "failed"}
    tell({"rows": rows, "chance": 5.0, "worst": worst, "flags": [], "seconds": 60}, Path("report.html"))
    said = capsys.readouterr()
    first, second, *_ = (said.out + said.err).splitlines()
    assert first.index("best epoch") == second.index("best epoch")
