from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from unlearnable._types import Progress
from unlearnable._words import spoken
from unlearnable.cli import _progress
from unlearnable.cli._data import loaded


@pytest.mark.parametrize(("seconds", "said"), [(0.2, "1 s"), (40, "40 s"), (420, "7 min"), (7800, "2 h 10 min")])
def test_durations_are_said_as_people_do(seconds: float, said: str) -> None:
    assert spoken(seconds) == said


def test_the_time_left_is_measured_from_where_this_run_began(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(_progress.time, "monotonic", lambda: now[0])
    clock = _progress._Clock()
    assert clock.left(Progress(done=500, total=1000)) == ""
    now[0] += 10
    assert clock.left(Progress(done=600, total=1000)) == "40 s left"
    assert clock.left(Progress(done=1000, total=1000)) == ""


def test_a_log_gets_a_line_every_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    with _progress.progress("working") as report:
        for done in range(101):
            report(Progress(done=done, total=100, note="x"))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert lines[-1] == "working: 100/100, x"


@pytest.mark.parametrize("source", ["folder", "set.parquet"])
def test_reading_photos_is_told(source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    buffer = BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    (tmp_path / "folder" / "a").mkdir(parents=True)
    for number in range(20):
        (tmp_path / "folder" / "a" / f"{number}.png").write_bytes(buffer.getvalue())
    pq.write_table(pa.table({"image": [buffer.getvalue()] * 20, "label": [0] * 20}), tmp_path / "set.parquet")
    loaded(str(tmp_path / source), None, 8, quiet=True)
    assert capsys.readouterr().err == ""
    loaded(str(tmp_path / source), None, 8, quiet=False)
    assert [line.split(",")[0] for line in capsys.readouterr().err.splitlines()] == [
        f"reading: {done}/20" for done in range(2, 21, 2)
    ]


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with _progress.progress("working", quiet=True) as report:
        report(Progress(done=1, total=1))
    assert capsys.readouterr().err == ""
