"""The bound holds for networks that were not drawn, and asks for enough draws."""

import math

import numpy as np
import pytest
import torch

from unlearnable._runtime import Runtime
from unlearnable.datasets import load
from unlearnable.evaluation.certificate import certify, rank_for
from unlearnable.training import fit, recipe
from unlearnable.training.fit import evaluate
from unlearnable.training.loader import resident

RUNTIME = Runtime.auto("cpu")


@pytest.mark.parametrize(("share", "draws", "confidence"), [(0.5, 20, 0.95), (0.9, 100, 0.99), (0.97, 200, 0.9)])
def test_the_rank_is_the_binomials(share: float, draws: int, confidence: float) -> None:
    rank = rank_for(share, draws, confidence)
    assert rank is not None

    def below(k: int) -> float:
        return sum(math.comb(draws, hits) * share**hits * (1 - share) ** (draws - hits) for hits in range(k))

    assert below(rank) >= confidence
    assert below(rank - 1) < confidence


def test_too_few_draws_have_no_rank() -> None:
    assert rank_for(0.99, 100, 0.99) is None
    assert rank_for(1.0, 100, 0.5) is None


def test_a_network_nearby_keeps_the_bound_and_the_weights_come_back() -> None:
    train, test = load("digits"), load("digits", split="test")
    model = fit(train, test=test, recipe=recipe("tiny"), runtime=RUNTIME, seed=0).model
    before = {name: each.clone() for name, each in model.state_dict().items()}
    seen: list[int] = []
    found = certify(
        model, test, RUNTIME, sigma=0.02, radius=0.01, quantile=0.7, draws=60, confidence=0.95,
        report=lambda progress: seen.append(progress.done),
    )  # fmt: skip
    assert seen == [*range(1, 61)]
    for name, each in model.state_dict().items():
        assert (each == before[name]).all()
    assert found.middle <= found.bound <= 100
    again = certify(model, test, RUNTIME, sigma=0.02, radius=0.01, quantile=0.7, draws=60, confidence=0.95)
    assert again == found

    images = resident(test.pixels, RUNTIME)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    generator = torch.Generator().manual_seed(1)
    away = [torch.randn(each.shape, generator=generator) for each in trained]
    length = math.sqrt(sum(float(each.square().sum()) for each in away))
    inside = []
    with torch.no_grad():
        centers = [each.clone() for each in trained]
        for _ in range(40):
            for parameter, center, step in zip(trained, centers, away, strict=True):
                noise = torch.randn(center.shape, generator=generator)
                parameter.copy_(center + 0.01 * step / length + 0.02 * noise)
            counts = evaluate(model, images, test.labels, 10, RUNTIME)
            inside.append(100 * np.trace(counts) / counts.sum() <= found.bound)
    assert np.mean(inside) >= 0.7


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sigma": 0}, "sigma must be positive"),
        ({"quantile": 1.0}, "between 0 and 1"),
        ({"draws": 10}, "10 draws are too few"),
    ],
)
def test_settings_out_of_range_are_errors(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        certify(torch.nn.Linear(1, 1), load("digits", split="test"), RUNTIME, **settings)
