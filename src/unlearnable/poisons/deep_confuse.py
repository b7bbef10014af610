"""DeepConfuse: a generator taught by what one step of learning from its noise does to clean images."""

import copy
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unlearnable._runtime import Runtime
from unlearnable._types import Progress, Report
from unlearnable.imageset import ImageSet
from unlearnable.perturbation import Network
from unlearnable.poisons._base import Origin
from unlearnable.poisons._bilevel import Batches, model_step, surrogate_optimiser
from unlearnable.poisons._checkpoint import State
from unlearnable.poisons._generative import Generative
from unlearnable.poisons._surrogates import phases
from unlearnable.training import TrainingDivergedError
from unlearnable.training.fit import build
from unlearnable.training.loader import to_unit
from unlearnable.training.memory import keep_memory


@dataclass(frozen=True, kw_only=True)
class DeepConfuse(Generative):
    """A generator whose noise, learned from, makes a network wrong about clean images.

    max_ω Σ_t L(f_{θ_t'}(x), y), θ_t' = θ_t - α ∇_θ L(f_{θ_t}(x + G_ω(x)), y), along the path θ_t of a network that is
    trained on the noise of the generator as it was before; a round is one such path from fresh weights.

    Source: Feng, Cai, Zhou, Learning to Confuse: Generating Training Time Adversarial Data with Auto-Encoder, NeurIPS
    2019 (its code is for academic use; from the equations). Days on a GPU there.
    Differs from the paper: G is no U-Net but a classifier of the image at 16 pixels that chooses among a pattern per
    class (`perturbation.Network`), taught before and fixed, and the patterns begin with steps of error-min; a small
    network; fewer rounds and shorter paths, with a fresh Adam for each where its code has one for all; other rates;
    the loss of clean images is that of other images than the step was taken on, and is cut at `ceiling`.

    With 10,000 images of CIFAR-10, seed 0, last (best) epoch: `fast-small` learns 17.3 (18.8) percent,
    `resnet18-slim`, which is no surrogate, 15.9 (24.5), after JPEG 75 35.0 (35.0), in grey 76.6 (76.6), and after the
    orthogonal projection 70.5 (70.5). New images are protected as far as the classifier is right
    (docs/reproducing.md).

    Args:
        rounds: paths.
        path: steps of each.
        virtual_rate: α.
        model_rate: of θ (SGD).

    Raises:
        ValueError: a setting is out of range.
    """

    method: ClassVar[str] = "deep-confuse"
    citation: ClassVar[str] = """@inproceedings{feng2019learning,
  title = {Learning to Confuse: Generating Training Time Adversarial Data with Auto-Encoder},
  author = {Feng, Ji and Cai, Qi-Zhi and Zhou, Zhi-Hua},
  booktitle = {NeurIPS},
  year = {2019}
}"""

    rounds: int = 4
    path: int = 30
    virtual_rate: float = 0.1
    model_rate: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.rounds, self.path) < 1:
            raise ValueError("rounds and path must be at least 1")
        if not min(self.virtual_rate, self.model_rate) > 0:
            raise ValueError("virtual_rate and model_rate must be positive")

    def make(self, data: ImageSet, runtime: Runtime, report: Report, origin: Origin) -> Network:
        """Walk the paths, and keep the generator."""
        keep_memory()
        images = runtime.images(data.pixels)
        labels = torch.from_numpy(data.labels).to(runtime.device)
        generator = self.fresh(data, runtime)
        batches = Batches(len(images), self.batch_size, runtime.generator("batches"))
        beginning, walking = phases(report, (50, 50))
        state = State(self.checkpoint(data, runtime), [generator], generators={"batches": batches.generator})
        saved, begun = state.load(), 0
        if saved:
            batches.restore(saved)
            begun = int(saved["rounds"])
        else:
            self.begin(generator, images, labels, batches, runtime, beginning)
            state.save({**batches.state(), "rounds": torch.tensor(0)})
        shares = generator.shares(images, runtime)
        for number in range(begun, self.rounds):
            taught = copy.deepcopy(generator)
            adam = torch.optim.Adam([taught.patterns], lr=self.learning_rate)
            model = build(self.surrogate, images, len(data.classes), runtime)
            optimiser = surrogate_optimiser(model, self.model_rate)
            for turn in range(self.path):
                rows, others = batches.next().to(runtime.device), batches.next().to(runtime.device)
                clean = to_unit(images[rows])
                noisy = taught.added(clean, shares[rows])
                hurt = self._after_a_step(model, noisy, labels[rows], images[others], labels[others])
                if not torch.isfinite(hurt):
                    raise TrainingDivergedError("the generator diverged; lower learning_rate or virtual_rate")
                adam.zero_grad(set_to_none=True)
                (taught.patterns.grad,) = torch.autograd.grad(-hurt, [taught.patterns])
                adam.step()
                with torch.no_grad():
                    noisy = generator.added(clean, shares[rows])
                model_step(model, optimiser, noisy, labels[rows], runtime)
                done = number * self.path + turn + 1
                walking(Progress(done=done, total=self.rounds * self.path, note=f"clean loss {hurt.item():.2f}"))
            generator.load_state_dict(taught.state_dict())
            state.keep({**batches.state(), "rounds": torch.tensor(number + 1)})
        return generator.stored(origin)

    def _after_a_step(
        self, model: nn.Module, noisy: Tensor, labels: Tensor, others: Tensor, other_labels: Tensor
    ) -> Tensor:
        """Return the loss of clean images after one step of learning from noisy ones, with gradients to the noise."""
        model.train()
        theta: dict[str, Tensor] = {name: each for name, each in model.named_parameters() if each.requires_grad}
        # float32: the step is differentiated
        loss = F.cross_entropy(torch.func.functional_call(model, theta, (noisy,)), labels)
        slopes = torch.autograd.grad(loss, list(theta.values()), create_graph=True)
        moved = {
            name: each - self.virtual_rate * slope for (name, each), slope in zip(theta.items(), slopes, strict=True)
        }
        logits = torch.func.functional_call(model, moved, (to_unit(others),))
        return F.cross_entropy(logits, other_labels, reduction="none").clamp(max=self.ceiling).mean()
