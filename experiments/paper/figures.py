"""The paper's figures from the records, as SVG and PNG."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.paper.measured import Measured
from experiments.paper.suites import SHARES
from unlearnable.datasets.cifar10 import CLASSES
from unlearnable.report.figures import GRID, INK, STYLE

COLOURS = {"clean": "#4a5568", "random": "#7b8fc9", "error-max": "#c98500", "error-min": "#1f8a5b"}
CHANCE = 10.0


def figure1(folder: Path) -> Figure | None:
    """Draw clean test accuracy by epoch for every kind of noise: the mean of the seeds, and all between them."""
    measured = Measured("figure1", folder)
    if not measured.records:
        return None
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, scope in zip(figure.subplots(1, 2, sharey=True), ("sample-wise", "class-wise"), strict=True):
        for name, colour in COLOURS.items():
            found = measured.of("clean" if name == "clean" else f"{name}, {scope}")
            if not found:
                continue
            curves = np.asarray([[epoch["test_acc"] for epoch in record["curve"]] for record in found])
            epochs = np.arange(1, curves.shape[1] + 1)
            axes.plot(epochs, curves.mean(0), color=colour, linewidth=2, label=name)
            axes.fill_between(epochs, curves.min(0), curves.max(0), color=colour, alpha=0.18, linewidth=0)
        missing = [name for name in COLOURS if name != "clean" and not measured.of(f"{name}, {scope}")]
        if missing:
            axes.text(0.97, 0.5, f"not run: {', '.join(missing)}", transform=axes.transAxes, ha="right", va="center")
        _guessing(axes)
        axes.set_title(scope, fontsize=11)
        axes.set_xlabel("epoch")
        axes.set_ylim(0, 100)
        axes.grid(color=GRID, linewidth=0.6)
    figure.axes[0].set_ylabel("clean test images recognised, %")
    lines = [Line2D([], [], color=colour, linewidth=2, label=name) for name, colour in COLOURS.items()]
    figure.axes[1].legend(handles=lines, frameon=False, loc="center right", fontsize=9)
    return figure


def percentage(folder: Path) -> Figure | None:
    """Draw accuracy by the share of images that is protected, beside the clean part alone."""
    measured = Measured("percentage", folder)
    if not measured.records:
        return None
    figure = Figure(figsize=(5.6, 3.6), layout="constrained")
    axes = figure.subplots()
    shares = {"protected and clean": (0, *SHARES, 100), "clean part alone": SHARES}
    for row, colour in (("protected and clean", COLOURS["error-min"]), ("clean part alone", COLOURS["clean"])):
        points = [(share, measured.mean(row, str(share), "last")) for share in shares[row]]
        known = [(share, value) for share, value in points if value is not None]
        axes.plot(*zip(*known, strict=True), "o-", color=colour, linewidth=2, markersize=5, label=row)
    _guessing(axes)
    axes.set_xlabel("images protected, %")
    axes.set_ylabel("clean test images recognised, %")
    axes.set_ylim(0, 100)
    axes.grid(color=GRID, linewidth=0.6)
    axes.legend(frameon=False, loc="center left")
    return figure


def classes(folder: Path) -> Figure | None:
    """Draw the confusion matrices where one class and where four classes are protected."""
    measured = Measured("classes", folder)
    protected = [row for row in measured.rows if row != "clean"]
    found = [(column, row, measured.of(row, column)) for column in measured.columns for row in protected]
    shown = [(column, row, records[0]) for column, row, records in found if records]
    if not shown:
        return None
    wide = min(2, len(shown))
    tall = -(-len(shown) // wide)
    figure = Figure(figsize=(4.1 * wide, 4.3 * tall), layout="constrained")
    for place, (column, row, record) in enumerate(shown):
        axes = figure.add_subplot(tall, wide, place + 1)
        matrix = np.asarray(record["confusion"], dtype=np.float64)
        matrix = 100 * matrix / matrix.sum(1, keepdims=True)
        axes.imshow(matrix, cmap="Greens", vmin=0, vmax=100)
        for true, predicted in np.ndindex(matrix.shape):
            value = matrix[true, predicted]
            if value >= 0.5:
                colour = "white" if value > 55 else INK
                axes.text(predicted, true, f"{value:.0f}", ha="center", va="center", fontsize=7, color=colour)
        axes.set_xticks(range(len(CLASSES)), CLASSES, rotation=90, fontsize=8)
        axes.set_yticks(range(len(CLASSES)), CLASSES if place % wide == 0 else [""] * len(CLASSES), fontsize=8)
        axes.set_title(f"{column}\n{row}", fontsize=9)
        axes.set_xlabel("predicted", fontsize=9)
        if place % wide == 0:
            axes.set_ylabel("true", fontsize=9)
    return figure


def _guessing(axes: Axes) -> None:
    axes.axhline(CHANCE, color=INK, linestyle=(0, (4, 3)), linewidth=1)
    axes.text(0.01, CHANCE - 1.5, "guessing", transform=axes.get_yaxis_transform(), va="top", fontsize=8)


FIGURES: dict[str, Callable[[Path], Figure | None]] = {
    "figure1": figure1,
    "percentage": percentage,
    "classes": classes,
}


def source(name: str, results: Path) -> str:
    """Name the records that a figure is drawn from, with a digest of them: what its file says of itself."""
    records = (results / f"paper-{name}.jsonl").read_bytes()
    return f"paper-{name}.jsonl {hashlib.blake2b(records, digest_size=12).hexdigest()}"


def draw(results: Path, target: Path) -> list[Path]:
    """Write every figure whose records there are, as SVG and PNG, and return the files."""
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for name, function in FIGURES.items():
        with rc_context(STYLE):
            figure = function(results)
            if figure is None:
                continue
            for suffix in ("svg", "png"):
                path = target / f"{name}.{suffix}"
                silent = {"Date": None, "Creator": None} if suffix == "svg" else {"Software": None}
                metadata = {**silent, "Description": source(name, results)}
                figure.savefig(path, dpi=110, facecolor="white", metadata=metadata)
                written.append(path)
    return written
