"""What is kept of a training."""

import numpy as np

from unlearnable._types import Parameters
from unlearnable.training.fit import History


def numbers(history: History) -> Parameters:
    """Return every epoch, best and last; where inputs were treated too, the exploiter keeps the better test."""
    reached = [max(epoch.test_accs.values()) for epoch in history.epochs]
    best, last = reached.index(max(reached)), history.last
    confusion = last.confusions[max(last.test_accs, key=lambda name: last.test_accs[name])]
    return {
        "curve": [
            {
                "epoch": epoch.epoch,
                "train_loss": round(epoch.train_loss, 4),
                "train_acc": round(epoch.train_acc, 2),
                **{f"{name}_acc": round(value, 2) for name, value in epoch.test_accs.items()},
            }
            for epoch in history.epochs
        ],
        "best": round(reached[best], 2),
        "best_epoch": best + 1,
        "last": round(reached[-1], 2),
        "train_acc": round(last.train_acc, 2),
        **classes(confusion),
        "seconds": round(history.seconds, 1),
        "images_per_second": round(history.images_per_second, 1),
    }


def classes(confusion: np.ndarray) -> Parameters:
    """Return the confusion matrix, true classes by row, and percent right of each."""
    shares = 100 * np.diag(confusion) / np.maximum(confusion.sum(axis=1), 1)
    return {"class_accs": [round(float(share), 1) for share in shares], "confusion": confusion.tolist()}
