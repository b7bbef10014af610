"""Learning without labels: two views of an image are alike, views of others are not.

Source: Chen et al., A Simple Framework for Contrastive Learning (SimCLR), ICML 2020.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from unlearnable._runtime import Runtime
from unlearnable.training.augment import resized_crop_flip
from unlearnable.training.loader import to_unit

AREA, STRENGTH, JITTERED, GREY = 0.2, 0.5, 0.8, 0.2
TEMPERATURE = 0.5
BATCH, LEAST_STEPS, RATE, DECAY = 500, 20, 2e-3, 1e-4


def nt_xent(projected: Float[Tensor, "m d"]) -> Float[Tensor, ""]:
    """Return the contrastive loss of views in the order of their images, first views first."""
    unit = F.normalize(projected, dim=1)
    near = unit @ unit.T / TEMPERATURE
    near = near.masked_fill(torch.eye(len(near), dtype=torch.bool, device=near.device), -math.inf)
    return F.cross_entropy(near, torch.arange(len(near), device=near.device).roll(len(near) // 2))


def view(images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c s s"]:
    """Return a random resized crop, mirrored, jittered and without colour now and then; every image by itself."""
    views = resized_crop_flip(images, min(images.shape[2:]), AREA, torch.default_generator)
    views = torch.where(_some(views, JITTERED), jitter(views, STRENGTH), views)
    if views.shape[1] == 3:
        luma = (views * views.new_tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(dim=1, keepdim=True)
        views = torch.where(_some(views, GREY), luma, views)
    return views.contiguous(memory_format=torch.channels_last)


def _some(images: Float[Tensor, "n c h w"], share: float) -> Tensor:
    return (torch.rand(len(images)) < share).view(-1, 1, 1, 1).to(images.device)


def jitter(images: Float[Tensor, "b c h w"], strength: float) -> Float[Tensor, "b c h w"]:
    """Jitter a batch in [0, 1]; every image by itself."""
    from kornia.augmentation import ColorJitter as Kornia

    colour = images if images.shape[1] == 3 else images.expand(-1, 3, -1, -1)
    changed: Tensor = Kornia(strength, strength, strength, strength / 4, p=1.0)(colour)
    return changed[:, : images.shape[1]].clamp(0, 1).contiguous(memory_format=torch.channels_last)


def train_contrast(model: nn.Module, images: UInt8[Tensor, "n c h w"], epochs: int, runtime: Runtime) -> None:
    """Train a network to tell two views of an image from views of all others: AdamW, cosine schedule, in place."""
    batches = math.ceil(len(images) / BATCH)
    passes = epochs * math.ceil(LEAST_STEPS / batches)
    trained = [each for each in model.parameters() if each.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, passes * batches)
    model.train()
    for _ in range(passes):
        for rows in torch.randperm(len(images)).tensor_split(batches):
            batch = to_unit(images.index_select(0, rows.to(images.device)))
            with runtime.autocast():
                projected = model(torch.cat([view(batch), view(batch)]))
            loss = nt_xent(projected.float())
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
