"""What each poison costs: image-gradients, seconds and memory for a whole data set.

OMP_NUM_THREADS=2 python -m benchmarks.poisons                       # all methods, CIFAR-10, on an idle machine
python -m benchmarks.poisons --methods pil lsp --sizes 1000          # some methods, fewer images

Each method is measured in a process of its own on 1,000 images, then on 10,000 and on all 50,000 as long as the time
that the last size predicts is below `--longest`. benchmarks/poisons.json keeps what was measured, so a stopped run goes
on where it was; the report benchmarks/poisons.md is made from it. A processor that computes in float32 has files of its
own.
"""

import argparse
import hashlib
import json
import multiprocessing
import resource
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks._measure import HERE, machine, matmul_rate, operations, write
from unlearnable._runtime import Runtime, hardware
from unlearnable.datasets import load
from unlearnable.models import ARCHITECTURES
from unlearnable.poisons import POISONS

RELEASED = {
    "error-min": "10.05 M sample-wise, 0.015 M a round class-wise",
    "robust-error-min": "387 M",
    "stable-error-min": "41.5 M",
    "targeted": "100 M",
    "self-ensemble": "45 M",
    "mutual-information": "55 M",
    "entangled": "70 M",
    "hypocritical": "10.5 M",
    "generator": "35 M and a U-Net",
    "contrastive": "18 M",
    "transferable": "0 in the demo's settings",
    "deep-confuse": "5 to 7 GPU-days",
    "random": "0",
    "pil": "linear only",
    "lsp": "0",
    "autoregressive": "0",
    "one-pixel": "0",
    "convolution": "0",
}
"""Image-gradients of a ResNet-18 that the released settings take for 50,000 CIFAR-10 images, counted from the code."""

NETWORKS = ("fast-small", "resnet-small", "vgg-small", "resnet18")
FIXED = ", fixed"
WHOLE = 50_000


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count the images that go through a whole network with a gradient wanted, by kind of network; `, fixed` is one
    whose weights want none."""
    found: Counter[str] = Counter()
    kinds: dict[type[nn.Module], dict[int, str]] = {}
    for name in NETWORKS:
        model = ARCHITECTURES.get(name)(classes=10, channels=3, size=32)
        kinds.setdefault(type(model), {})[_parameters(model)] = name

    def watch(module: nn.Module, inputs: Any) -> None:
        if type(module) in kinds and inputs and isinstance(inputs[0], Tensor) and torch.is_grad_enabled():
            sizes, own = kinds[type(module)], _parameters(module)
            fixed = "" if any(parameter.requires_grad for parameter in module.parameters()) else FIXED
            found[sizes[min(sizes, key=lambda size: abs(size - own))] + fixed] += len(inputs[0])

    handle = nn.modules.module.register_module_forward_pre_hook(watch)
    try:
        yield found
    finally:
        handle.remove()


def _parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def cost(name: str) -> float:
    """Count the operations of one image's way forward and back through a network, to its weights or to the image."""
    model = ARCHITECTURES.get(name.removesuffix(FIXED))(classes=10, channels=3, size=32)
    fixed = name.endswith(FIXED)
    if fixed:
        model.requires_grad_(False)
    images = torch.rand(10, 3, 32, 32, requires_grad=fixed)
    return operations(lambda: model(images).sum().backward()) / len(images)


def measured(name: str, scope: str, per_class: int) -> dict[str, Any]:
    """Craft once, in this process and no other, and return the cost."""
    runtime = Runtime.auto()
    data = load("cifar10")
    rows = [np.flatnonzero(data.labels == label)[:per_class] for label in range(len(data.classes))]
    data = data.subset(np.sort(np.concatenate(rows)))
    poison = POISONS.get(name)(scope=scope)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with counted() as found:
        started, used = time.perf_counter(), time.process_time()
        made = poison.craft(data, runtime)
        seconds, cpu = time.perf_counter() - started, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "method": name,
        "scope": scope,
        "images": len(data),
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "gradients": dict(found),
        "operations": sum(cost(kind) * count for kind, count in found.items()),
        "more_mb": (peak - before) // 1024,
        "checksum": made.checksum(),
        "as": _as(poison, runtime),
    }


