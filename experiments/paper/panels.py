"""The paper's CIFAR-10 example: original, noise and unlearnable, for ten categories and both scopes.

python -m experiments.paper.panels                           # ten kinds of things; docs/figures/panels.png
python -m experiments.paper.panels cifar10 -o cifar10.png    # the paper's data, for your own eyes
python -m experiments.paper.panels faces -o faces.png        # its faces, class-wise with ε = 16, likewise

The figure in the documentation is of Caltech-101, which may be shown (CC BY 4.0); CIFAR-10 has no licence and the faces
are for research only, so their pictures are drawn on request only.
"""

import argparse
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from matplotlib import rc_context
from matplotlib.figure import Figure
from PIL import Image

from experiments._record import RESULTS
from experiments.paper.suites import SCOPES, error_min
from unlearnable._runtime import Runtime
from unlearnable.datasets import load
from unlearnable.imageset import ImageSet
from unlearnable.poisons._base import AdditivePoison
from unlearnable.poisons.error_min import ErrorMin
from unlearnable.report.figures import STYLE
from unlearnable.report.panels import AMPLIFY, amplified

PHOTOS = "experiments.paper.data:things"
OTHERS = {"cifar10": "experiments.paper.data:ten_thousand", "faces": "experiments.paper.data:faces"}
NOT_SHOWN = ("Faces",)
"""Nobody was asked to be an example."""

COLUMNS = 10


def panels(data: ImageSet, poisons: Sequence[AdditivePoison], runtime: Runtime) -> Figure:
    """Craft noise and draw one image of each of ten categories: original, then noise (amplified) and unlearnable.

    Args:
        data: RGB images.
        poisons: one or more; each gives two rows.
        runtime: device and seed.
    """
    shown = _one_of_each(data)
    original = data.pixels[shown]
    lines: list[tuple[str, UInt8[np.ndarray, "n c h w"]]] = [("original", original)]
    for poison in poisons:
        published = poison.craft(data, runtime).apply(data).pixels[shown]
        noise = amplified(original, published)
        lines += [(f"noise × {AMPLIFY},\n{poison.scope}", noise), (f"unlearnable,\n{poison.scope}", published)]
    with rc_context(STYLE):
        figure = Figure(figsize=(1.15 * COLUMNS + 0.9, 1.15 * len(lines) + 0.3), layout="constrained")
        grid = figure.subplots(len(lines), len(shown), gridspec_kw={"wspace": 0.02, "hspace": 0.02}, squeeze=False)
        for axes, (title, pixels) in zip(grid, lines, strict=True):
            axes[0].set_ylabel(title, fontsize=9)
            for place, image in zip(axes, pixels, strict=True):
                place.imshow(image.transpose(1, 2, 0), interpolation="nearest")
                place.set_xticks([])
                place.set_yticks([])
        for place, row in zip(grid[0], shown, strict=True):
            place.set_title(data.classes[data.labels[row]].replace("_", " ").lower(), fontsize=9)
    return figure


def _one_of_each(data: ImageSet) -> list[int]:
    """Return the place of the first image of each of ten categories."""
    labels = [label for label, name in enumerate(data.classes) if name not in NOT_SHOWN][:COLUMNS]
    return [int(np.flatnonzero(data.labels == label)[0]) for label in labels]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", default=PHOTOS)
    parser.add_argument("-o", "--output", type=Path, default=RESULTS.parent / "docs" / "figures" / "panels.png")
    chosen = parser.parse_args()
    images = load(OTHERS.get(chosen.data, chosen.data), split="train")
    noises = [ErrorMin(epsilon=16, luma=None)] if chosen.data == "faces" else [error_min(scope) for scope in SCOPES]
    drawn = io.BytesIO()
    panels(images, noises, Runtime.auto()).savefig(drawn, dpi=110, facecolor="white")
    # noise does not compress: 256 colours are a third of the size and look the same
    Image.open(drawn).convert("RGB").quantize(dither=Image.Dither.NONE).save(chosen.output, "PNG", optimize=True)
    print(chosen.output)
