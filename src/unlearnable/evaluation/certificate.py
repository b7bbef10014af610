"""A bound on what networks near a trained one can score on clean images."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import torch
from torch import nn

from unlearnable._runtime import Runtime
from unlearnable._types import Progress, Report, silent
from unlearnable.imageset import ImageSet
from unlearnable.training.fit import evaluate
from unlearnable.training.loader import resident


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """The (q, η)-learnability of protected data, as seen from one network trained on them.

    Args:
        bound: of every network whose weights are within `radius` of the trained one's, shaken by the same Gaussian
            noise, a share of at least `quantile` of the draws scores at most this on the clean test images, percent.
        confidence: of that statement, over the draws.
        quantile: q.
        radius: η, l2 distance over all weights together.
        sigma: σ of the Gaussian noise.
        draws: how many.
        center: accuracy of the trained network itself, percent.
        middle: median accuracy over the draws, percent.
    """

    bound: float
    confidence: float
    quantile: float
    radius: float
    sigma: float
    draws: int
    center: float
    middle: float


def certify(
    model: nn.Module,
    test: ImageSet,
    runtime: Runtime,
    *,
    sigma: float = 0.01,
    radius: float = 0.005,
    quantile: float = 0.9,
    draws: int = 200,
    confidence: float = 0.99,
    size: int | None = None,
    report: Report = silent,
) -> Certificate:
    """Shake the trained weights, and bound the clean accuracy of all networks near them.

    With u ~ N(0, σ² I): if Pr[acc(θ + u) ≤ t] ≥ Φ(Φ^-1(q) + η / σ), then Pr[acc(θ + v + u) ≤ t] ≥ q for every
    ‖v‖_2 ≤ η. t is the order statistic of the draws whose rank the binomial distribution allows at this confidence.

    It says nothing of networks farther away, and a network trained elsewhere is far away: it compares poisons, and is
    no promise to an owner.

    Source: Wang, Xue, Li, Camtepe, Zhu, Provably Unlearnable Data Examples, NDSS 2025 (its code has no licence; from
    the equations).
    Differs from the paper: the network is any trained one, not a surrogate trained with noise on its weights; so
    σ is 0.01 where the paper, with such a surrogate, goes up to 0.25, and there are 200 draws, not
    1,000.

    Args:
        model: trained on protected images; its weights are put back afterwards.
        test: clean images.
        runtime: device and seed.
        sigma: σ, of the weights' own unit.
        radius: η.
        quantile: q, between 0 and 1.
        draws: how many; more allow a larger q and η.
        confidence: between 0 and 1.
        size: side in pixels that the network was trained at; by default the images' own.
        report: called after each draw.

    Raises:
        ValueError: a setting is out of range, or the draws are too few for it.
    """
    if not sigma > 0 or radius < 0 or draws < 1:
        raise ValueError("sigma must be positive, radius not negative and draws at least 1")
    if not 0 < quantile < 1 or not 0 < confidence < 1:
        raise ValueError("quantile and confidence must be between 0 and 1")
    wanted = NormalDist().cdf(NormalDist().inv_cdf(quantile) + radius / sigma)
    rank = rank_for(wanted, draws, confidence)
    if rank is None:
        raise ValueError(
            f"{draws} draws are too few for quantile {quantile:g}, radius {radius:g} and sigma {sigma:g} at "
            f"{100 * confidence:g} % confidence: raise draws or sigma, or lower quantile or radius"
        )
    images = resident(test.pixels, runtime, size)

    def accuracy() -> float:
        counts = evaluate(model, images, test.labels, len(test.classes), runtime)
        return 100 * float(np.trace(counts)) / counts.sum()

    center = accuracy()
    found = sorted(_shaken(model, accuracy, sigma, draws, runtime, report))
    return Certificate(
        bound=found[rank - 1],
        confidence=confidence,
        quantile=quantile,
        radius=radius,
        sigma=sigma,
        draws=draws,
        center=center,
        middle=float(np.median(found)),
    )


@torch.no_grad()
def _shaken(
    model: nn.Module, accuracy: Callable[[], float], sigma: float, draws: int, runtime: Runtime, report: Report
) -> list[float]:
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    kept = [parameter.clone() for parameter in trained]
    generator = runtime.generator("weights")
    found = []
    try:
        for number in range(draws):
            for parameter, center in zip(trained, kept, strict=True):
                noise = torch.randn(center.shape, generator=generator).to(center.device)
                parameter.copy_(center + sigma * noise)
            found.append(accuracy())
            report(Progress(done=number + 1, total=draws, note=f"accuracy {found[-1]:.1f} %"))
    finally:
        for parameter, center in zip(trained, kept, strict=True):
            parameter.copy_(center)
    return found


def rank_for(share: float, draws: int, confidence: float) -> int | None:
    """Return the smallest k so that the k-th smallest of the draws is above the `share` quantile, at this confidence.

    Pr[Binomial(n, share) < k] ≥ confidence; None where even the largest draw does not do.
    """
    if share >= 1:
        return None
    below = 0.0
    for hits in range(draws):
        ways = math.lgamma(draws + 1) - math.lgamma(hits + 1) - math.lgamma(draws - hits + 1)
        below += math.exp(ways + hits * math.log(share) + (draws - hits) * math.log1p(-share))
        if below >= confidence:
            return hits + 1
    return None
