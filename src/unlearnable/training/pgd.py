"""Projected gradient descent: shared by adversarial training and by crafting."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

Bounds = tuple[Tensor, Tensor] | tuple[float, float]
"""The smallest and the largest δ, for all values or for each."""


def room(images: Float[Tensor, "b c h w"], epsilon: float, *, top: float = 255) -> tuple[Tensor, Tensor]:
    """Return the smallest and largest δ within ±ε that keep x + δ in 0..top.

    A search that lets δ cross an edge of that range, and clips x + δ only when it looks at it, loses the gradient of
    each value that once crossed: where a photo is white, its noise would be gone after a few steps.
    """
    return (-images).clamp(min=-epsilon), (top - images).clamp(max=epsilon)


def sign_steps(
    delta: Float[Tensor, "b c h w"],
    gradient: Callable[[Float[Tensor, "b c h w"]], Float[Tensor, "b c h w"]],
    *,
    bounds: Bounds,
    step: float,
    steps: int,
) -> Float[Tensor, "b c h w"]:
    """Take δ <- clip(δ + step sign(g(δ)), bounds), `steps` times; a negative step descends.

    Source: Madry et al., Towards Deep Learning Models Resistant to Adversarial Attacks, ICLR 2018.
    """
    for _ in range(steps):
        wanted = gradient(delta.detach().requires_grad_())
        delta = torch.clamp(delta.detach() + step * wanted.sign(), *bounds)
    return delta.detach()


def adversarial(
    model: nn.Module,
    images: Float[Tensor, "b c h w"],
    targets: Float[Tensor, "b k"],
    *,
    epsilon: float,
    step: float,
    steps: int,
) -> Float[Tensor, "b c h w"]:
    """Return clip(x + δ, 0, 1) with δ that raises the loss: PGD from a random start in the ball, model in eval mode.

    Args:
        model: left in train mode.
        images: in [0, 1].
        targets: weights over the classes.
        epsilon: radius of the l∞ ball, in [0, 1].
        step: of each sign step, in [0, 1].
        steps: how many.
    """
    model.eval()
    bounds = room(images, epsilon, top=1)
    start = torch.clamp(torch.empty_like(images).uniform_(-epsilon, epsilon), *bounds)

    def gradient(delta: Tensor) -> Tensor:
        loss = F.cross_entropy(model((images + delta).clamp(0, 1)).float(), targets, reduction="sum")
        return torch.autograd.grad(loss, delta)[0]

    delta = sign_steps(start, gradient, bounds=bounds, step=step, steps=steps)
    model.train()
    return (images + delta).clamp(0, 1)
