"""The suites of the benchmark: `unlearnable bench run NAME`.

Two protocols, so that the whole matrix is affordable on two cores. `c10-10k`: the first 1,000 training images per class
of CIFAR-10 by official order, all 10,000 test images, the `fast` recipe at half the width (fast-small), 8 epochs,
3 seeds. `c10`: all 50,000 images. A suite is a function without arguments that returns a `Suite`; trials run in its
order.
"""

from collections.abc import Iterable
from dataclasses import replace

from unlearnable.evaluation.grid import Suite
from unlearnable.evaluation.trial import Trial
from unlearnable.exploiters import COUNTERMEASURES
from unlearnable.poisons._base import AnyPoison
from unlearnable.poisons.augmented_error_min import AugmentedErrorMin
from unlearnable.poisons.autoregressive import Autoregressive
from unlearnable.poisons.clusters import Clusters
from unlearnable.poisons.contrastive import Contrastive
from unlearnable.poisons.convolution import Convolution
from unlearnable.poisons.deep_confuse import DeepConfuse
from unlearnable.poisons.entangled import Entangled
from unlearnable.poisons.error_max import ErrorMax
from unlearnable.poisons.error_min import ErrorMin
from unlearnable.poisons.error_min_one_pixel import ErrorMinOnePixel
from unlearnable.poisons.generator import GeneratorNoise
from unlearnable.poisons.gray_augmented import GrayAugmented
from unlearnable.poisons.hypocritical import Hypocritical
from unlearnable.poisons.induced_linearity import InducedLinearity
from unlearnable.poisons.linearly_separable import LinearlySeparable
from unlearnable.poisons.mutual_information import MutualInformation
from unlearnable.poisons.neural_tangent import NeuralTangent
from unlearnable.poisons.one_pixel import OnePixel
from unlearnable.poisons.paired_error_min import PairedErrorMin
from unlearnable.poisons.pretrained_aware import PretrainedAware
from unlearnable.poisons.random import RandomNoise
from unlearnable.poisons.resilient_error_min import ResilientErrorMin
from unlearnable.poisons.resilient_targeted import ResilientTargeted
from unlearnable.poisons.robust_error_min import RobustErrorMin
from unlearnable.poisons.self_ensemble import SelfEnsemble
from unlearnable.poisons.stable_error_min import StableErrorMin
from unlearnable.poisons.targeted import Targeted
from unlearnable.poisons.transferable import Transferable
from unlearnable.training import Recipe, recipe

EVERY_FREQUENCY = 1000.0
"""Cycles per image of δ's gradient: no limit, as in the paper."""

POISONS: dict[str, AnyPoison | None] = {
    "clean": None,
    "error-min, class-wise": ErrorMin(luma=None),
    "error-min, sample-wise": ErrorMin(scope="sample-wise", cycles=EVERY_FREQUENCY, luma=None),
    "error-max, sample-wise": ErrorMax(scope="sample-wise"),
    "random, class-wise": RandomNoise(),
}
"""Rows of the first leaderboard, at ε = 8; sample-wise of all frequencies, as in the paper."""

OTHERS: dict[str, AnyPoison] = {
    "slow error-min, sample-wise": ErrorMin(scope="sample-wise", luma=None),
    "two-band error-min, class-wise": ErrorMin(),
    "two-band error-min, sample-wise": ErrorMin(scope="sample-wise"),
    "PIL": InducedLinearity(),
    "LSP": LinearlySeparable(),
    "autoregressive": Autoregressive(),
    "one-pixel": OnePixel(),
    "error-min + one-pixel": ErrorMinOnePixel(),
    "convolution": Convolution(),
    "targeted": Targeted(),
    "resilient targeted": ResilientTargeted(),
    "self-ensemble": SelfEnsemble(),
    "hypocritical": Hypocritical(),
    "entangled": Entangled(),
    "robust error-min": RobustErrorMin(),
    "stable error-min": StableErrorMin(),
    "grey-augmented error-min": GrayAugmented(),
    "mutual information": MutualInformation(),
    "resilient error-min": ResilientErrorMin(),
    "paired error-min": PairedErrorMin(),
    "augmented error-min": AugmentedErrorMin(),
    "contrastive": Contrastive(),
    "transferable": Transferable(),
    "clusters": Clusters(),
    "neural tangent": NeuralTangent(),
    "pretrained-aware": PretrainedAware(),
    "generator": GeneratorNoise(),
    "deep-confuse": DeepConfuse(),
}
"""Every other method of the registry but those for patches and packs, each with its own defaults, and two bands."""

CHEAP = (
    "none",
    "gray",
    "jpeg:10",
    "jpeg:75",
    "posterize:2",
    "blur:1",
    "median:3",
    "lowpass:0.5",
    "lowpass:0.25",
    "resize:0.5",
    "crop:0.25",
    "cutout:0.5",
    "cutmix:1",
    "mixup:1",
    "randaugment:9",
    "color-jitter:0.8",
    "ueraser:1",
    "orthogonal-projection",
    "mean-shift",
    "residual-swap:1.5",
    "coin:2",
    "sharpen-lowpass:0.3",
    "clean-mix:0.2",
    "clean-part:0.2",
    "dfr:500",
)
"""Each costs about as much as plain training."""

