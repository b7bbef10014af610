"""Run the notebooks and write them with their outputs beside their sources: `make notebooks`.

python -m experiments.notebooks quickstart    # one of them

Pictures of CIFAR-10 and of people are not ours to publish, so outputs of cells tagged `pictures` are left out.
"""

import os
import sys
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient

from unlearnable.jobs.owner import OWNER_KEY

HOME = Path(__file__).resolve().parents[1] / "notebooks"
DATA = HOME.parents[1] / "shared" / "data"
LEFT_OUT = "The pictures are made when you run it."


def sources() -> list[Path]:
    """Return the notebooks' sources."""
    return sorted(HOME.glob("*.py"))


def notebook(source: Path) -> Any:
    """Read a source as a notebook without outputs, with the same cell names each time."""
    book = jupytext.read(source)
    for number, cell in enumerate(book.cells):
        cell["id"] = f"cell-{number:02d}"
    return book


def executed(source: Path, folder: Path, *, small: bool = False, timeout: int = 900) -> Any:
    """Run a notebook in `folder` and return it with its outputs.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised.
    """
    book = notebook(source)
    before = os.environ.copy()
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    os.environ.setdefault("UNLEARNABLE_DATA", str(DATA))  # by default it is sought from the folder it runs in
    os.environ[OWNER_KEY] = "notebooks"  # the same noise everywhere, and nobody's own secret
    os.environ.update({"UNLEARNABLE_SMALL": "1"} if small else {})
    try:
        NotebookClient(book, timeout=timeout, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    finally:
        os.environ.clear()
        os.environ.update(before)
    return book


def publishable(book: Any) -> Any:
    """Take out what may not be published, and what changes with every run."""
    for cell in book.cells:
        cell.metadata.pop("execution", None)
        if "pictures" in cell.metadata.get("tags", []):
            cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=LEFT_OUT + "\n")]
    book.metadata.pop("jupytext", None)
    book.metadata["language_info"] = {"name": "python"}
    return book


if __name__ == "__main__":
    chosen = [path for path in sources() if path.stem in (sys.argv[1:] or path.stem)]
    for path in chosen:
        made = publishable(executed(path, HOME))
        nbformat.write(made, path.with_suffix(".ipynb"))
        print(path.with_suffix(".ipynb").name, flush=True)
