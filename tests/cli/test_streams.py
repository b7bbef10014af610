"""What is said where nobody listens, or in letters that the stream does not have."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unlearnable._types import Progress
from unlearnable.cli import _progress
from unlearnable.cli._app import run, say
from unlearnable.packs import save_pack
from unlearnable.packs.store import load_pack

ODD = "a[/b] :cat: [red].jpg"


def photos(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(0).integers(60, 200, (30, 40, 3), dtype=np.uint8)).save(root / name)
    return root


@pytest.mark.parametrize("redirected", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", "| head -c 1"])
def test_a_job_ends_well_where_nobody_listens(redirected: str, tmp_path: Path) -> None:
    root, out = photos(tmp_path / "in", "a/1.jpg", "a/2.jpg", "b/3.jpg"), tmp_path / "out"
    command = f'set -o pipefail; "{sys.executable}" -m unlearnable protect in -o out --jobs 1 --json {redirected}'
    environment = {**os.environ, "UNLEARNABLE_OWNER_KEY": "test"}
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(list(out.rglob("*.jpg"))) == len(list(root.rglob("*.jpg")))
    assert b"Traceback" not in done.stderr
    assert b"cannot be written" not in done.stderr


def test_letters_that_the_stream_lacks_are_escaped(tmp_path: Path) -> None:
    photos(tmp_path / "in", "кот/1.jpg", "кот/2.jpg")
    (tmp_path / "in" / "кот" / "нет.jpg").write_bytes(b"no")
    done = subprocess.run(
        [sys.executable, "-m", "unlearnable", "protect", "in", "-o", "out", "--jobs", "1", "-v"],
        cwd=tmp_path,
        env={**os.environ, "UNLEARNABLE_OWNER_KEY": "test", "PYTHONIOENCODING": "cp1252"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert rb"\u043a\u043e\u0442" in done.stderr
    assert b"2 photos protected" in done.stderr


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Iterator[StringIO]:
    said = StringIO()
    said.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stderr", said)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    yield said


def test_names_are_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch, TERM="xterm", COLUMNS="200") as said:
        say(ODD)
        with _progress.progress("reading") as report:
            report(Progress(done=1, total=2, note=ODD))
    assert said.getvalue().count(ODD) >= 2


def test_tables_show_names_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.safetensors"
    save_pack(file, load_pack("photos-64").noise, source=ODD, licence="[/]")
    assert run(["pack", "show", str(file)]) == 0
    assert ODD in capsys.readouterr().out


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch, TERM="dumb") as said, _progress.progress("reading") as report:
        report(Progress(done=1, total=2, note="x"))
    assert said.getvalue() == "reading: 1/2, x\n"


def test_a_listener_that_fails_is_not_the_outputs_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNLEARNABLE_OWNER_KEY", "test")
    root = photos(tmp_path / "in", "a/1.jpg")

    def gone(record: object) -> None:
        raise ConnectionResetError("nobody listens")

    monkeypatch.setattr("unlearnable.cli.protect.emit", gone)
    said = StringIO()
    monkeypatch.setattr("sys.stderr", said)
    assert run(["protect", str(root), "-o", str(tmp_path / "out"), "--jobs", "1", "--json"]) == 2
    assert said.getvalue() == "unlearnable: nobody listens\n"
    assert json.loads((tmp_path / "out" / "manifest.jsonl").read_text().splitlines()[-1])["source"] == "a/1.jpg"
