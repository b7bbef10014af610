"""The paper's figures and tables, measured here: `unlearnable bench run paper:figure1`, then `make paper`.

Huang, Ma, Erfani, Bailey, Wang, Unlearnable Examples: Making Personal Data Unexploitable, ICLR 2021.
"""

from experiments.paper.suites import (
    augmentations,
    classes,
    faces,
    figure1,
    patterns,
    percentage,
    reference,
    sign,
    table1,
    transfer,
    unseen,
)

__all__ = [
    "augmentations",
    "classes",
    "faces",
    "figure1",
    "patterns",
    "percentage",
    "reference",
    "sign",
    "table1",
    "transfer",
    "unseen",
]
