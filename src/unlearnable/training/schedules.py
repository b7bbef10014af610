"""Learning-rate schedules, as a factor on the peak."""

import math


def rate_factor(schedule: str, step: int, steps: int) -> float:
    """Return the factor for step `step` of `steps`, counted from 0.

    Triangle: from 0.2 up to 1 at 23 % of the way, then down to 0.07 (K. Jordan, airbench, 2024). Cosine:
    (1 + cos(π t)) / 2 (Huang et al. 2021, per epoch there, per step here). Halved: 1, then 0.5 in the second half
    (Qin et al., APBench, TMLR 2024).
    """
    passed = step / steps
    if schedule == "cosine":
        return (1 + math.cos(math.pi * passed)) / 2
    if schedule == "halved":
        return 1.0 if passed < 0.5 else 0.5
    peak = 0.23
    if passed < peak:
        return 0.2 + 0.8 * passed / peak
    return 1 - 0.93 * (passed - peak) / (1 - peak)
