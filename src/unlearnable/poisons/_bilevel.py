"""What bilevel searches share: the surrogate's steps on θ and the sign steps on δ, as functions of tensors."""

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn

from unlearnable._runtime import Runtime
from unlearnable._scratch import scratch
from unlearnable.training import TrainingDivergedError
from unlearnable.training.pgd import room, sign_steps

WEIGHT_DECAY = 5e-4
GRADIENT_CLIP = 5.0
SLOW = 8.0
"""Cycles per image up to which δ's gradient is used where a search is for networks that it never saw."""

FAST = 8.0
"""Cycles per image from which on brightness is changed where noise has two bands."""

ROUNDING = 1e-5
"""Of a gradient's r.m.s.: a band below it holds nothing but rounding errors."""


def perturbed(images: UInt8[Tensor, "b c h w"], levels: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Return clip(x + δ, 0, 255) / 255, channels last."""
    return ((images.float() + levels) / 255).clamp(0, 1).contiguous(memory_format=torch.channels_last)


def surrogate_optimiser(model: nn.Module, learning_rate: float) -> torch.optim.SGD:
    """Return the paper's optimiser of θ: SGD, momentum 0.9, weight decay 5e-4."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return torch.optim.SGD(trained, lr=learning_rate, momentum=0.9, weight_decay=WEIGHT_DECAY)


def model_step(
    model: nn.Module,
    optimiser: torch.optim.SGD,
    images: Float[Tensor, "v c h w"],
    labels: Int64[Tensor, " b"],
    runtime: Runtime,
    objective: Callable[[nn.Module, Tensor, Tensor], tuple[Tensor, Tensor]] | None = None,
) -> tuple[float, float]:
    """Take one step θ <- θ - η ∇_θ L(f_θ(x + δ), y); gradients reach δ too if `images` ask for them.

    L is the mean cross-entropy, or the first value of `objective(f, images, labels)`, whose second is the logits.

    Returns:
        The loss and the share of wrong predictions on this batch, before the step.

    Raises:
        TrainingDivergedError: the loss is not finite.
    """
    model.train()
    optimiser.zero_grad(set_to_none=True)
    with runtime.autocast():
        loss, logits = (objective or _cross_entropy)(model, images, labels)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_CLIP)
    # read once: a step waits for a GPU a single time
    value, wrong = torch.stack([loss.detach().float(), (logits.argmax(1) != labels).float().mean()]).tolist()
    if not math.isfinite(value):
        raise TrainingDivergedError(f"the surrogate's loss became {value}; lower the poison's learning_rate")
    optimiser.step()
    return value, wrong


