"""Shared fixtures; jaxtyping and beartype check shapes in the whole test run."""

import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import install_import_hook

if os.environ.get("UNLEARNABLE_CHECK_SHAPES", "1") == "1":
    install_import_hook("unlearnable", "typecheck.check")

DATA_FILES = (
    "cifar10-train.parquet",
    "cifar10-test.parquet",
    "cifar100-20c-train.parquet",
    "photos-caltech20.parquet",
    "faces-celeb24-color.parquet",
)


SLOWEST = ("test_notebooks.py", "test_demo.py", "test_journey.py", "test_checkpoint.py", "test_contract.py")
"""Files that take a minute or more; they begin first, so that two processes end at about the same time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in SLOWEST)


PROCESSOR = Path("/proc/cpuinfo")
TILES = PROCESSOR.is_file() and "amx_tile" in PROCESSOR.read_text(encoding="utf-8")
"""Whether this processor multiplies in tiles (AMX)."""


@pytest.fixture(autouse=True)
def _one_result_per_seed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Keep tests of slots from oneDNN where it computes in tiles: there it gives one search several results.

    With ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16 it gives one on the same processor, in three times the time.
    """
    if not TILES or not {"slots", "test_slots", "packs"} & set(re.split(r"\W+", request.node.nodeid)):
        yield
        return
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of TF32 on a GPU that is not there
        with torch.backends.mkldnn.flags(enabled=False):  # type: ignore[no-untyped-call]
            yield


def data_root() -> Path:
    """Where the real data lies: UNLEARNABLE_DATA, by default ../shared/data beside the checkout."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("UNLEARNABLE_DATA", default))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    root = data_root()
    missing = [name for name in DATA_FILES if not (root / name).is_file()]
    if missing:
        message = f"real data is absent: {', '.join(missing)} not in {root}; set UNLEARNABLE_DATA"
        warnings.warn(message, stacklevel=1)
        pytest.skip(message)
    return root


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
