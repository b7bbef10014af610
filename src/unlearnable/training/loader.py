"""Training images that stay on the device as bytes; a batch is an indexed selection."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from unlearnable._runtime import Runtime
from unlearnable.training.augment import crop_flip, resize, resized_crop_flip
from unlearnable.training.recipes import Recipe


def to_unit(images: UInt8[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """Turn bytes into [0, 1], channels last."""
    return (images.float() / 255).contiguous(memory_format=torch.channels_last)


def resident(
    pixels: UInt8[np.ndarray, "n c h w"], runtime: Runtime, size: int | None = None
) -> UInt8[Tensor, "n c s t"]:
    """Put stored pixels on the device, resized once to `size` if given."""
    images = runtime.images(pixels)
    if size is None or min(images.shape[2:]) == size:
        return images
    parts = [(resize(part / 255, size) * 255).round().to(torch.uint8) for part in torch.split(images, 500)]
    return torch.cat(parts).contiguous(memory_format=torch.channels_last)


class Loader:
    """Shuffled, augmented batches of one epoch after another.

    An epoch is cut into equal batches of about `recipe.batch_size`, so none is tiny and every image is seen.
    """

    def __init__(
        self,
        pixels: UInt8[np.ndarray, "n c h w"],
        labels: Int64[np.ndarray, " n"],
        classes: int,
        recipe: Recipe,
        runtime: Runtime,
    ) -> None:
        cropped = recipe.augment == "resized-crop-flip"
        self.images = resident(pixels, runtime, None if cropped else recipe.image_size)
        self.labels = torch.from_numpy(labels).to(runtime.device)
        self.classes = classes
        self.recipe = recipe
        self.generator = runtime.generator("batches")
        self.batches = max(1, round(len(labels) / recipe.batch_size))

    def epoch(self) -> Iterator[tuple[Float[Tensor, "b c s t"], Int64[Tensor, " b"]]]:
        """Yield each image once, in [0, 1], with its label."""
        order = torch.randperm(len(self.labels), generator=self.generator).to(self.labels.device)
        for rows in order.tensor_split(self.batches):
            yield self._augmented(self.images.index_select(0, rows)), self.labels.index_select(0, rows)

    def _augmented(self, images: UInt8[Tensor, "b c h w"]) -> Float[Tensor, "b c s t"]:
        if self.recipe.augment == "crop-flip":
            return to_unit(crop_flip(images, self.recipe.crop_padding, self.generator))
        if self.recipe.augment == "resized-crop-flip":
            size = self.recipe.image_size or min(images.shape[2:])
            crops = resized_crop_flip(to_unit(images), size, self.recipe.crop_area, self.generator)
            return crops.contiguous(memory_format=torch.channels_last)
        return to_unit(images)
