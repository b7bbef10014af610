"""Noise for exploiters who start from a trained network: it binds images to a wrong label."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn

from unlearnable._runtime import Runtime
from unlearnable._types import Progress, RealLevels, Report, Scope
from unlearnable.imageset import ImageSet
from unlearnable.poisons._base import AdditivePoison
from unlearnable.poisons._bilevel import Batches, perturbed
from unlearnable.poisons._checkpoint import State
from unlearnable.training.fit import EVALUATION_BATCH
from unlearnable.training.loader import to_unit
from unlearnable.training.pretraining import backbone, require_source

HEAD_STEPS, HEAD_RATE = 100, 0.01


@dataclass(frozen=True, kw_only=True)
class PretrainedAware(AdditivePoison):
    """Class-wise noise that still says a wrong label after a step of learning the right one (BAIT).

    min_{‖δ_y‖∞ ≤ ε} L(f_{θ'}(x + δ_y), j(y)), θ' = θ - η ∇_θ L(f_θ(x + δ_y), y), f a pre-trained network with a linear
    layer fitted on the clean images. The wrong label j goes from hard to easy: first the class most like y, then a
    random one, last the one least like y.

    Source: Li, Xu, Cai, Fang, Wu, Lao, Ling, Wang, When Priors Backfire: On the Vulnerability of Unlearnable Examples
    to Pretraining, ICLR 2026 (Apache-2.0; from the description). An ImageNet ResNet-18 there.
    Differs from the paper: its code lays the noise of the wrong class on the image in the outer step, f_{θ'}(x + δ_j),
    and gets noise from a generator, here it is the image's own δ_y itself; wrong labels are chosen for each class, not
    each image; the network is one trained here on CIFAR-100 classes, or EfficientNet-Lite0; θ starts anew
    at every step of δ, so one step is unrolled and none is kept; steps take the sign of the summed gradient.

    Args:
        source: the trained network: `cifar100`, or `imagenet` (extra `pretrained`).
        steps: steps on δ.
        step: size of a sign step in levels; by default ε / 10.
        inner_rate: η.
        batch_size: images a step.

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "pretrained-aware"
    scopes: ClassVar[tuple[Scope, ...]] = ("class-wise",)
    needs: ClassVar[tuple[str, ...]] = ("labels", "images", "surrogate")
    citation: ClassVar[str] = """@inproceedings{li2026priors,
  title = {When Priors Backfire: On the Vulnerability of Unlearnable Examples to Pretraining},
  author = {Li, Zhihao and Xu, Gezheng and Cai, Jiale and Fang, Ruiyi and Wu, Di and Lao, Qicheng and Ling, Charles and
    Wang, Boyu},
  booktitle = {ICLR},
  year = {2026}
}"""

    source: str = "cifar100"
    steps: int = 120
    step: float | None = None
    inner_rate: float = 0.1
    batch_size: int = 250

    def __post_init__(self) -> None:
        super().__post_init__()
        require_source(self.source)
        if self.steps < 1 or self.batch_size < 2:
            raise ValueError("steps must be at least 1 and batch_size at least 2")
        if not self.inner_rate > 0 or (self.step is not None and not self.step > 0):
            raise ValueError("inner_rate and step must be positive")

    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Fit a last layer, then step through one unrolled step of fine-tuning (levels)."""
        images = runtime.images(data.pixels)
        labels = torch.from_numpy(data.labels).to(runtime.device)
        classes, there = len(data.classes), torch.from_numpy(np.flatnonzero(data.counts)).to(runtime.device)
        features, width = backbone(self.source, runtime)
        head = nn.Linear(width, classes, device=runtime.device)
        model = nn.Sequential(features, head).eval()
        batches = Batches(len(images), self.batch_size, runtime.generator("batches"))
        draws = runtime.generator("targets")
        levels = torch.zeros(classes, *images.shape[1:], device=runtime.device)
        generators = {"batches": batches.generator, "targets": draws}
        state = State(self.checkpoint(data, runtime), [head], generators=generators)
        saved, begun = state.load(), 0
        if saved:
            batches.restore(saved)
            levels.copy_(saved["levels"])
            alike = saved["alike"].to(runtime.device)
            begun = int(saved["steps"])
        else:
            seen = described(features, images, runtime)
            fit_head(head, seen, labels, batches)
            alike = likeness(head, seen, labels, classes)
        weights = {name: each.detach().requires_grad_() for name, each in model.named_parameters()}
        size = self.epsilon / 10 if self.step is None else self.step
        for number in range(begun, self.steps):
            rows = batches.next().to(runtime.device)
            own = labels[rows]
            wrong = wrong_labels(alike, 3 * number // self.steps, draws, there)[own]
            levels.requires_grad_()
            noisy = perturbed(images[rows], levels.index_select(0, own))
            # float32: the step is differentiated twice
            right = F.cross_entropy(torch.func.functional_call(model, weights, (noisy,)).float(), own)
            slopes = torch.autograd.grad(right, list(weights.values()), create_graph=True, allow_unused=True)
            moved = {
                name: each if slope is None else each - self.inner_rate * slope
                for (name, each), slope in zip(weights.items(), slopes, strict=True)
            }
            loss = F.cross_entropy(torch.func.functional_call(model, moved, (noisy,)).float(), wrong)
            (gradient,) = torch.autograd.grad(loss, levels)
            levels = (levels.detach() - size * gradient.sign()).clamp(-self.epsilon, self.epsilon)
            report(Progress(done=number + 1, total=self.steps, note=f"loss {loss.item():.2f}"))
            state.keep({**batches.state(), "levels": levels, "alike": alike, "steps": torch.tensor(number + 1)})
        return levels.cpu().numpy()


@torch.no_grad()
def described(features: nn.Module, images: UInt8[Tensor, "n c h w"], runtime: Runtime) -> Float[Tensor, "n d"]:
    """Return what the trained network says of every clean image; it does not change, so once is enough."""
    found = []
    for part in torch.split(images, EVALUATION_BATCH):
        with runtime.autocast():
            found.append(features(to_unit(part)).float())
    return torch.cat(found)


def fit_head(head: nn.Linear, seen: Float[Tensor, "n d"], labels: Tensor, batches: Batches) -> None:
    """Train a last layer on the descriptions."""
    optimiser = torch.optim.Adam(head.parameters(), lr=HEAD_RATE)
    for _ in range(HEAD_STEPS):
        rows = batches.next().to(labels.device)
        loss = F.cross_entropy(head(seen[rows]), labels[rows])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()


@torch.no_grad()
def likeness(head: nn.Linear, seen: Tensor, labels: Tensor, classes: int) -> Float[Tensor, "k k"]:
    """Return the mean probability that images of [true class] are given to [class]."""
    sums = torch.zeros(classes, classes, device=labels.device)
    sums.index_add_(0, labels, head(seen).softmax(1))
    return sums / torch.bincount(labels, minlength=classes).clamp(min=1)[:, None]


def wrong_labels(
    likeness: Float[Tensor, "k k"], stage: int, draws: torch.Generator, there: Int64[Tensor, " p"]
) -> Int64[Tensor, " k"]:
    """Return a wrong label for each class: the most like it (stage 0), any (1), or the least like it (2).

    Only the classes `there`, which have images, are wrong labels, and get any; there are two at least.
    """
    wrong = torch.zeros(len(likeness), dtype=torch.int64, device=likeness.device)
    among = likeness[there][:, there]
    itself = torch.eye(len(there), dtype=torch.bool, device=likeness.device)
    if stage == 0:
        found = among.masked_fill(itself, -torch.inf).argmax(1)
    elif stage == 1:
        away = torch.randint(1, len(there), (len(there),), generator=draws).to(likeness.device)
        found = (torch.arange(len(there), device=likeness.device) + away) % len(there)
    else:
        found = among.masked_fill(itself, torch.inf).argmin(1)
    wrong[there] = there[found]
    return wrong
