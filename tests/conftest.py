"""Shared fixtures; jaxtyping and beartype check shapes in the whole test run."""

import os
import warnings
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
