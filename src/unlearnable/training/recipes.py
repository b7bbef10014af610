"""How an exploiter trains, as data."""

from dataclasses import dataclass

from unlearnable._registry import unknown

AUGMENTS = ("none", "crop-flip", "resized-crop-flip")
SCHEDULES = ("triangle", "cosine", "halved")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Architecture, optimiser and augmentation of one training, fixed before any data is seen.

    Optimiser: SGD with Nesterov momentum, loss averaged over the batch, label smoothing.

    Args:
        name: what reports call it.
        architecture: a name in `models.ARCHITECTURES`.
        epochs: passes over the training images.
        batch_size: images a step; an epoch is cut into equal batches of about this size.
        learning_rate: the schedule's peak.
        schedule: `triangle` (warm-up over the first 23 % from 0.2, then down to 0.07), `cosine` (to 0)
            or `halved` (1, then 0.5 in the second half).
        momentum: of SGD.
        nesterov: Nesterov's form of it.
        weight_decay: of all trained weights; a step takes as much off norms' biases, whatever their rate.
        norm_bias_rate: the factor on the learning rate of norms' biases.
        label_smoothing: weight of the uniform label.
        gradient_clip: largest norm of the gradient, or none.
        augment: `none`, `crop-flip` (shift by up to `crop_padding`, mirror) or `resized-crop-flip`
            (a random part of `crop_area`, aspect 3:4 to 4:3, mirror).
        crop_padding: pixels of shift to each side; borders are reflected.
        crop_area: smallest share of the image a random resized crop keeps.
        image_size: what stored images are resized to for training and test, in pixels; none keeps their size.

    Raises:
        ValueError: a setting is out of range.
    """

    name: str
    architecture: str
    epochs: int
    batch_size: int
    learning_rate: float
    schedule: str = "triangle"
    momentum: float = 0.85
    nesterov: bool = True
    weight_decay: float = 1.3e-3
    norm_bias_rate: float = 1.0
    label_smoothing: float = 0.0
    gradient_clip: float | None = None
    augment: str = "crop-flip"
    crop_padding: int = 2
    crop_area: float = 0.35
    image_size: int | None = None

    def __post_init__(self) -> None:
        if self.augment not in AUGMENTS:
            raise ValueError(unknown("augmentation", self.augment, list(AUGMENTS)))
        if self.schedule not in SCHEDULES:
            raise ValueError(unknown("schedule", self.schedule, list(SCHEDULES)))
        if self.epochs < 1 or self.batch_size < 2:
            raise ValueError(f"epochs must be >= 1 and batch_size >= 2; got {self.epochs!r} and {self.batch_size!r}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be positive; got {self.learning_rate!r}")
        if not 0 < self.crop_area <= 1:
            raise ValueError(f"crop_area must be in (0, 1]; got {self.crop_area!r}")
        if self.crop_padding < 0:
            raise ValueError(f"crop_padding must not be negative; got {self.crop_padding!r}")
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing must be in [0, 1); got {self.label_smoothing!r}")


_FAST = Recipe(
    name="fast",
    architecture="fast",
    epochs=8,
    batch_size=1000,
    learning_rate=1.5,
    norm_bias_rate=64,
    label_smoothing=0.2,
)

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        _FAST,
        Recipe(
            name="tiny",
            architecture="fast-small",
            epochs=6,
            batch_size=64,
            learning_rate=0.1,
            augment="none",
        ),
        Recipe(
            name="photos",
            architecture="fast-small",
            epochs=30,
            batch_size=128,
            learning_rate=0.2,
            norm_bias_rate=8,
            label_smoothing=0.1,
            augment="resized-crop-flip",
            image_size=64,
        ),
        Recipe(
            name="reference",
            architecture="resnet18",
            epochs=60,
            batch_size=128,
            learning_rate=0.1,
            schedule="cosine",
            momentum=0.9,
            nesterov=False,
            weight_decay=5e-4,
            gradient_clip=5.0,
            crop_padding=4,
        ),
        Recipe(
            name="apbench",
            architecture="resnet18",
            epochs=200,
            batch_size=256,
            learning_rate=0.1,
            schedule="halved",
            momentum=0.9,
            nesterov=False,
            weight_decay=5e-4,
            crop_padding=4,
        ),
    )
}
"""`tiny` and `fast` are for hundreds of images and for CIFAR-10; `photos` for folders; `reference` is the paper's,
`apbench` that of Qin et al., APBench, TMLR 2024 (rate halved at epoch 100; Adam for a ViT there, SGD here)."""


def recipe(name: str) -> Recipe:
    """Look up a recipe; change it with `dataclasses.replace`.

    Raises:
        ValueError: there is no such recipe; the message lists near names.
    """
    if name not in RECIPES:
        raise ValueError(unknown("recipe", name, RECIPES))
    return RECIPES[name]
