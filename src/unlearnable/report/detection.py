"""Whether a scraper can tell protected images from clean ones: the facts of `detector`, as a table."""

from collections.abc import Sequence
from dataclasses import dataclass

from unlearnable.report.grid import Cell, Matrix, Spread
from unlearnable.report.tables import md, md_table

DETECTED = (
    "A scraper who has some images in both versions trains a detector on them. AUC, the area under the ROC curve in "
    "percent, is how well it tells other protected images from clean ones (50: not at all), for a small network and "
    "for two linear layers; separability is how often two linear layers, trained on the categories of one half of the "
    "images, name those of the other half. Noise that is a shortcut is easy for them. Mean over seeds; ± is the seed "
    "farthest from the mean."
)


@dataclass(frozen=True, kw_only=True)
class Detected:
    """What a scraper's detectors made of one row: AUC of two networks, and what two linear layers learn, percent."""

    row: str
    auc: Spread
    mlp_auc: Spread
    mlp_protected: Spread


def detected(cells: Matrix) -> tuple[Detected, ...]:
    """Return what detectors made of each row that met them."""
    found: dict[str, Detected] = {}
    for cell in cells.cells.values():
        if all("auc" in record.get("facts", ()) for record in cell.records):
            facts = {name: _fact(cell, name) for name in ("auc", "mlp_auc", "mlp_protected")}
            found.setdefault(cell.row, Detected(row=cell.row, **facts))
    return tuple(found[row] for row in cells.rows if row in found)


def detection_table(found: Sequence[Detected]) -> str:
    """Write it as Markdown."""
    head = ["images", "AUC, small network", "AUC, two linear layers", "separability, two linear layers"]
    rows = [[md(each.row), str(each.auc), str(each.mlp_auc), str(each.mlp_protected)] for each in found]
    return md_table(head, rows)


def _fact(cell: Cell, name: str) -> Spread:
    scale = 100 if name.endswith("auc") else 1
    return Spread(values=tuple(scale * record["facts"][name] for record in cell.records))
