"""docs/reproducing.md from the records."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from experiments.paper import published
from experiments.paper.measured import Measured
from experiments.paper.suites import FOUR
from unlearnable.datasets.cifar10 import CLASSES

AUGMENTATIONS = {
    "none": "crop and flip only",
    "cutout:0.5": "cutout",
    "cutmix:1": "cutmix",
    "mixup:1": "mixup",
    "randaugment:9": "strong augmentation",
    "ueraser:1": "UEraser, one view",
    "adversarial-training:2": "adversarial training, ε = 2",
    "adversarial-training:4": "adversarial training, ε = 4",
    "adversarial-training:8": "adversarial training, ε = 8",
}
PROTECTED_PEOPLE = list(range(0, 16, 2))
"""Places of those who protect among the 16 people."""


def page(results: Path) -> str:
    """Return the page in Markdown."""
    environment = Environment(  # noqa: S701 - Markdown of our own numbers
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, keep_trailing_newline=True
    )
    chosen = {", ".join(names): [CLASSES.index(name) for name in names] for names in (("bird",), FOUR)}
    return environment.get_template("reproducing.md.jinja").render(
        suite=lambda name: Measured(name, results),
        published=published,
        augmentations=AUGMENTATIONS,
        chosen_classes=chosen,
        protected_people=PROTECTED_PEOPLE,
    )
