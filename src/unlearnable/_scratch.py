"""Large arrays that need not be in memory."""

import os
import tempfile
from typing import Any

import numpy as np
from jaxtyping import Shaped

IN_MEMORY = 256 * 2**20
"""Bytes up to which an array is held in memory."""


def scratch(shape: tuple[int, ...], dtype: Any) -> Shaped[np.ndarray, "..."]:
    """Return an array of zeros: in memory if it is small, else in a file without a name, which the system pages out.

    The file is in the folder for temporary files (TMPDIR) and is gone with the array.
    """
    wanted = np.dtype(dtype)
    size = int(np.prod(shape)) * wanted.itemsize
    if size <= IN_MEMORY:
        return np.zeros(shape, dtype=wanted)
    with tempfile.TemporaryFile(prefix="unlearnable-") as file:
        if hasattr(os, "posix_fallocate"):  # a full disk is an error here, and not a dead process at the first write
            os.posix_fallocate(file.fileno(), 0, size)
        file.truncate(size)
        return np.memmap(file, dtype=wanted, mode="r+", shape=shape)
