"""Figures of a proof as inline SVG."""

import io
import re
from collections.abc import Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from unlearnable._types import Parameters

INK, FAINT, GRID = "#1d2430", "#6b7483", "#d9dde4"
COLOURS = {
    "control": "#8a94a6",
    "held": "#1f8a5b",
    "weakened": "#c98500",
    "failed": "#c0392b",
    "not tested": "#8a94a6",
}
CURVES = {"clean": "#4a5568", "random": "#7b8fc9", "smooth": "#b07cc6", "protected": "#1f8a5b"}
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "unlearnable",
    "font.size": 11,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": FAINT,
    "ytick.color": INK,
    "axes.edgecolor": GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def bars(rows: Sequence[Parameters], *, chance: float) -> str:
    """Draw what each training set taught: best epoch as a bar with its interval, last epoch as a dot, chance as a line.

    Args:
        rows: the proof's summary rows.
        chance: percent.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(8.4, 0.46 * len(rows) + 1.0), layout="constrained")
        axes = figure.subplots()
        for place, row in enumerate(rows):
            colour = COLOURS[row.get("verdict", "control")]
            low, high = row["best_interval"]
            axes.barh(place, row["best"], height=0.62, color=colour, alpha=0.9)
            axes.plot([low, high], [place, place], color=INK, linewidth=1.2)
            axes.plot(row["last"], place, "o", color="white", markeredgecolor=INK, markersize=6)
            axes.text(max(high, row["best"]) + 1.2, place, f"{row['best']:.1f}", va="center", fontweight="bold")
        axes.axvline(chance, color=INK, linestyle=(0, (4, 3)), linewidth=1)
        axes.text(chance, -0.62, f"chance {chance:.1f}", ha="center", va="bottom", fontsize=9, color=FAINT)
        axes.set_yticks(range(len(rows)), [row["title"] for row in rows])
        axes.set_ylim(len(rows) - 0.5, -0.7)
        axes.set_xlim(0, 105)
        axes.set_xlabel("clean images recognised, % (bar: best epoch, dot: last epoch)")
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color=GRID, linewidth=0.6)
        axes.set_axisbelow(True)
        return _svg(figure, "Accuracy on clean images for each training set")


def curves(trainings: Sequence[Parameters], *, chance: float) -> str:
    """Draw test accuracy per epoch for clean, random-noise and protected training, one line per seed."""
    with rc_context(STYLE):
        figure = Figure(figsize=(8.4, 3.4), layout="constrained")
        axes = figure.subplots()
        named: set[str] = set()
        for training in trainings:
            colour = CURVES.get(training["row"])
            if colour is None:
                continue
            axes.plot(
                [epoch["epoch"] for epoch in training["curve"]],
                [epoch["test_acc"] for epoch in training["curve"]],
                color=colour,
                linewidth=1.8,
                label=None if training["row"] in named else training["row"],
            )
            named.add(training["row"])
        axes.axhline(chance, color=INK, linestyle=(0, (4, 3)), linewidth=1, label="chance")
        axes.set_xlabel("epoch")
        axes.set_ylabel("clean images recognised, %")
        axes.set_ylim(0, 102)
        axes.grid(color=GRID, linewidth=0.6)
        axes.legend(frameon=False, ncols=4, loc="upper left", bbox_to_anchor=(0, 1.14))
        return _svg(figure, "Accuracy on clean images per epoch")


def _svg(figure: Figure, label: str) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    return text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
