"""DATA on the command line: a dataset's name, a folder, or a Parquet file."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from unlearnable.cli._progress import progress

if TYPE_CHECKING:
    from unlearnable.imageset import ImageSet

Data = Annotated[
    str, Parameter(help="A dataset such as cifar10, a folder with a sub-folder per category, or a Parquet file.")
]
PerClass = Annotated[int | None, Parameter(help="Use the first so many images of each category.")]
SIZE = "Side in pixels that a folder's or Parquet file's photos are brought to."
Size = Annotated[int | None, Parameter(help=SIZE)]


def made_room(output: Path) -> None:
    """Make the folder that something is written to, and try to write there, before hours of work.

    Raises:
        ValueError: nothing can be written there.
    """
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output.parent):
            pass
    except OSError as error:
        raise ValueError(f"{output.parent} cannot be written to: {error.strerror or error}") from error


def loaded(data: str, per_class: int | None, size: int | None, *, quiet: bool) -> "ImageSet":
    """Load what DATA names, with progress where that takes a while.

    Raises:
        ValueError: there is no such thing, or the options do not fit it.
    """
    import numpy as np

    from unlearnable.datasets import DATASETS, load

    if size is not None and size < 1:
        raise ValueError(f"--size must be at least 1 pixel; got {size}")
    path = Path(data)
    options: dict[str, Any] = {} if size is None else {"size": size}
    if data in DATASETS and data not in ("folder", "parquet"):
        if size is not None and data != "digits":
            raise ValueError(f"--size is for folders and Parquet files; {data} has its own")
        images = load(data, **options)
    elif path.exists():
        with progress("reading", quiet=quiet) as report:
            images = load("parquet" if path.suffix == ".parquet" else "folder", path=path, report=report, **options)
    else:
        known = [name for name in DATASETS if name not in ("folder", "parquet")]
        raise ValueError(f"there is no dataset, folder or file {data!r}; datasets: {', '.join(known)}")
    if per_class is None:
        return images
    if per_class < 1:
        raise ValueError(f"--per-class must be at least 1; got {per_class}")
    rows = [np.flatnonzero(images.labels == label)[:per_class] for label in range(len(images.classes))]
    return images.subset(np.sort(np.concatenate(rows)))
