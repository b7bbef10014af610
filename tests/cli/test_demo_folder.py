"""Where the demo writes: its own folders, and over nothing of anybody else's."""

from pathlib import Path

import pytest

from unlearnable.cli import demo
from unlearnable.cli._app import run

pytest.importorskip("skimage")
pytest.importorskip("sklearn")

EARLIER = ("report.json", "photos.protected/manifest.jsonl", "trainings/a.json")


def laid(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("mine")


@pytest.mark.parametrize(
    "there",
    [
        ["photos/animals/cat.png"],
        ["photos.protected/manifest.jsonl"],
        ["notes.txt"],
        [demo.MARKER, "photos/animals/cat.png"],
        [*EARLIER, "photos/animals/cat.png"],
    ],
)
def test_files_of_others_are_kept(there: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    laid(tmp_path / "dm", *there)
    assert run(["demo", "-o", str(tmp_path / "dm"), "-q"]) == 2
    assert "the demo's" in capsys.readouterr().err
    assert all((tmp_path / "dm" / name).read_text() == "mine" for name in there)


def test_a_link_is_not_written_through(tmp_path: Path) -> None:
    laid(tmp_path, "mine.png", f"dm/{demo.MARKER}", "dm/photos/animals/x")
    (tmp_path / "dm/photos/animals/cat.png").symlink_to(tmp_path / "mine.png")
    assert run(["demo", "-o", str(tmp_path / "dm"), "-q"]) == 2
    assert (tmp_path / "mine.png").read_text() == "mine"


@pytest.mark.parametrize("there", [[], EARLIER])
def test_a_demos_own_folder_is_taken_again(there: list[str] | tuple[str, ...], tmp_path: Path) -> None:
    laid(tmp_path, *there)
    for _ in range(2):
        demo._take(tmp_path)
    assert {str(path.relative_to(tmp_path / "photos")) for path in tmp_path.glob("photos/*/*")} == set(demo.PHOTOS)
