import pytest

from unlearnable._extras import MissingExtraError, require
from unlearnable._registry import Entry, Registry
from unlearnable.datasets import DATASETS, load

SHELF = Registry("path", {"posix": Entry("posixpath:join", "a"), "windows": Entry("ntpath:join", "b")}, "no.such.group")


def test_names_load_lazily() -> None:
    assert list(SHELF) == ["posix", "windows"]
    assert SHELF.get("posix")("a", "b") == "a/b"
    assert "posix" in SHELF
    assert "mac" not in SHELF


def test_did_you_mean() -> None:
    with pytest.raises(ValueError, match="unknown path 'posxi': did you mean posix"):
        SHELF.get("posxi")
    with pytest.raises(ValueError, match="choose one of: posix, windows"):
        SHELF.get("zzzzzz")


def test_every_dataset_entry_loads() -> None:
    assert all(callable(DATASETS.get(name)) for name in DATASETS)
    with pytest.raises(ValueError, match="did you mean digits"):
        load("digit")


def test_a_missing_extra_names_the_command() -> None:
    with pytest.raises(MissingExtraError, match=r"pip install 'unlearnable\[heic\]'"):
        require("no_such_module_at_all", "heic", "read HEIC photos")
