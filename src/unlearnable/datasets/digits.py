"""The embedded dataset: 1,797 scans of handwritten digits.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI 1998, CC BY 4.0 (its test part, as
scikit-learn ships it). Values 0..16 are spread over 0..255; the order is scikit-learn's.
"""

from importlib.resources import as_file, files

import numpy as np
from PIL import Image
from safetensors.numpy import load_file

from unlearnable.imageset import ImageSet

TRAIN_FRACTION = 0.8


def load(*, split: str = "train", size: int = 8) -> ImageSet:
    """Load the scans, grey.

    Args:
        split: `train` (1,438 scans), `test` (359) or `all`; stratified, always the same.
        size: side in pixels; 8 is the original, larger ones are upsampled (bicubic).

    Raises:
        ValueError: unknown split, or size under 8.
    """
    if split not in ("train", "test", "all"):
        raise ValueError(f"digits has the splits train, test and all; got {split!r}")
    if size < 8:
        raise ValueError(f"size must be at least 8 pixels, the size of the scans; got {size!r}")
    with as_file(files("unlearnable.datasets") / "_data" / "digits.safetensors") as path:
        stored = load_file(path)
    pixels = np.rint(stored["pixels"].astype(np.float32) * (255 / 16)).astype(np.uint8)
    if size != 8:
        bicubic = Image.Resampling.BICUBIC
        pixels = np.stack([np.asarray(Image.fromarray(scan).resize((size, size), bicubic)) for scan in pixels])
    scans = ImageSet(
        pixels=np.ascontiguousarray(pixels[:, None]),
        labels=stored["labels"].astype(np.int64),
        keys=tuple(f"digits/{row:04d}" for row in range(len(pixels))),
        classes=tuple("0123456789"),
        name="digits",
    )
    if split == "all":
        return scans
    train, test = scans.split(TRAIN_FRACTION, seed=0)
    return train if split == "train" else test
