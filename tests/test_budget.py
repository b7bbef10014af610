import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unlearnable.budget import Budget

shapes = st.tuples(st.integers(1, 4), st.sampled_from([1, 3]), st.integers(1, 6), st.integers(1, 6))
levels = shapes.flatmap(
    lambda shape: hnp.arrays(np.float32, shape, elements=st.floats(-300, 300, width=32, allow_nan=False))
)


@given(levels=levels, epsilon=st.floats(0.5, 127), norm=st.sampled_from(["linf", "l2"]))
def test_quantised_noise_is_inside_the_budget(levels: np.ndarray, epsilon: float, norm: str) -> None:
    budget = Budget(epsilon=epsilon, norm=norm)
    stored = budget.quantise(levels)
    assert stored.dtype == np.int8
    assert budget.contains(stored)
    size = (
        np.abs(stored.astype(int)).max()
        if norm == "linf"
        else np.sqrt((stored.astype(float) ** 2).sum((1, 2, 3))).max()
    )
    assert size <= epsilon * (1 + 1e-9)


@given(levels=levels, pixels=st.integers(1, 9))
def test_l0_changes_at_most_so_many_pixels(levels: np.ndarray, pixels: int) -> None:
    stored = Budget(epsilon=pixels, norm="l0").quantise(levels)
    assert (stored != 0).any(axis=1).sum(axis=(1, 2)).max() <= pixels


@given(levels=levels)
def test_projection_keeps_what_is_inside_and_every_sign(levels: np.ndarray) -> None:
    budget = Budget(epsilon=8)
    projected = budget.project(levels)
    inside = np.abs(levels) <= 8
    assert (projected[inside] == levels[inside]).all()
    assert (np.sign(projected) == np.sign(levels)).all()


def test_rounding_is_to_nearest_and_symmetric() -> None:
    stored = Budget(epsilon=8).quantise(np.array([0.6, -0.6, 7.4, -7.4, 9.0, -9.0], np.float32).reshape(1, 1, 2, 3))
    assert stored.ravel().tolist() == [1, -1, 7, -7, 8, -8]


def test_a_fractional_epsilon_is_never_rounded_up() -> None:
    stored = Budget(epsilon=7.6).quantise(np.full((1, 1, 1, 1), 99.0, np.float32))
    assert stored.item() == 7


@pytest.mark.parametrize("norm", ["linf", "l2", "l0"])
def test_random_start_is_inside_and_seeded(norm: str) -> None:
    budget = Budget(epsilon=8, norm=norm)
    first, again = (budget.random_start((3, 3, 8, 8), np.random.default_rng(1)) for _ in range(2))
    assert budget.contains(first)
    assert (first == again).all()
    assert (first < 0).any()
    assert (first > 0).any()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"epsilon": 0}, "positive"),
        ({"epsilon": float("nan")}, "positive"),
        ({"epsilon": 200}, "127"),
        ({"epsilon": 8, "norm": "l7"}, "linf"),
    ],
)
def test_bad_budgets_are_refused(options: dict, said: str) -> None:
    with pytest.raises(Exception, match=said) as caught:
        Budget(**options)
    assert isinstance(caught.value, ValueError) or "norm" in str(caught.value)


def test_noise_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        Budget(epsilon=8).quantise(np.full((1, 1, 1, 1), np.nan, np.float32))


@pytest.mark.parametrize("norm", ["linf", "l2", "l0"])
def test_parts_are_rounded_as_the_whole_is(norm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = np.random.default_rng(0).normal(0, 9, (13, 2, 4, 4)).astype(np.float16)
    budget = Budget(epsilon=15, norm=norm)
    whole = budget.quantise(levels)
    monkeypatch.setattr("unlearnable.budget.PART_VALUES", 3 * 2 * 4 * 4)
    assert (budget.quantise(levels) == whole).all()
    assert budget.contains(whole)
    whole[12] = 127
    assert not budget.contains(whole), "the last part counts too"


@pytest.mark.parametrize("norm", ["linf", "l2", "l0"])
def test_random_start_is_drawn_part_by_part_and_is_the_same(norm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = Budget(epsilon=8, norm=norm)
    expected = allowed.random_start((7, 3, 8, 8), np.random.default_rng(1))
    monkeypatch.setattr("unlearnable.budget.PART_VALUES", 2 * 3 * 8 * 8)
    monkeypatch.setattr("unlearnable._scratch.IN_MEMORY", 0)
    drawn = allowed.random_start((7, 3, 8, 8), np.random.default_rng(1))
    assert isinstance(drawn, np.memmap)
    assert (drawn == expected).all()
