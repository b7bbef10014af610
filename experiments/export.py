"""Export a Parquet file of photos to a folder tree, one sub-folder per category, the encoded bytes as they are.

python -m experiments.export ../shared/data/photos-caltech20.parquet photos
"""

import sys
from pathlib import Path

import pyarrow.parquet as pq

from unlearnable.datasets.parquet import class_names, encoded_images

_STARTS = {b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png", b"RIFF": ".webp"}


def export(source: Path, folder: Path) -> int:
    """Write every image of `source` to `folder/CATEGORY/NNNN.ext` and return how many.

    Raises:
        ValueError: the folder has files already, or an image is of an unknown kind.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} has files already: name a new folder")
    table = pq.read_table(source)
    names = class_names(table, "label") or ()
    images = encoded_images(table, "image")
    for row, (content, label) in enumerate(zip(images, table.column("label").to_pylist(), strict=True)):
        suffix = next((suffix for start, suffix in _STARTS.items() if content.startswith(start)), None)
        if suffix is None:
            raise ValueError(f"{source}, row {row}: neither JPEG, PNG nor WebP")
        file = folder / (names[label] if names else str(label)) / f"{row:04d}{suffix}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return len(images)


if __name__ == "__main__":
    print(export(Path(sys.argv[1]), Path(sys.argv[2])), "photos")
