"""Suites by name: Python functions in the experiments/ folder of a checkout, or anywhere."""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from unlearnable._registry import unknown
from unlearnable.evaluation.grid import Suite

HOME = "experiments"
OURS = "_suite_of_unlearnable"
"""Marks modules that were read from a file that somebody named."""


def find_suite(name: str) -> Suite:
    """Make a suite from `smoke`, `paper:figure1` or `my/file.py:function`.

    Raises:
        ValueError: there is no such suite; near names are listed.
    """
    where, colon, function = name.rpartition(":")
    where, module = _module(where) if colon else (f"{HOME}/suites.py", home("suites"))
    suites = suites_of(module)
    wanted = function.replace("-", "_")
    if wanted not in suites:
        raise ValueError(f"{where}: {unknown('suite', function, [each.replace('_', '-') for each in suites])}")
    return suites[wanted]()


def planned_columns(name: str) -> tuple[str, ...]:
    """Return the columns of a suite of this checkout, run or not; none if there is no such suite here."""
    try:
        suite = find_suite(name)
    except ValueError:
        return ()
    return tuple(dict.fromkeys(trial.title for trial in suite.trials))


def suites_of(module: ModuleType) -> dict[str, Callable[[], Suite]]:
    """Return the functions of a module that return a suite, by name."""
    return {
        name: function
        for name, function in vars(module).items()
        if inspect.isfunction(function)
        and function.__annotations__.get("return") in (Suite, "Suite")
        and name[0] != "_"
    }


def _module(where: str) -> tuple[str, ModuleType]:
    if not where.endswith(".py"):
        return f"{HOME}/{where}", home(where)
    path = Path(where)
    if not path.is_file():
        raise ValueError(f"there is no file {where}; give FILE.py:FUNCTION, or a suite of {HOME}/")
    specification = importlib.util.spec_from_file_location(path.stem, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    known = sys.modules.get(path.stem)
    if known is None or hasattr(known, OURS):  # never in the place of a module that others use
        # other processes find what is defined there by the module's name
        setattr(module, OURS, True)
        sys.modules[path.stem] = module
        sys.path.append(str(path.resolve().parent))
    specification.loader.exec_module(module)
    return where, module


def home(module: str) -> ModuleType:
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(f"{HOME}.{module.replace('-', '_')}")
    except ModuleNotFoundError as error:
        raise ValueError(
            f"there is no {HOME}/{module}.py here: run it in a checkout of this project, or give FILE.py:FUNCTION"
        ) from error
