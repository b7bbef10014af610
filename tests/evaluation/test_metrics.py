import numpy as np
import pytest

from unlearnable.evaluation.metrics import chance, interval, learned, verdict


def test_chance_is_the_largest_category() -> None:
    assert chance(np.array([0, 0, 0, 1], dtype=np.int64)) == 75


def test_the_interval_is_wilsons() -> None:
    """Reference values: statsmodels proportion_confint(10, 100, method="wilson")."""
    low, high = interval(10.0, 100)
    assert (round(low, 3), round(high, 3)) == (5.523, 17.437)
    assert interval(0.0, 50)[0] == 0
    assert interval(100.0, 50)[1] == pytest.approx(100)


@pytest.mark.parametrize(
    ("accuracy", "word"),
    [(10, "held"), (27, "held"), (28, "weakened"), (52, "weakened"), (53, "failed"), (90, "failed"), (5, "held")],
)
def test_verdicts(accuracy: float, word: str) -> None:
    assert verdict(accuracy, clean=80, chance_level=10) == word


def test_a_control_that_learned_nothing_proves_nothing() -> None:
    assert verdict(10, clean=20, chance_level=10) == "not tested"


def test_learned_is_a_share() -> None:
    assert learned(45, 80, 10) == 0.5
    assert learned(5, 80, 10) == 0
