"""Noise for exploiters who start from a trained network: it says a label, whatever image it lies on."""

import copy
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
from unlearnable.poisons._bilevel import SLOW, Batches, Frozen, perturbed, smoothed
from unlearnable.poisons._checkpoint import State
from unlearnable.training.fit import EVALUATION_BATCH
from unlearnable.training.loader import to_unit
from unlearnable.training.pretraining import backbone, require_source

HEAD_STEPS, HEAD_RATE = 100, 0.01


@dataclass(frozen=True, kw_only=True)
class PretrainedAware(AdditivePoison):
    """Class-wise noise that turns an image of another class into its own, after a step of learning (BAIT).

    min_{‖δ‖∞ ≤ ε} L(f_{θ'}(x + δ_j), j), θ' = θ - η ∇_θ L(f_θ(x + δ_y), y), f a pre-trained network with a linear
    layer fitted on the clean images, j a wrong label of x. It goes from hard to easy: in the first third of the rounds
    the likeliest to θ' for clean x, then a random one, last the least likely. A network that trusts δ more than what it
    knew of x learns nothing of x.

    Source: Li, Xu, Cai, Fang, Wu, Lao, Ling, Wang, When Priors Backfire: On the Vulnerability of Unlearnable Examples
    to Pretraining, ICLR 2026 (Apache-2.0; from the description). An ImageNet ResNet-18 there.
    Differs from the paper: of the gradient, slow changes only are used (`cycles`); δ itself takes sign steps, there a
    generator gives it; the network is one trained here on CIFAR-100 classes, or EfficientNet-Lite0; each round starts
    from the same θ, there from one that has learned another batch; few rounds and batches.

    With 10,000 images of CIFAR-10, seed 0, last (best) epoch: `fast-small` learns 18.8 (18.8) percent, a network that
    was trained on CIFAR-100 14.4 (19.3), `resnet18-slim`, which is no surrogate, 12.1 (16.9); after JPEG 75 38.0 (39.6)
    is learned, in grey 65.5 (68.2). With all frequencies (`cycles=1000`) the first four are 10.5 (16.2), 11.6 (28.0),
    61.6 (61.6) and 59.5 (59.5).

    Args:
        source: the trained network: `cifar100`, or `imagenet` (extra `pretrained`).
        rounds: times that θ' is made.
        noise_steps: steps on δ in each round.
        step: size of a sign step in levels; by default ε / 10.
        cycles: of δ's gradient, the highest frequency that is used, in cycles per image; by default 8.
        inner_rate: η.
        batch_size: images a step.

    Raises:
        ValueError: a setting is out of range.
    """

    revision: ClassVar[int] = 2
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
    rounds: int = 30
    noise_steps: int = 10
    step: float | None = None
    cycles: float = SLOW
    inner_rate: float = 0.1
    batch_size: int = 250

    def __post_init__(self) -> None:
        super().__post_init__()
        require_source(self.source)
        if self.rounds < 1 or self.noise_steps < 1 or self.batch_size < 2:
            raise ValueError("rounds and noise_steps must be at least 1 and batch_size at least 2")
        if not self.inner_rate > 0 or (self.step is not None and not self.step > 0):
            raise ValueError("inner_rate and step must be positive")
        if not self.cycles >= 1:
            raise ValueError(f"cycles must be at least 1 per image; got {self.cycles!r}")

    def run(self, data: ImageSet, runtime: Runtime, report: Report) -> RealLevels:
        """Fit a last layer, then look ahead and step, in rounds (levels)."""
        images = runtime.images(data.pixels)
        labels = torch.from_numpy(data.labels).to(runtime.device)
        there = torch.from_numpy(np.flatnonzero(data.counts)).to(runtime.device)
        features, width = backbone(self.source, runtime)
        head = nn.Linear(width, len(data.classes), device=runtime.device)
        model = nn.Sequential(features, head).eval()
        batches = Batches(len(images), self.batch_size, runtime.generator("batches"))
        draws = runtime.generator("targets")
        levels = torch.zeros(len(data.classes), *images.shape[1:], device=runtime.device)
        generators = {"batches": batches.generator, "targets": draws}
        state = State(self.checkpoint(data, runtime), [head], generators=generators)
        saved, begun = state.load(), 0
        if saved:
            batches.restore(saved)
            levels.copy_(saved["levels"])
            begun = int(saved["rounds"])
        else:
            fit_head(head, described(features, images, runtime), labels, batches)
        ahead = copy.deepcopy(model)
        size = self.epsilon / 10 if self.step is None else self.step
        for number in range(begun, self.rounds):
            stage = 3 * number // self.rounds
            rows = batches.next().to(runtime.device)
            ahead.load_state_dict(model.state_dict())
            learn(ahead, perturbed(images[rows], levels[labels[rows]]), labels[rows], self.inner_rate, runtime)
            with Frozen(ahead):
                for position in range(1, self.noise_steps + 1):
                    rows = batches.next().to(runtime.device)
                    logits = described(ahead, images[rows], runtime) if stage != 1 else None
                    aims = wrong_labels(labels[rows], there, stage, logits, draws)
                    levels.requires_grad_()
                    # not levels[aims]: several threads sum the gradient of that in any order
                    with runtime.autocast():
                        seen = ahead(perturbed(images[rows], levels.index_select(0, aims)))
                    loss = F.cross_entropy(seen.float(), aims)
                    (gradient,) = torch.autograd.grad(loss, levels)
                    moved = levels.detach() - size * smoothed(gradient, self.cycles).sign()
                    levels = moved.clamp(-self.epsilon, self.epsilon)
                    done = number * self.noise_steps + position
                    report(Progress(done=done, total=self.rounds * self.noise_steps, note=f"loss {loss.item():.2f}"))
            state.keep({**batches.state(), "levels": levels, "rounds": torch.tensor(number + 1)})
        return levels.cpu().numpy()


def learn(
    model: nn.Module, images: Float[Tensor, "b c h w"], labels: Int64[Tensor, " b"], rate: float, runtime: Runtime
) -> None:
    """Take one step θ <- θ - η ∇_θ L(f_θ(x + δ), y), in place, without momentum."""
    trained = [each for each in model.parameters() if each.requires_grad]
    with runtime.autocast():
        logits = model(images)
    slopes = torch.autograd.grad(F.cross_entropy(logits.float(), labels), trained)
    with torch.no_grad():
        for each, slope in zip(trained, slopes, strict=True):
            each.sub_(slope, alpha=rate)


@torch.no_grad()
def described(features: nn.Module, images: UInt8[Tensor, "n c h w"], runtime: Runtime) -> Float[Tensor, "n d"]:
    """Return what a network says of every clean image."""
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


def wrong_labels(
    labels: Int64[Tensor, " b"],
    there: Int64[Tensor, " p"],
    stage: int,
    logits: Float[Tensor, "b k"] | None,
    draws: torch.Generator,
) -> Int64[Tensor, " b"]:
    """Return a wrong label for each image: the likeliest by its logits (stage 0), any (1), or the least likely (2).

    Only the classes `there`, ascending, which have images, are wrong labels; there are two at least.
    """
    own = torch.searchsorted(there, labels)
    if stage == 1:
        away = torch.randint(1, len(there), (len(labels),), generator=draws).to(labels.device)
        return there[(own + away) % len(there)]
    assert logits is not None
    itself = F.one_hot(own, len(there)).bool()
    among = logits[:, there].masked_fill(itself, -torch.inf if stage == 0 else torch.inf)
    return there[among.argmax(1) if stage == 0 else among.argmin(1)]
