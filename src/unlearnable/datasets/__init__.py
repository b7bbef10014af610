"""Named sources of labelled images."""

from typing import Any

from unlearnable._registry import Entry, Registry
from unlearnable.imageset import ImageSet

DATASETS = Registry(
    "dataset",
    {
        "digits": Entry("unlearnable.datasets.digits:load", "1,797 scanned digits, 8x8 grey, embedded (UCI)"),
        "cifar10": Entry("unlearnable.datasets.cifar10:load", "60,000 colour photos, 32x32, 10 classes"),
        "cifar100-20c": Entry("unlearnable.datasets.cifar100:load", "12,000 colour photos, 32x32, 20 classes"),
        "folder": Entry("unlearnable.datasets.folder:load", "your own photos: one category per sub-folder"),
        "parquet": Entry("unlearnable.datasets.parquet:load", "a Parquet file with image and label columns"),
    },
    "unlearnable.datasets",
)


def load(name: str, **options: Any) -> ImageSet:
    """Load a named dataset.

    Args:
        name: digits, cifar10, cifar100-20c, folder, parquet, one that another package registers, or
            `module:function`, which returns an `ImageSet`.
        options: what that source takes, such as `split="test"`, `path=…`, `size=64`.

    Raises:
        ValueError: unknown name, or the data are not usable; the message says what to do.
        FileNotFoundError: the data are not on this machine.
    """
    found = Entry(name, name).load() if ":" in name else DATASETS.get(name)
    images: ImageSet = found(**options)
    return images
