import errno
import functools
import hashlib
import io
import json
import os
import struct
import tarfile
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, PngImagePlugin

from unlearnable import RandomNoise
from unlearnable.datasets import cifar10, load
from unlearnable.datasets.cifar10 import CLASSES
from unlearnable.datasets.decode import decode


def test_digits_are_the_ones_of_scikit_learn() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    expected = datasets.load_digits()
    data = load("digits", split="all")
    assert len(data) == 1797
    assert (data.labels == expected.target).all()
    assert (np.rint(data.pixels[:, 0] * (16 / 255)) == expected.images).all()


def test_digits_split_is_fixed_and_disjoint() -> None:
    train, test = load("digits"), load("digits", split="test", size=16)
    assert not set(train.keys) & set(test.keys)
    assert len(train) + len(test) == 1797
    assert test.pixels.shape[1:] == (1, 16, 16)


@pytest.mark.parametrize("options", [{"split": "dev"}, {"size": 4}])
def test_digits_refuses(options: dict) -> None:
    with pytest.raises(ValueError, match="splits|at least 8"):
        load("digits", **options)


def test_cifar10_is_the_real_one(shared_data: Path) -> None:
    data = load("cifar10", split="test", path=shared_data)
    assert data.counts.tolist() == [1000] * 10
    assert data.classes[data.labels[0]] == "cat"
    assert data.keys[1] == "cifar10/test/00001"


def archive(path: Path, rows: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    stored = generator.integers(0, 256, (6, rows, 3073), dtype=np.uint8)
    stored[:, :, 0] %= 10
    names = [f"data_batch_{number}.bin" for number in range(1, 6)] + ["test_batch.bin"]
    with tarfile.open(path, "w:gz") as file:
        for name, content in zip(names, stored, strict=True):
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = content.nbytes
            file.addfile(member, io.BytesIO(content.tobytes()))
    return stored


def test_cifar10_reads_the_official_binary_archive(tmp_path: Path) -> None:
    stored = archive(tmp_path / "cifar-10-binary.tar.gz", rows=3)
    data = load("cifar10", path=tmp_path)
    assert len(data) == 15
    assert (data.labels == stored[:5, :, 0].ravel()).all()
    assert (data.pixels[4].ravel() == stored[1, 1, 1:]).all()
    assert data.classes == CLASSES


def test_cifar10_says_where_it_looked_and_what_is_broken(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"set UNLEARNABLE_DATA to a folder .* or download=True\)"):
        load("cifar10", path=tmp_path)
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(b"not an archive")
    with pytest.raises(ValueError, match="not the official binary archive"):
        load("cifar10", path=tmp_path)


@pytest.mark.parametrize("sent", [b"the archive", b"something else"])
def test_a_download_is_kept_only_if_it_is_the_published_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(cifar10, "user_cache_path", lambda name, ensure_exists: tmp_path)
    monkeypatch.setattr(cifar10, "MD5", hashlib.md5(b"the archive", usedforsecurity=False).hexdigest())
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: io.BytesIO(sent))
    if sent == b"the archive":
        assert cifar10._download().read_bytes() == sent
    else:
        with pytest.raises(ValueError, match="is not the published archive"):
            cifar10._download()
        assert list(tmp_path.iterdir()) == []


def test_a_download_that_fails_says_where_to_put_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(url: str, timeout: float) -> None:
        raise URLError("no network")

    monkeypatch.setattr(cifar10, "user_cache_path", lambda name, ensure_exists: tmp_path)
    monkeypatch.setattr(urllib.request, "urlopen", broken)
    with pytest.raises(FileNotFoundError, match=f"no network.*put the archive at {tmp_path}"):
        cifar10._download()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    generator = np.random.default_rng(0)
    for name in ("cats/1.png", "cats/deep/2.jpg", "dogs/3.png", "loose.png", ".hidden/4.png", "dogs/notes.txt"):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".txt":
            file.write_text("no photo")
        else:
            Image.fromarray(generator.integers(0, 256, (30, 20, 3), dtype=np.uint8)).save(file)
    return root


def test_a_folder_has_a_category_per_sub_folder(photos: Path) -> None:
    data = load("folder", path=photos, size=16)
    assert dict(zip(data.keys, [data.classes[label] for label in data.labels], strict=True)) == {
        "cats/1.png": "cats",
        "cats/deep/2.jpg": "cats",
        "dogs/3.png": "dogs",
        "loose.png": "photos",
    }
    assert data.pixels.shape == (4, 3, 16, 16)