MORE = (
    "ueraser:5",
    "jpeg:30",
    "jpeg:50",
    "jpeg:90",
    "posterize:3",
    "blur:2",
    "median:5",
    "crop:0.1",
)
"""Further strengths."""

KNOWING = (
    "variance-projection:2",
    "noise:16",
    "mean-shift+gray",
    "pretrained:cifar100",
    "linear-probe:cifar100",
    "detector:0.5",
    "simclr:16",
    "vae:3",
    "diffusion:100",
    "erase:8",
    "linear-probe:imagenet",
)
"""Exploiters with other images, other networks or several ideas at once; some take minutes more."""

DEAR = ("adversarial-training:4", "adversarial-training:2", "adversarial-training:8", "pretrained:imagenet")
"""Each costs as much as ten plain trainings."""


def exploiter(architecture: str, epochs: int, batch_size: int = 500) -> Recipe:
    """Return the `fast` recipe with another network, length and batch; the learning rate follows the batch."""
    base = recipe("fast")
    rate = base.learning_rate * batch_size / base.batch_size
    return replace(base, architecture=architecture, epochs=epochs, batch_size=batch_size, learning_rate=rate)


PLAIN_OTHER = "none, vgg-small"
"""No countermeasure, but another kind of network."""

PLAIN_DEEP = "none, resnet18-slim"
"""No countermeasure, but the paper's kind of network, which learns slow changes first."""

LONG = "ueraser:1, 32 epochs"
"""Its views make learning slow: with the 8 epochs of all others it is cut short where published ones have 60 to 200."""

JUDGES = (
    "none",
    PLAIN_OTHER,
    "orthogonal-projection",
    "jpeg:75",
    "gray",
    "variance-projection:2",
    "jpeg:10",
    "ueraser:5",
    "pretrained:cifar100",
    "linear-probe:imagenet",
    PLAIN_DEEP,
)
"""What every method of `OTHERS` meets first."""


STRONGEST = ("resilient targeted", "targeted", "convolution", "resilient error-min")
"""Rows of `OTHERS` that the judges left standing; every countermeasure is planned for them too."""

FIRST_JPEG = "jpeg:50+ueraser:5"
JPEG_FIRST = ("targeted", "resilient targeted", "self-ensemble", "autoregressive")
"""Rows whose published UEraser compresses images first."""

AGAINST_CONTRASTIVE = ("contrastive", "transferable", "augmented error-min")
"""Rows of `OTHERS` made against learning without labels; they meet the one exploiter that does."""


def _ten_thousand(column: str, row: str, seed: int, chosen: Recipe | None = None, title: str = "") -> Trial:
    return Trial(
        row=row,
        dataset="cifar10",
        per_class=1000,
        poison=(POISONS | OTHERS)[row],
        countermeasure=column,
        recipe=chosen or exploiter("fast-small", 8),
        seed=seed,
        column=title,
    )


def c10_10k() -> Suite:
    """Every poison against the countermeasures; what matters first, so that it can be stopped at any time.

    The paper's noises, controls and what the judges left standing meet every countermeasure, the others the judges;
    three seeds.
    """
    titled = {
        PLAIN_OTHER: ("none", replace(recipe("reference"), architecture="vgg-small", epochs=8)),
        PLAIN_DEEP: ("none", replace(recipe("reference"), architecture="resnet18-slim", epochs=8)),
        LONG: ("ueraser:1", exploiter("fast-small", 32)),
    }

    def block(rows: Iterable[str], columns: Iterable[str], seed: int) -> list[Trial]:
        trials = []
        for row in rows:
            for column in columns:
                if column.startswith("clean-part") and row != "clean" and (seed or row not in POISONS):
                    continue  # it sees no protected image: the row of clean images has its number
                countermeasure, chosen = titled.get(column, (column, None))
                title = column if column in titled else ""
                trials.append(_ten_thousand(countermeasure, row, seed, chosen, title))
        return trials

    trials = []
    for columns in (CHEAP, KNOWING, (PLAIN_OTHER, PLAIN_DEEP), DEAR[:1], (LONG,)):
        trials += block(POISONS, columns, 0)
    trials += block(OTHERS, JUDGES[:5], 0)
    trials += block(OTHERS, JUDGES[5:], 0)
    trials += block(AGAINST_CONTRASTIVE, ("simclr:16",), 0)
    for columns in (CHEAP, DEAR[:1], KNOWING, (LONG,), DEAR[1:], MORE):
        trials += [trial for trial in block(STRONGEST, columns, 0) if trial not in trials]
    trials += block(("clean", *JPEG_FIRST), (FIRST_JPEG,), 0)
    for seed in (1, 2):
        for columns in (CHEAP, KNOWING, (PLAIN_OTHER, PLAIN_DEEP, LONG)):
            trials += block(POISONS, columns, seed)
        trials += block(OTHERS, JUDGES, seed)
        trials += block(AGAINST_CONTRASTIVE, ("simclr:16",), seed)
    for seed in range(3):
        for columns in (MORE, DEAR):
            trials += [trial for trial in block(POISONS, columns, seed) if trial not in trials]
        trials += [trial for trial in block(OTHERS, DEAR[:1], seed) if trial not in trials]
    return Suite(name="c10-10k", trials=tuple(trials))


