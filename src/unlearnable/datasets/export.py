"""An image set as files that other training code reads: a folder of PNG files, or one Parquet file."""

import csv
import io
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from unlearnable._types import Progress, Report, silent
from unlearnable.imageset import ImageSet

AT_ONCE = 1000
"""Images that are written between two reports."""

INDEX = "metadata.csv"


def write(images: ImageSet, target: Path | str, report: Report = silent) -> None:
    """Write every image without loss, whole or not at all.

    Args:
        images: what is written, pixel for pixel.
        target: `NAME.parquet` is one file with the columns `image`, `label` and `key`, which Hugging Face's `datasets`
            reads with its class names; anything else is a new folder `CLASS/000000.png`, … with a `metadata.csv` of
            `file_name`, `label` and `key`: the layout of torchvision's `ImageFolder`, which `datasets` reads too.
        report: called now and then with how many are written.

    Raises:
        ValueError: the target is there already, or a class cannot name a folder.
    """
    place = Path(target)
    if place.exists():
        raise ValueError(f"{place} is there already: name another")
    place.parent.mkdir(parents=True, exist_ok=True)
    with _whole(place) as partial:
        if place.suffix == ".parquet":
            _parquet(images, partial, report)
        else:
            _folder(images, partial, report)


@contextmanager
def _whole(place: Path) -> Iterator[Path]:
    """Lend a hidden place beside the target, which becomes the target if the block ends well, and goes if not."""
    partial = place.with_name(f".{place.name}.partial")
    _removed(partial)  # of a run that was killed
    try:
        yield partial
        partial.rename(place)
    finally:
        _removed(partial)


def _removed(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _folder(images: ImageSet, folder: Path, report: Report) -> None:
    classes = [_text(name) for name in images.classes]
    for label in np.unique(images.labels):  # a folder without images is an error to ImageFolder
        name = classes[label]
        if name in ("", ".", "..") or name.startswith(".") or "/" in name or "\\" in name:
            raise ValueError(f"the class {name!r} cannot name a folder: write a .parquet file instead")
        (folder / name).mkdir(parents=True)
    with (folder / INDEX).open("w", newline="", encoding="utf-8") as file:
        index = csv.writer(file)
        index.writerow(["file_name", "label", "key"])
        for row, (pixels, label, key) in enumerate(zip(images.pixels, images.labels, images.keys, strict=True)):
            name = f"{classes[label]}/{row:06d}.png"
            (folder / name).write_bytes(_png(pixels))
            index.writerow([name, classes[label], _text(key)])
            if (row + 1) % AT_ONCE == 0 or row + 1 == len(images):
                report(Progress(done=row + 1, total=len(images), note="writing"))


def _parquet(images: ImageSet, file: Path, report: Report) -> None:
    features = {
        "image": {"_type": "Image"},
        "label": {"_type": "ClassLabel", "names": [_text(name) for name in images.classes]},
        "key": {"_type": "Value", "dtype": "string"},
    }
    schema = pa.schema(
        [
            ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
            ("label", pa.int64()),
            ("key", pa.string()),
        ],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    # PNG is compressed already
    with pq.ParquetWriter(file, schema, compression="none") as writer:
        for first in range(0, len(images), AT_ONCE):
            rows = slice(first, first + AT_ONCE)
            encoded = [{"bytes": _png(pixels), "path": None} for pixels in images.pixels[rows]]
            writer.write_batch(
                pa.record_batch(
                    [encoded, images.labels[rows].tolist(), [_text(key) for key in images.keys[rows]]], schema=schema
                )
            )
            report(Progress(done=first + len(encoded), total=len(images), note="writing"))


def _text(name: str) -> str:
    """Return a name with its bytes that are no UTF-8, as old discs have them, in hexadecimal."""
    return re.sub("[\ud800-\udfff]", lambda byte: f"%{ord(byte[0]) & 0xFF:02X}", name)


def _png(pixels: np.ndarray) -> bytes:
    """Encode one image [c h w]; fast rather than small."""
    image = Image.fromarray(np.ascontiguousarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
