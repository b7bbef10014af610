"""`unlearnable craft` and `cite`: every method of the registry by its name, nothing imported before it is needed."""

import errno
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError

from unlearnable._runtime import Runtime
from unlearnable.cli._app import run
from unlearnable.datasets import load
from unlearnable.perturbation import Additive, Overwrite, load_perturbation
from unlearnable.poisons import POISONS, _checkpoint
from unlearnable.poisons.linearly_separable import LinearlySeparable


def test_help_lists_every_method_and_imports_neither_torch_nor_a_method() -> None:
    code = (
        "import sys; from unlearnable.cli._app import run; run(['craft', '--help']); "
        "loaded = [name for name in sys.modules if name == 'torch' or name.startswith('unlearnable.poisons.')]; "
        "sys.exit(repr(loaded) if loaded else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [name for name in POISONS if f"│ {name} " not in done.stdout] == []


def test_flags_are_the_fields_of_the_method(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["craft", "lsp", "--help"]) == 0
    shown = capsys.readouterr().out
    for flag in ("--epsilon", "--grid", "--separation", "--seed", "--per-class", "--output"):
        assert flag in shown
    assert "patches per shorter side" in shown


def test_what_is_written_is_what_the_method_makes(tmp_path: Path) -> None:
    file = tmp_path / "noise.safetensors"
    assert run(["craft", "lsp", "digits", "--epsilon", "9", "--per-class", "5", "-o", str(file), "--quiet"]) == 0
    made = Additive.load(file)
    data = load("digits")
    first = np.sort(np.concatenate([np.flatnonzero(data.labels == label)[:5] for label in range(10)]))
    assert made.checksum() == LinearlySeparable(epsilon=9).craft(data.subset(first), Runtime.auto()).checksum()
    assert [path.name for path in tmp_path.iterdir()] == ["noise.safetensors"]


def test_a_new_folder_is_made_before_the_search_and_a_disk_that_is_full_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_checkpoint, "EVERY", 0.0)
    file = tmp_path / "new" / "noise.safetensors"
    settings = ["--steps", "3", "--batch-size", "20", "--cycles", "4", "--per-class", "5", "--quiet"]
    assert run(["craft", "error-min", "digits", *settings, "-o", str(file)]) == 0
    assert [path.name for path in file.parent.iterdir()] == ["noise.safetensors"]

    def full(*values: object, **options: object) -> None:
        raise SafetensorError("No space left on device")

    monkeypatch.setattr(_checkpoint, "save_file", full)
    capsys.readouterr()
    assert run(["craft", "error-min", "digits", *settings, "-o", str(tmp_path / "x.safetensors")]) == 2
    said = capsys.readouterr().err
    assert "No space left" in said
    assert said.count("\n") == 1


def test_where_a_method_has_a_size_of_its_own_the_images_has_another_name(tmp_path: Path) -> None:
    file = tmp_path / "noise.safetensors"
    arguments = ["craft", "convolution", "digits", "--size", "5", "--image-size", "12", "--per-class", "2", "-q"]
    assert run([*arguments, "-o", str(file)]) == 0
    assert load_perturbation(file).parameters["size"] == 5


def test_kinds_that_do_not_add_are_written_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "pixel.safetensors"
    assert run(["craft", "one-pixel", "digits", "--size", "12", "-o", str(file)]) == 0
    made = load_perturbation(file)
    assert isinstance(made, Overwrite)
    assert made.values.shape == (10, 1, 12, 12)
    assert str(file) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["lps", "digits", "-o", "x.safetensors"], 'Did you mean "lsp"'),
        (["lsp", "nowhere", "-o", "x.safetensors"], "no dataset, folder or file 'nowhere'"),
        (["lsp", "digits", "-o", "x.pt"], "must end in .safetensors"),
        (["lsp", "digits", "-o", "x.safetensors", "--epsilon", "300"], "1..127 pixel levels"),
        (["lsp", "digits", "-o", "x.safetensors", "--scope", "class-wise"], "sample-wise only"),
        (["lsp", "digits", "-o", "x.safetensors", "--per-class", "0"], "at least 1"),
        (["lsp", "digits"], "--output"),
    ],
)
def test_wrong_use_is_one_sentence(
    arguments: list[str],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["craft", *arguments]) == 2
    said = capsys.readouterr().err
    assert reason in said
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.safetensors"
    file.write_text("precious")
    assert run(["craft", "lsp", "digits", "-o", str(file)]) == 2
    assert "there already" in capsys.readouterr().err
    assert file.read_text() == "precious"


@pytest.mark.parametrize(
    "command",
    [["craft", "lsp", "digits"], ["pack", "build", "photos"], ["apply", "noise.safetensors", "digits"]],
)
def test_a_place_that_cannot_be_written_to_is_told_before_the_work(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def denied(**options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    def reached(*arguments: object, **options: object) -> None:
        raise AssertionError("the data were read first")

    monkeypatch.chdir(tmp_path)
    assert run(["craft", "lsp", "digits", "--per-class", "2", "-o", "noise.safetensors", "-q"]) == 0
    monkeypatch.setattr("tempfile.TemporaryFile", denied)
    monkeypatch.setattr("unlearnable.datasets.load", reached)
    assert run([*command, "-o", "there/x.safetensors"]) == 2
    assert "there cannot be written to: Permission denied" in capsys.readouterr().err


def test_cite_prints_bibtex_once_per_paper(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cite", "one-pixel", "error-min-one-pixel", "lsp", "resilient-error-min"]) == 0
    shown = capsys.readouterr()
    keys = re.findall(r"@inproceedings\{(\w+),", shown.out)
    assert keys == ["wu2023onepixel", "huang2021unlearnable", "yu2022availability"]
    assert "resilient-error-min is this package's own" in shown.err
    assert run(["cite", "nothing"]) == 2