BEST = (
    "targeted",
    "resilient targeted",
    "convolution",
    "error-min + one-pixel",
    "resilient error-min",
    "LSP",
    "PIL",
    "self-ensemble",
)
"""The eight rows of `OTHERS` that also meet all 50,000 images: what stood best on 10,000, or is published as best."""


def c10() -> Suite:
    """All 50,000 images, against the countermeasures that matter most."""
    columns = (
        "none",
        "gray",
        "jpeg:10",
        "jpeg:75",
        "orthogonal-projection",
        "pretrained:cifar100",
        "adversarial-training:4",
    )
    dear = columns[-2:]

    def block(rows: Iterable[str], chosen: Iterable[str]) -> list[Trial]:
        return [
            Trial(
                row=row,
                dataset="cifar10",
                poison=(POISONS | OTHERS)[row],
                countermeasure=column,
                recipe=exploiter("fast-small", 4),
            )
            for column in chosen
            for row in rows
        ]

    trials = block(POISONS, columns[:-2]) + block(BEST, columns[:-2]) + block(POISONS, dear) + block(BEST, dear)
    return Suite(name="c10", trials=tuple(trials))


def targeted() -> Suite:
    """Whether targeted noise is weaker than published for want of steps, or of training of surrogates or exploiters."""
    variants = {
        "as defaults": Targeted(),
        "120 steps": Targeted(steps=120, step=0.8),
        "surrogates trained for 30 epochs": Targeted(surrogate_epochs=30),
    }
    trials = [
        Trial(row=row, dataset="cifar10", per_class=1000, poison=poison, recipe=exploiter("fast-small", 8))
        for row, poison in variants.items()
    ]
    grey = trials[0], replace(trials[0], recipe=exploiter("fast-small", 32), column="gray, 32 epochs")
    trials += [replace(trial, countermeasure="gray") for trial in grey]
    return Suite(name="targeted", trials=tuple(trials))


def frequencies() -> Suite:
    """What slow changes do to noise of all frequencies, which a narrow ResNet-18 hardly sees, and two bands to both."""
    variants: dict[str, AnyPoison | None] = {
        "clean": None,
        "transferable, up to 3 cycles": Transferable(luma=None),
        "transferable, two bands": Transferable(),
        "transferable, with SimCLR, all frequencies": Transferable(
            ssl_weight=1.0, csd_weight=1.0, cycles=None, luma=None
        ),
        "grey-augmented error-min, all frequencies": GrayAugmented(),
        "grey-augmented error-min, up to 8 cycles": GrayAugmented(cycles=8),
        "error-min, class-wise, up to 8 cycles": ErrorMin(luma=None),
        "error-min, class-wise, two bands": ErrorMin(),
        "error-min, sample-wise, up to 8 cycles": ErrorMin(scope="sample-wise", luma=None),
        "error-min, sample-wise, two bands": ErrorMin(scope="sample-wise"),
    }
    unlabelled, in_turn = ("simclr:16",), ("gray+jpeg:75",)
    deep = replace(recipe("reference"), architecture="resnet18-slim", epochs=8)
    trials = [
        Trial(
            row=row,
            dataset="cifar10",
            per_class=1000,
            poison=poison,
            countermeasure="none" if column == PLAIN_DEEP else column,
            recipe=deep if column == PLAIN_DEEP else exploiter("fast-small", 8),
            column=column if column == PLAIN_DEEP else "",
        )
        for row, poison in variants.items()
        for column in (
            *("none", PLAIN_DEEP, "gray", "jpeg:75"),
            *(unlabelled if "transferable" in row else ()),
            *(in_turn if "two bands" in row or row == "clean" else ()),
        )
    ]
    return Suite(name="frequencies", trials=tuple(trials))


SMOKE = {
    "vae": "vae:3,epochs=1",
    "diffusion": "diffusion:100,steps=20",
    "pretrained": "pretrained:imagenet,least=4",
    "linear-probe": "linear-probe:imagenet,least=4",
    "simclr": "simclr:1",
    "erase": "erase:8,rounds=1",
}
"""Settings that make the dear countermeasures cheap; the others run as they are."""


def smoke() -> Suite:
    """Every countermeasure on 200 scanned digits: minutes, and no number to quote."""
    trials = [
        Trial(
            row="error-min, class-wise",
            dataset="digits",
            per_class=20,
            test_per_class=10,
            poison=ErrorMin(epsilon=32, steps=20, batch_size=50, cycles=16),
            countermeasure=SMOKE.get(name, name),
            recipe=replace(recipe("tiny"), epochs=2),
        )
        for name in COUNTERMEASURES
    ]
    return Suite(name="smoke", trials=tuple(trials))
