"""Parquet files with an image column (Hugging Face convention) and a label column."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from unlearnable._types import Progress, Report, silent
from unlearnable.datasets.decode import decode, stack
from unlearnable.imageset import ImageSet


def load(
    *,
    path: Path | str,
    size: int | None = None,
    image_column: str = "image",
    label_column: str | None = "label",
    limit: int | None = None,
    report: Report = silent,
) -> ImageSet:
    """Load images and labels from one Parquet file.

    Args:
        path: the file.
        size: bring every image to this side; None needs images of one size.
        image_column: a struct with `bytes`, or plain binary.
        label_column: integers or names; None reads none, and all images are of one class.
        limit: read the first rows only.
        report: called with how many images are read.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is not Parquet, a column is missing, or an image cannot be decoded.
    """
    source = Path(path)
    if not source.is_file():
        raise FileNotFoundError(f"there is no Parquet file at {source}")
    table = _read(source, [image_column, *([label_column] if label_column else [])])
    if limit is not None:
        table = table.slice(0, limit)
    if table.num_rows == 0:
        raise ValueError(f"{source} has no rows")
    encoded = encoded_images(table, image_column)
    keys = _keys(source.stem, encoded)
    images = []
    for row, content in enumerate(encoded):
        try:
            images.append(decode(content, size=size))
        except ValueError as error:
            raise ValueError(f"{source}, row {row}: {error}") from error
        report(Progress(done=row + 1, total=len(encoded), note="reading"))
    labels, classes = _labels(table, label_column) if label_column else (np.zeros(len(keys), np.int64), ("all",))
    return ImageSet(pixels=stack(images, keys), labels=labels, keys=keys, classes=classes, name=source.stem)


def _keys(name: str, encoded: Sequence[bytes]) -> tuple[str, ...]:
    """Name images by what they are, so that noise made for them finds them in whatever order they come."""
    seen: Counter[str] = Counter()
    keys = []
    for content in encoded:
        digest = hashlib.blake2b(content, digest_size=8).hexdigest()
        seen[digest] += 1
        keys.append(f"{name}/{digest}" if seen[digest] == 1 else f"{name}/{digest}-{seen[digest]}")
    return tuple(keys)


def encoded_images(table: pa.Table, column: str) -> list[bytes]:
    """Return the encoded bytes of an image column.

    Raises:
        ValueError: the column holds neither bytes nor structs with bytes, or a row is empty.
    """
    encoded: list[bytes] = []
    for row, value in enumerate(table.column(column).to_pylist()):
        content = value.get("bytes") if isinstance(value, Mapping) else value
        if not isinstance(content, bytes):
            raise ValueError(f"column {column!r}, row {row}, holds no image bytes (embed the images, not their paths)")
        encoded.append(content)
    return encoded


def class_names(table: pa.Table, label_column: str) -> tuple[str, ...] | None:
    """Return the class names of the Hugging Face schema metadata, if they are there."""
    try:
        names = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"][label_column]["names"]
    except (ValueError, KeyError, TypeError):  # none, or none that can be used
        return None
    return tuple(names) if isinstance(names, list) and names and all(isinstance(name, str) for name in names) else None


def _read(source: Path, columns: list[str]) -> pa.Table:
    try:
        schema = pq.read_schema(source)
        missing = [column for column in columns if column not in schema.names]
        if missing:
            raise ValueError(f"{source} has no column {missing[0]!r}; it has {', '.join(schema.names)}")
        return pq.read_table(source, columns=columns)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{source} is not a readable Parquet file ({error})") from error


def _labels(table: pa.Table, column: str) -> tuple[np.ndarray, tuple[str, ...]]:
    values = table.column(column).to_pylist()
    if any(value is None for value in values):
        raise ValueError(f"column {column!r}, row {values.index(None)}, has no label")
    names = class_names(table, column)
    if names is not None and all(isinstance(value, int) for value in values):
        wrong = next((value for value in values if not 0 <= value < len(names)), None)
        if wrong is not None:
            raise ValueError(f"column {column!r} holds the label {wrong}, and the file names {len(names)} classes")
        return np.asarray(values, dtype=np.int64), names
    if not all(isinstance(value, int | str) for value in values):
        raise ValueError(f"column {column!r} holds {type(values[0]).__name__} values; labels are numbers or names")
    known = sorted(set(values), key=lambda value: (isinstance(value, str), value))
    place = {value: row for row, value in enumerate(known)}
    return np.asarray([place[value] for value in values], dtype=np.int64), tuple(str(value) for value in known)