def _cross_entropy(model: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    logits = model(images)
    return F.cross_entropy(logits.float(), labels), logits


def smoothed(gradient: Float[Tensor, "n c h w"], cycles: float, luma: float | None = None) -> Float[Tensor, "n c h w"]:
    """Keep of each image's gradient the frequencies of up to `cycles` per image; infinity keeps all, untouched.

    Networks of every kind learn slow changes first, so noise that is made of them is no one network's own. In grey it
    drowns, since what changes slowly in a photo is its brightness. With `luma` the noise has two bands: of brightness,
    the mean of the channels, fast changes only, of `luma` cycles per image or more (a quarter of the shorter side at
    most), and of colour, what channels differ by, slow ones only, up to `cycles`. Both have an r.m.s. of 1/2. A single
    channel has no colour, and `luma` does nothing to it.
    """
    height, width = gradient.shape[2:]
    if luma is None or gradient.shape[1] == 1:
        return gradient if cycles >= math.hypot(height, width) else _passed(gradient, 0, cycles)
    brightness = gradient.float().mean(1, keepdim=True)
    fast = _passed(brightness, min(luma, min(height, width) / 4), math.inf)
    slow = _passed(gradient.float() - brightness, 0, cycles)
    least = ROUNDING * _size(gradient.float())
    first, second = (torch.where(_size(band) > least, band / _size(band), 0) for band in (fast, slow))
    return (first + second) / 2


def require_bands(cycles: float | None, luma: float | None) -> None:
    """Refuse limits of `smoothed` that are out of range, with a ValueError."""
    if cycles is not None and not cycles >= 1:
        raise ValueError(f"cycles must be at least 1 per image; got {cycles!r}")
    if luma is not None and not luma >= 0:
        raise ValueError(f"luma must not be negative; got {luma!r}")


def _passed(gradient: Float[Tensor, "n c h w"], lowest: float, highest: float) -> Float[Tensor, "n c h w"]:
    height, width = gradient.shape[2:]
    down = torch.fft.fftfreq(height, 1 / height, device=gradient.device)
    across = torch.fft.rfftfreq(width, 1 / width, device=gradient.device)
    frequency = torch.hypot(down[:, None], across)
    kept = (frequency >= lowest) & (frequency <= highest)
    return torch.fft.irfft2(torch.fft.rfft2(gradient.float()) * kept, s=(height, width))


def _size(gradient: Float[Tensor, "n c h w"]) -> Float[Tensor, "n 1 1 1"]:
    return gradient.square().mean((1, 2, 3), keepdim=True).sqrt()


def noise_steps(
    model: nn.Module,
    images: UInt8[Tensor, "b c h w"],
    levels: Float[Tensor, "b c h w"],
    labels: Int64[Tensor, " b"],
    runtime: Runtime,
    *,
    epsilon: float,
    step: float,
    steps: int,
    cycles: float = math.inf,
) -> tuple[Float[Tensor, "b c h w"], float]:
    """Take sign steps δ <- clip(δ - step sign(∇_δ L), -ε, ε) with θ frozen, in eval mode; `step` < 0 ascends.

    x + δ stays in 0..255. Of the gradient, frequencies of up to `cycles` per image count.

    Returns:
        The new δ in levels, and the share of wrong predictions before the last step.
    """
    wrong: list[Tensor] = []

    def gradient(delta: Tensor) -> Tensor:
        with runtime.autocast():
            logits = model(perturbed(images, delta))
        loss = F.cross_entropy(logits.float(), labels, reduction="sum")
        wrong.append((logits.argmax(1) != labels).float().mean())
        return smoothed(torch.autograd.grad(loss, delta)[0], cycles)

    bounds = room(images.float(), epsilon)
    return sign_steps(levels, gradient, bounds=bounds, step=-step, steps=steps), wrong[-1].item() if wrong else 1.0


def noise_store(shape: tuple[int, ...], runtime: Runtime) -> Float[Tensor, "m c h w"]:
    """Return zeros in half precision for δ: on the device, or outside memory if there are many on a CPU."""
    if runtime.device.type != "cpu":
        return torch.zeros(shape, dtype=torch.float16, device=runtime.device)
    return torch.from_numpy(scratch(tuple(shape), np.float16))


class Frozen:
    """Context in which a model is in eval mode and its parameters ask for no gradient."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.trained = [parameter for parameter in model.parameters() if parameter.requires_grad]

    def __enter__(self) -> None:
        self.model.eval()
        for parameter in self.trained:
            parameter.requires_grad_(False)

    def __exit__(self, *error: object) -> None:
        for parameter in self.trained:
            parameter.requires_grad_(True)


class Batches:
    """Endless shuffled rows: each pass is a fresh permutation, cut into equal batches."""

    def __init__(self, count: int, batch_size: int, generator: torch.Generator) -> None:
        self.count = count
        self.batches = max(1, round(count / batch_size))
        self.generator = generator
        self.waiting: list[Int64[Tensor, " b"]] = []

    def next(self) -> Int64[Tensor, " b"]:
        """Return the rows of the next batch."""
        if not self.waiting:
            self.waiting = list(torch.randperm(self.count, generator=self.generator).tensor_split(self.batches))
        return self.waiting.pop()

    def state(self) -> dict[str, Tensor]:
        """Return the rows that still wait in this pass, for a checkpoint."""
        sizes = torch.tensor([len(rows) for rows in self.waiting], dtype=torch.int64)
        waiting = torch.cat(self.waiting) if self.waiting else torch.zeros(0, dtype=torch.int64)
        return {"waiting": waiting, "waiting.sizes": sizes}

    def restore(self, saved: Mapping[str, Tensor]) -> None:
        """Put back what `state` returned; the generator has its own state."""
        self.waiting = (
            list(torch.split(saved["waiting"], saved["waiting.sizes"].tolist())) if len(saved["waiting"]) else []
        )

    def sweep(self, mixed: torch.Generator | None = None) -> list[Int64[Tensor, " b"]]:
        """Return all rows once in batches, in order or mixed by a generator."""
        rows = torch.arange(self.count) if mixed is None else torch.randperm(self.count, generator=mixed)
        return list(rows.tensor_split(self.batches))
