"""`unlearnable apply`: what crafting saw, protected, as files."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from unlearnable.cli._app import run
from unlearnable.datasets import load
from unlearnable.perturbation import load_perturbation


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    file = tmp_path / "noise.safetensors"
    assert run(["craft", "lsp", "digits", "--per-class", "4", "-o", str(file), "--quiet"]) == 0
    return file


def test_what_is_written_is_what_the_benchmark_trains_on(
    tmp_path: Path, noise: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "digits.parquet"
    assert run(["apply", str(noise), "digits", "--per-class", "4", "-o", str(out)]) == 0
    said = capsys.readouterr().err
    assert "40 images with" in said
    assert str(out) in said
    data = load("digits")
    first = np.sort(np.concatenate([np.flatnonzero(data.labels == label)[:4] for label in range(10)]))
    expected = load_perturbation(noise).apply(data.subset(first))
    written = load("parquet", path=out)
    assert (written.pixels == expected.pixels).all()
    assert (written.pixels != data.pixels[first]).any()
    assert [data.classes[label] for label in data.labels[first]] == [written.classes[label] for label in written.labels]


def test_it_imports_no_torch(tmp_path: Path, noise: Path) -> None:
    code = (
        "import sys; from unlearnable.cli._app import run; "
        f"code = run(['apply', {str(noise)!r}, 'digits', '--per-class', '4', '-o', {str(tmp_path / 'out')!r}]); "
        "sys.exit('torch' if 'torch' in sys.modules else code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "metadata.csv").is_file()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["no.safetensors", "digits", "-o", "out"], "there is no perturbation file at no.safetensors"),
        (["NOISE", "nowhere", "-o", "out"], "no dataset, folder or file 'nowhere'"),
        (["NOISE", "digits", "-o", "out"], "no perturbation for"),
        (
            ["NOISE", "digits", "--size", "12", "--per-class", "4", "-o", "out"],
            "for images of 1x8x8, these are 1x12x12",
        ),
        (["NOISE", "digits", "-o", "NOISE"], "is there already: name another"),
        (["NOISE", ".", "-o", "out"], "the output out overlaps the input .: choose a place beside it"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    arguments: list[str],
    reason: str,
    tmp_path: Path,
    noise: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert run(["apply", *(str(noise) if each == "NOISE" else each for each in arguments)]) == 2
    said = capsys.readouterr().err
    assert reason in said
    assert "Traceback" not in said
    assert sorted(tmp_path.iterdir()) == before
