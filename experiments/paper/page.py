"""docs/reproducing.md from the records."""

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from experiments.paper import published as paper
from experiments.paper.measured import MISSING, Measured
from experiments.paper.suites import EVERYBODY, FOUR, patterns
from experiments.suites import OTHERS, POISONS
from unlearnable.datasets.cifar10 import CLASSES
from unlearnable.poisons._base import AnyPoison
from unlearnable.report.published import Published, published, published_for

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


REASONS_AGAINST = {
    ("LSP", "gray"): "between the two published numbers, 64.7 and 82.5",
    ("targeted", "gray"): "not known; not the exploiter's eight epochs: 32 leave as much (suite `targeted`)",
    ("mutual information", "adversarial-training:4"): (
        "not known; not the frequencies: noise of all of them does no better. Eight epochs fit 40 % of the images"
    ),
}
"""The same against a countermeasure."""

COUNTERPARTS = {"simclr:1000": "simclr:16"}
"""Published countermeasures that are run here with other settings."""


@dataclass(frozen=True, kw_only=True)
class Against:
    """A published method against a countermeasure, last epoch, and what clean images teach there."""

    row: str
    column: str
    published: str
    published_clean: str
    ours: str
    ours_clean: str
    reason: str


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
        told = _published(poison)
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


def against(results: Path) -> list[Against]:
    """Compare with what was published of a ResNet-18 against each countermeasure that was run here.

    Of several published numbers the first that is stored counts. The published ceiling is that of the same source, or
    else of another.
    """
    measured = Measured("c10-10k", results, prefix="")
    found = []
    for row, poison in (POISONS | OTHERS).items():
        if poison is None:
            continue
        told: dict[str, Published] = {}
        for each in _published(poison):
            if each.architecture == "resnet18" and each.countermeasure != "none":
                told.setdefault(each.countermeasure, each)
        for there, first in told.items():
            column = COUNTERPARTS.get(there, there)
            mean = measured.mean(row, column, "last")
            if mean is None:
                continue
            worse = mean > first.accuracy + WORSE
            found.append(
                Against(
                    row=row,
                    column=column if column == there else f"{there}, here {column}",
                    published=f"{first.accuracy:.1f}",
                    published_clean=_ceiling(first),
                    ours=measured.cell(row, column, "last"),
                    ours_clean=measured.cell("clean", column, "last"),
                    reason=REASONS_AGAINST.get((row, column), "not known yet") if worse else "",
                )
            )
    return found


def _published(poison: AnyPoison) -> tuple[Published, ...]:
    """Return what was published of a method on CIFAR-10."""
    asked = {"method": poison.method, "scope": poison.scope, "epsilon": getattr(poison, "epsilon", None)}
    return published_for({"poison": asked, "dataset": "cifar10"})


def _ceiling(cell: Published) -> str:
    """Return what clean images teach under the same countermeasure, as published."""
    same = [
        each
        for each in published()
        if (each.poison, each.countermeasure, each.dataset, each.architecture)
        == ("clean", cell.countermeasure, cell.dataset, cell.architecture)
    ]
    here = [each for each in same if each.source == cell.source] or same
    return f"{here[0].accuracy:.1f}" if here else ""


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
        against=against(results),
        published=paper,
        augmentations=AUGMENTATIONS,
        chosen_classes=chosen,
        protected_people=PROTECTED_PEOPLE,
        everybody=EVERYBODY,
        none_chosen=None,
        pattern_rows=list(dict.fromkeys(trial.row for trial in patterns().trials)),
    )