def test_a_folder_with_a_csv_or_one_name(photos: Path, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("file_name,label\ncats/1.png,a\ndogs/3.png,b\n")
    assert load("folder", path=photos, labels=table).classes == ("a", "b")
    assert load("folder", path=photos, category="me").classes == ("me",)
    table.write_text("name,label\nx,y\n")
    with pytest.raises(ValueError, match="file_name"):
        load("folder", path=photos, labels=table)


def test_a_broken_photo_is_named(photos: Path) -> None:
    (photos / "dogs" / "3.png").write_bytes(b"\x89PNG broken")
    with pytest.raises(ValueError, match=r"3\.png is not a readable image"):
        load("folder", path=photos)


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (RuntimeError("decoder error"), "decoder error"),
        (struct.error("unpack requires 2 bytes"), "unpack requires 2 bytes"),
        (TypeError(), "TypeError"),
        (Image.DecompressionBombError("too large"), "too large"),
    ],
)
def test_whatever_a_codec_raises_names_the_photo(
    photos: Path, raised: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(image: Image.Image) -> None:
        raise raised

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", fail)
    with pytest.raises(ValueError, match=rf"1\.png is not a readable image \({said}\)"):
        load("folder", path=photos)


def test_an_empty_photo_says_so_and_a_warning_is_not_printed(
    photos: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400)
    load("folder", path=photos)
    assert not recwarn.list
    (photos / "dogs" / "3.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"3\.png is not a readable image \(it is empty\)"):
        load("folder", path=photos)
    with pytest.raises(ValueError, match=r"\(it is damaged, or of no known kind\)"):
        decode(b"\x00" * 100, size=8)


def test_linked_folders_are_followed_once(photos: Path, tmp_path: Path) -> None:
    (photos / "cats").rename(tmp_path / "elsewhere")
    (photos / "cats").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "elsewhere" / "up").symlink_to(photos, target_is_directory=True)
    (photos / "same").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (photos / "a").symlink_to(photos / "dogs", target_is_directory=True)
    assert load("folder", path=photos, size=8).keys == ("cats/1.png", "cats/deep/2.jpg", "dogs/3.png", "loose.png")


def test_a_folder_that_cannot_be_read_is_named(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("cats"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(ValueError, match="photos/cats cannot be read: Permission denied"):
        load("folder", path=photos)


def test_wrong_folders(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no folder"):
        load("folder", path=tmp_path / "absent")
    with pytest.raises(ValueError, match="no photos"):
        load("folder", path=tmp_path)


def test_orientation_is_applied(tmp_path: Path) -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:4] = 255
    exif = Image.Exif()
    exif[0x0112] = 3
    (tmp_path / "a").mkdir()
    Image.fromarray(pixels).save(tmp_path / "a" / "turned.png", exif=exif)
    shown = load("folder", path=tmp_path, size=8).pixels[0, 0]
    assert shown[0].max() == 0
    assert shown[-1].min() == 255


@pytest.mark.parametrize("kind", ["PNG", "late PNG", "JPEG", "WEBP", "TIFF", "JPEG, in its XMP"])
def test_every_kind_says_how_it_is_held(kind: str) -> None:
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:8] = 255
    exif, name = Image.Exif(), kind.split()[-1] if kind == "late PNG" else kind.split(",")[0]
    exif[0x0112] = 3
    told: dict[str, object] = {"exif": exif}
    if kind.endswith("XMP"):
        told = {"xmp": b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="3"/></x:xmpmeta>'}
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, name, **told)
    content = file.getvalue()
    if kind == "late PNG":
        start = content.index(b"eXIf") - 4
        end = start + 12 + int.from_bytes(content[start : start + 4])
        last = content.index(b"IEND") - 4
        content = content[:start] + content[end:last] + content[start:end] + content[last:]
    shown = decode(content, size=None)[0]
    assert shown[:6].max() < 60 < 200 < shown[-6:].min()


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "RGB"), ("WEBP", "RGB"), ("JPEG", "L")])
def test_a_common_file_is_given_to_its_own_reader_at_once(
    kind: str, mode: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow tries one reader after the other: six fail before WebP's, which took half the time of small images."""
    file = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (9, 7, 3), np.uint8)).convert(mode).save(file, kind)
    tried: list[str] = []
    for name, (factory, accept) in list(Image.OPEN.items()):
        monkeypatch.setitem(Image.OPEN, name, (functools.partial(_note, tried, name, factory), accept))
    pixels = decode(file.getvalue(), size=None)
    assert tried == [kind]
    wanted = np.asarray(Image.open(file))
    assert (pixels == (wanted[None] if mode == "L" else wanted.transpose(2, 0, 1))).all()


def _note(tried: list[str], name: str, factory: Callable[..., Image.Image], *given: object) -> Image.Image:
    tried.append(name)
    return factory(*given)


