"""One training of an exploiter and its numbers."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

from unlearnable._runtime import Runtime, hardware, versions
from unlearnable._types import Parameters
from unlearnable.exploiters import countermeasure as find_countermeasure
from unlearnable.imageset import ImageSet
from unlearnable.training.fit import Epoch, fit
from unlearnable.training.recipes import Recipe


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What is trained on what: stored pixels, never float images.

    Args:
        row: the name of the training set in tables: `clean`, `random`, `protected`, ….
        train: the published images.
        test: clean images that were never trained on.
        treated_test: the test images after the countermeasure that the training images went through before they were
            stored, if it is another than `countermeasure`; the exploiter keeps whichever test accuracy is higher.
        recipe: how the exploiter trains.
        countermeasure: a name of the exploiter registry, such as `none` or `jpeg:10`.
        seed: of initial weights, order and augmentation.
    """

    row: str
    train: ImageSet
    test: ImageSet
    recipe: Recipe
    treated_test: ImageSet | None = None
    countermeasure: str = "none"
    seed: int = 0

    def description(self, runtime: Runtime) -> Parameters:
        """What the result depends on; its digest is the resume key."""
        return {
            "row": self.row,
            "train": self.train.content_hash(),
            "test": self.test.content_hash(),
            "treated_test": None if self.treated_test is None else self.treated_test.content_hash(),
            "recipe": asdict(self.recipe),
            "countermeasure": self.countermeasure,
            "seed": self.seed,
            "device": runtime.device.type,
            "dtype": str(runtime.dtype),
            "version": versions()["unlearnable"],
        }

    def run(self, runtime: Runtime, progress: Callable[[Epoch], None] | None = None) -> Parameters:
        """Train, and return the record: every epoch, best and last, speed, hardware and versions.

        Raises:
            ValueError: unknown countermeasure, or the data are too few to train on.
        """
        tests = {"test": self.test} if self.treated_test is None else {"test": self.test, "treated": self.treated_test}
        history = fit(
            self.train,
            test=tests,
            recipe=self.recipe,
            runtime=runtime,
            seed=self.seed,
            countermeasure=find_countermeasure(self.countermeasure),
            progress=progress,
        )
        reached = [max(epoch.test_accs.values()) for epoch in history.epochs]
        return {
            "row": self.row,
            "countermeasure": self.countermeasure,
            "seed": self.seed,
            "recipe": asdict(self.recipe),
            "train_images": len(self.train),
            "test_images": len(self.test),
            "curve": [
                {
                    "epoch": epoch.epoch,
                    "train_loss": round(epoch.train_loss, 5),
                    "train_acc": round(epoch.train_acc, 3),
                    "test_acc": round(accuracy, 3),
                }
                for epoch, accuracy in zip(history.epochs, reached, strict=True)
            ],
            "best": round(max(reached), 3),
            "best_epoch": reached.index(max(reached)) + 1,
            "last": round(reached[-1], 3),
            "train_acc": round(history.last.train_acc, 3),
            "seconds": round(history.seconds, 2),
            "images_per_second": round(history.images_per_second, 1),
            "hardware": hardware(runtime.device),
            "versions": versions(),
        }
