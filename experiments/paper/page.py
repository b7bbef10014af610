"""docs/reproducing.md from the records."""

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from experiments.paper import published
from experiments.paper.measured import MISSING, Measured
from experiments.paper.suites import EVERYBODY, FOUR, patterns
from experiments.suites import OTHERS
from unlearnable.datasets.cifar10 import CLASSES
from unlearnable.report.published import published_for

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
WORSE = 10.0
"""Points above the published number from which a reason is owed."""

REASONS = {
    "targeted": "not for want of steps or training of surrogates: more of either changes nothing (suite `targeted`)",
}
"""Why a row of the other methods is worse than published, as far as known."""

PROTECTED_PEOPLE = list(range(0, 16, 2))
"""Places of those who protect among the 16 people."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A published method beside its own numbers, without a countermeasure: last epoch, best in brackets."""

    row: str
    published: str
    small: str
    whole: str
    reason: str


def others(results: Path) -> list[Compared]:
    """Compare every other method that was published on CIFAR-10 with what it does here."""
    suites = {name: Measured(name, results, prefix="") for name in ("c10-10k", "c10")}
    found = []
    for row, poison in OTHERS.items():
        asked = {"method": poison.method, "scope": poison.scope, "epsilon": getattr(poison, "epsilon", None)}
        told = published_for({"poison": asked, "dataset": "cifar10"})
        first = next((each for each in told if each.countermeasure == "none" and each.architecture == "resnet18"), None)
        if first is None:
            continue
        reached = [suites[name].mean(row, "none", "last") for name in ("c10", "c10-10k")]
        best = next((value for value in reached if value is not None), None)
        worse = best is not None and best > first.accuracy + WORSE
        found.append(
            Compared(
                row=row,
                published=f"{first.accuracy:.1f} ({', '.join(filter(None, (first.called, first.source)))})",
                small=_both(suites["c10-10k"], row),
                whole=_both(suites["c10"], row),
                reason=REASONS.get(row, "not known yet") if worse else "",
            )
        )
    return found


def _both(measured: Measured, row: str) -> str:
    if not measured.of(row, "none"):
        return MISSING
    return f"{measured.cell(row, 'none', 'last')} ({measured.cell(row, 'none')})"


def page(results: Path) -> str:
    """Return the page in Markdown."""
    environment = Environment(  # noqa: S701 - Markdown of our own numbers
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, keep_trailing_newline=True
    )
    chosen = {", ".join(names): [CLASSES.index(name) for name in names] for names in (("bird",), FOUR)}
    return environment.get_template("reproducing.md.jinja").render(
        suite=lambda name: Measured(name, results),
        benchmark=Measured("c10-10k", results, prefix=""),
        others=others(results),
        published=published,
        augmentations=AUGMENTATIONS,
        chosen_classes=chosen,
        protected_people=PROTECTED_PEOPLE,
        everybody=EVERYBODY,
        none_chosen=None,
        pattern_rows=list(dict.fromkeys(trial.row for trial in patterns().trials)),
    )