def encoded(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), (value, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def test_parquet_with_structs_bytes_and_names(tmp_path: Path) -> None:
    table = pa.table({"image": [{"bytes": encoded(v), "path": None} for v in (1, 2)], "label": ["dog", "cat"]})
    pq.write_table(table, tmp_path / "a.parquet")
    data = load("parquet", path=tmp_path / "a.parquet")
    assert data.classes == ("cat", "dog")
    assert data.labels.tolist() == [1, 0]
    assert data.pixels[:, 0, 0, 0].tolist() == [1, 2]
    pq.write_table(pa.table({"img": [encoded(7)], "y": [3]}), tmp_path / "b.parquet")
    other = load("parquet", path=tmp_path / "b.parquet", image_column="img", label_column="y")
    assert other.classes == ("3",)


def test_images_of_a_parquet_are_named_by_what_they_are(tmp_path: Path) -> None:
    """Hugging Face's files have one name in every data set, and their rows any order."""
    for folder, values in (("one", (1, 2, 2)), ("mixed", (2, 1, 2)), ("other", (3, 4, 5))):
        (tmp_path / folder).mkdir()
        table = pa.table({"image": [encoded(value) for value in values], "label": list(values)})
        pq.write_table(table, tmp_path / folder / "train-00000-of-00001.parquet")
    one, mixed, other = (load("parquet", path=next((tmp_path / name).iterdir())) for name in ("one", "mixed", "other"))
    assert len(set(one.keys)) == 3
    assert set(one.keys) == set(mixed.keys)
    assert one.by_keys(mixed.keys).pixels[:, 0, 0, 0].tolist() == [2, 1, 2]
    assert not set(one.keys) & set(other.keys)
    noise = RandomNoise(scope="sample-wise").craft(one)
    assert (noise.apply(mixed).pixels != mixed.pixels).any()
    with pytest.raises(KeyError):
        noise.apply(other)
    unlabelled = load("parquet", path=next((tmp_path / "one").iterdir()), label_column=None)
    assert (unlabelled.classes, unlabelled.keys) == (("all",), one.keys)


@pytest.mark.parametrize(
    "metadata",
    ["{broken", "[]", "3", "null", '{"info": null}', '{"info": {"features": []}}']
    + [json.dumps({"info": {"features": {"label": each}}}) for each in (None, [], {"names": 3}, {"names": [1, 2]})],
)
def test_metadata_that_cannot_be_used_are_none(tmp_path: Path, metadata: str) -> None:
    table = pa.table({"image": [encoded(1), encoded(2)], "label": [5, 7]})
    pq.write_table(table.replace_schema_metadata({"huggingface": metadata}), tmp_path / "a.parquet")
    data = load("parquet", path=tmp_path / "a.parquet")
    assert (data.classes, data.labels.tolist()) == (("5", "7"), [0, 1])


@pytest.mark.parametrize("label", [2, 2**63])
def test_a_label_beyond_the_names_is_told(tmp_path: Path, label: int) -> None:
    table = pa.table({"image": [encoded(1)], "label": pa.array([label], pa.uint64())})
    named = {"huggingface": json.dumps({"info": {"features": {"label": {"names": ["a", "b"]}}}})}
    pq.write_table(table.replace_schema_metadata(named), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=f"the label {label}, and the file names 2 classes"):
        load("parquet", path=tmp_path / "a.parquet")


def test_a_file_named_after_the_other_split_is_refused(shared_data: Path) -> None:
    with pytest.raises(ValueError, match="named after the test split"):
        load("cifar10", path=shared_data / "cifar10-test.parquet")


def test_fractions_are_refused(tmp_path: Path) -> None:
    (tmp_path / "in" / "a").mkdir(parents=True)
    Image.fromarray(np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)).save(tmp_path / "in" / "a" / "x.tif")
    with pytest.raises(ValueError, match="fractions"):
        load("folder", path=tmp_path / "in", size=8)


def test_parquet_bad_input(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    with pytest.raises(FileNotFoundError, match="no Parquet file"):
        load("parquet", path=file)
    file.write_bytes(b"PAR1 no")
    with pytest.raises(ValueError, match="not a readable Parquet"):
        load("parquet", path=file)
    pq.write_table(pa.table({"image": [b"broken"], "label": [0]}), file)
    with pytest.raises(ValueError, match="row 0: not a readable image"):
        load("parquet", path=file)
    with pytest.raises(ValueError, match="no column 'picture'"):
        load("parquet", path=file, image_column="picture")
    pq.write_table(pa.table({"image": [encoded(1)], "label": pa.array([None], pa.int64())}), file)
    with pytest.raises(ValueError, match="has no label"):
        load("parquet", path=file)
    pq.write_table(pa.table({"image": [encoded(1)], "label": [[1, 2]]}), file)
    with pytest.raises(ValueError, match="holds list values"):
        load("parquet", path=file)
