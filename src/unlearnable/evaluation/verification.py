"""Do two photos show the same person? What a network's features are worth for people it may not have learned."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from unlearnable._runtime import Runtime
from unlearnable._types import Parameters
from unlearnable.exploiters.detector import area_under_curve
from unlearnable.imageset import ImageSet
from unlearnable.training.loader import to_unit
from unlearnable.training.pretraining import features

MOST = 2000
"""Images of a group that are compared, the first ones; two million pairs are enough."""
PART = 500


def verification(
    model: nn.Module, images: UInt8[Tensor, "n c h w"], test: ImageSet, protected: Sequence[str], runtime: Runtime
) -> Parameters:
    """Compare all pairs of test images of the protected classes, all pairs of the other classes, and all there are.

    Two images are of one class if the cosine of their features, which go into the last linear layer, is high.

    Args:
        model: a trained classifier.
        images: the test images, at the size it was trained on.
        test: their labels and classes.
        protected: names of the protected classes; none is all.
        runtime: device.

    Returns:
        For `protected`, `others` and `all`: `auc`, the area under the ROC curve (0.5 is guessing), and how many `same`
        and `different` pairs there were; a group without both kinds of pairs is left out.
    """
    chosen = np.isin(test.labels, [test.classes.index(name) for name in protected or test.classes])
    model.eval()
    result: Parameters = {}
    for name, group in (("protected", chosen), ("others", ~chosen), ("all", np.ones_like(chosen))):
        rows = np.flatnonzero(group)[:MOST]
        alike = test.labels[rows][:, None] == test.labels[rows]
        pairs = np.triu_indices(len(rows), 1)
        same = alike[pairs]
        if same.any() and not same.all():
            found = torch.cat(
                [_features(model, part, runtime) for part in torch.split(images[torch.from_numpy(rows)], PART)]
            )
            cosine = (found @ found.T).cpu().numpy()[pairs]
            result[name] = {
                "auc": round(area_under_curve(cosine, same.astype(np.int64)), 4),
                "same": int(same.sum()),
                "different": int((~same).sum()),
            }
    return result


@torch.no_grad()
def _features(model: nn.Module, images: UInt8[Tensor, "b c h w"], runtime: Runtime) -> Float[Tensor, "b d"]:
    with runtime.autocast():
        found, _ = features(model, to_unit(images.to(runtime.device)))
    return torch.nn.functional.normalize(found.float(), dim=1)