def _as(poison: Any, runtime: Runtime) -> str:
    """Name what a measurement depends on but the images: a record of anything else is measured again."""
    values = [poison.revision, poison.parameters(), torch.__version__, torch.get_num_threads(), str(runtime.dtype)]
    digest = hashlib.blake2b(json.dumps(values, sort_keys=True, default=str).encode(), digest_size=6).hexdigest()
    return f"{hardware(runtime.device)['processor']}, {digest}"


def main() -> None:
    """Measure the methods asked for and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="*", default=[name for name in POISONS if name != "slots"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 5000], help="images per class, rising")
    parser.add_argument("--longest", type=float, default=240, help="seconds that one measurement may take")
    chosen = parser.parse_args()
    runtime = Runtime.auto()
    store = HERE / ("poisons-float32.json" if runtime.dtype == torch.float32 else "poisons.json")
    known: dict[str, Any] = json.loads(store.read_text(encoding="utf-8")) if store.is_file() else {}
    apart = multiprocessing.get_context("spawn")
    for name in chosen.methods:
        kind = POISONS.get(name)
        for scope in kind.scopes if name == "error-min" else kind.scopes[-1:]:
            before = None
            for size in chosen.sizes:
                key = f"{name}, {scope}, {size}"
                if before and before["seconds"] * 10 * size / before["images"] > chosen.longest:
                    break
                if known.get(key, {}).get("as") != _as(kind(scope=scope), runtime):
                    with ProcessPoolExecutor(1, mp_context=apart) as pool:
                        known[key] = pool.submit(measured, name, scope, size).result()
                    print(key, known[key], flush=True)
                    store.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
                before = known[key]
    known = {  # what another machine or version took says nothing of this one
        key: record
        for key, record in known.items()
        if record["method"] in POISONS
        and record.get("as") == _as(POISONS.get(record["method"])(scope=record["scope"]), runtime)
    }
    peak = matmul_rate(runtime, 5, time.perf_counter)
    write("poisons.md", report(known, runtime, peak.median), runtime)


def report(known: dict[str, Any], runtime: Runtime, peak: float) -> str:
    """Return the Markdown report: each method's largest measurement."""
    largest: dict[tuple[str, str], dict[str, Any]] = {}
    for record in sorted(known.values(), key=lambda record: record["images"]):
        largest[record["method"], record["scope"]] = record
    lines = []
    for (method, scope), record in sorted(largest.items()):
        gradients = sum(record["gradients"].values())
        rate = f"{gradients / record['seconds']:,.0f}" if gradients else "-"
        share = f"{100 * record['operations'] / record['seconds'] / peak:.0f} %" if gradients else "-"
        whole = record["images"] == WHOLE
        predicted = (
            f"{record['seconds']:,.1f}" if whole else f"at most {record['seconds'] * WHOLE / record['images']:,.0f}"
        )
        lines.append(
            f"| {method} | {scope} | {record['images']:,} | {record['seconds']:,.1f} | {predicted} | "
            f"{gradients / 1e6:.2f} M | {rate} | {share} | {record['more_mb']:,} | {RELEASED.get(method, '-')} |"
        )
    return (
        "# What each poison costs\n\nGenerated by `python -m benchmarks.poisons`; do not edit.\n\n"
        f"{machine(runtime)}\n\nMatmul rate {peak / 1e9:,.0f} GFLOP/s. One run each, in its own process. Where all "
        f"{WHOLE:,} images were not tried, their time is calculated: in proportion to the images, which is too much "
        "where a part of the work does not depend on them. Image-gradients: images that went through a whole network "
        "with a gradient wanted, those of training a surrogate too; the share of the matmul rate counts their "
        "operations forward and back and nothing else. Memory is what crafting added to the process at its peak.\n\n"
        "| method | scope | images | seconds | seconds for 50,000 | image-gradients | a second | of the matmul rate | "
        "MB | released code, image-gradients of a ResNet-18 for 50,000 |\n"
        "|---|---|--:|--:|--:|--:|--:|--:|--:|---|\n" + "\n".join(lines) + "\n"
    )


if __name__ == "__main__":
    main()
