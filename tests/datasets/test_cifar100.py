"""Twenty classes of CIFAR-100, from either file."""

import io
import tarfile
import warnings
from pathlib import Path

import numpy as np
import pytest

from unlearnable.datasets import load
from unlearnable.datasets.cifar100 import CLASSES


def test_the_subset_is_the_real_one(shared_data: Path) -> None:
    if not (shared_data / "cifar100-20c-test.parquet").is_file():
        message = f"real data is absent: cifar100-20c-test.parquet not in {shared_data}; set UNLEARNABLE_DATA"
        warnings.warn(message, stacklevel=1)
        pytest.skip(message)
    data = load("cifar100-20c", split="test", path=shared_data)
    assert data.counts.tolist() == [100] * 20
    assert data.pixels.shape[1:] == (3, 32, 32)
    assert data.keys[1] == "cifar100-20c/test/00001"
    apples = data.pixels[data.labels == CLASSES.index("apple")].mean(axis=(0, 2, 3))
    assert apples[0] > apples[1] > apples[2]


def archive(path: Path, rows: int = 60) -> tuple[np.ndarray, np.ndarray]:
    names = sorted({*CLASSES, "wolf", "boy"})
    generator = np.random.default_rng(0)
    stored = generator.integers(0, 256, (rows, 3074), dtype=np.uint8)
    stored[:, 1] = generator.integers(0, len(names), rows)
    with tarfile.open(path, "w:gz") as file:
        for name, content in (("train.bin", stored.tobytes()), ("fine_label_names.txt", "\n".join(names).encode())):
            member = tarfile.TarInfo(f"cifar-100-binary/{name}")
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    named = np.array(names)[stored[:, 1]]
    return np.array([(CLASSES.index(name), row) for row, name in enumerate(named) if name in CLASSES]), stored


def test_reads_the_official_binary_archive(tmp_path: Path) -> None:
    kept, stored = archive(tmp_path / "cifar-100-binary.tar.gz")
    data = load("cifar100-20c", path=tmp_path)
    assert 0 < len(data) < len(stored)
    assert data.labels.tolist() == kept[:, 0].tolist()
    assert (data.pixels.reshape(len(data), -1) == stored[kept[:, 1], 2:]).all()
    assert len(load("cifar100-20c", path=tmp_path, limit=3)) == 3


def test_says_where_it_looked_and_what_is_broken(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="UNLEARNABLE_DATA"):
        load("cifar100-20c", path=tmp_path)
    with pytest.raises(ValueError, match="train and test"):
        load("cifar100-20c", split="dev")
    (tmp_path / "cifar-100-binary.tar.gz").write_bytes(b"not an archive")
    with pytest.raises(ValueError, match="not the official binary archive"):
        load("cifar100-20c", path=tmp_path)
