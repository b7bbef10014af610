"""Image sets as files for other training code: every pixel, every name, whole or not at all."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from unlearnable._types import Progress
from unlearnable.datasets import load
from unlearnable.datasets.export import write
from unlearnable.imageset import ImageSet


def images(channels: int = 3, classes: tuple[str, ...] = ("cat", "dog", "empty")) -> ImageSet:
    return ImageSet(
        pixels=np.random.default_rng(0).integers(0, 256, (5, channels, 6, 6), dtype=np.uint8),
        labels=np.array([1, 0, 1, 1, 0]),
        keys=("train/3", "a,b", "train/1", "ü", "train/9"),
        classes=classes,
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_a_folder_has_every_pixel_under_its_class(tmp_path: Path, channels: int) -> None:
    data, told = images(channels), list[Progress]()
    write(data, tmp_path / "deep" / "out", told.append)
    folder = tmp_path / "deep" / "out"
    assert sorted(path.name for path in folder.iterdir()) == ["cat", "dog", "metadata.csv"], "no folder without images"
    with (folder / "metadata.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["key"] for row in rows] == list(data.keys)
    for row, entry in enumerate(rows):
        assert entry["label"] == data.classes[data.labels[row]] == Path(entry["file_name"]).parent.name
        with Image.open(folder / entry["file_name"]) as image:
            assert image.mode == ("L" if channels == 1 else "RGB")
            pixels = np.atleast_3d(np.asarray(image)).transpose(2, 0, 1)
        assert (pixels == data.pixels[row]).all()
    assert (told[-1].done, told[-1].total) == (5, 5)
    back = load("folder", path=folder, size=6)
    assert sorted(image.tobytes() for image in back.pixels) == sorted(image.tobytes() for image in data.pixels)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_parquet_file_reads_back_the_same(tmp_path: Path, channels: int) -> None:
    data = images(channels)
    write(data, tmp_path / "out.parquet")
    back = load("parquet", path=tmp_path / "out.parquet")
    assert (back.pixels == data.pixels).all()
    assert (back.labels == data.labels).all()
    assert back.classes == data.classes
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.column("key").to_pylist() == list(data.keys)
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == {"_type": "Image"}
    assert features["label"]["names"] == list(data.classes)


@pytest.mark.parametrize("name", ["out", "out.parquet"])
def test_stopped_in_the_middle_nothing_is_left_and_nothing_is_overwritten(tmp_path: Path, name: str) -> None:
    def stop(now: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(images(), tmp_path / name, stop)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / f".{name}.partial").write_text("of a run that was killed")
    write(images(), tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with pytest.raises(ValueError, match="is there already: name another"):
        write(images(), tmp_path / name)


def test_names_that_are_not_utf8_are_written_as_text(tmp_path: Path) -> None:
    odd = b"caf\xe9".decode("utf-8", "surrogateescape")
    data = replace(images(classes=("cat", odd)), keys=("1", "2", f"{odd}/3", "4", "5"))
    write(data, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["caf%E9", "cat", "metadata.csv"]
    assert "caf%E9/000002.png,caf%E9,caf%E9/3" in (tmp_path / "out" / "metadata.csv").read_text()
    write(data, tmp_path / "out.parquet")
    assert load("parquet", path=tmp_path / "out.parquet").classes == ("cat", "caf%E9")
    assert pq.read_table(tmp_path / "out.parquet").column("key")[2].as_py() == "caf%E9/3"


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden", ""])
def test_classes_that_cannot_name_a_folder_are_an_error_there_only(tmp_path: Path, name: str) -> None:
    data = images(classes=("cat", name))
    with pytest.raises(ValueError, match=r"cannot name a folder: write a \.parquet file instead"):
        write(data, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    write(data, tmp_path / "out.parquet")
