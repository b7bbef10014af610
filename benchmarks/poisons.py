"""What each poison costs: image-gradients, seconds and memory for a whole data set.

OMP_NUM_THREADS=2 python -m benchmarks.poisons                  # 50,000 CIFAR-10 images, on an idle machine
python -m benchmarks.poisons --per-class 1000 --methods pil lsp # some methods, fewer images

One JSON per method in benchmarks/poisons.json, merged; the report benchmarks/poisons.md is made from it.
"""

import argparse
import json
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks._measure import HERE, machine, matmul_rate, write
from unlearnable._runtime import Runtime
from unlearnable.datasets import load
from unlearnable.imageset import ImageSet
from unlearnable.models import ARCHITECTURES
from unlearnable.poisons import POISONS
from unlearnable.poisons._base import AnyPoison

RELEASED = {
    "error-min": "10.05 M sample-wise, 0.015 M a round class-wise",
    "robust-error-min": "387 M",
    "stable-error-min": "41.5 M",
    "targeted": "100 M",
    "self-ensemble": "45 M",
    "mutual-information": "55 M",
    "entangled": "70 M",
    "hypocritical": "10.5 M",
    "pil": "linear only",
    "lsp": "0",
    "autoregressive": "0",
    "one-pixel": "0",
    "convolution": "0",
}
"""Image-gradients of a ResNet-18 that the released settings take for 50,000 CIFAR-10 images, counted from the code."""


@contextmanager
def counted() -> Iterator[dict[str, float]]:
    """Count images that go through a whole network with a gradient wanted, and the operations of that and its backward.

    An operation count per image is taken once per kind of network, by torch's counter, outside the clock.
    """
    found = {"gradients": 0.0}
    kinds: set[type[nn.Module]] = set()

    def watch(module: nn.Module, inputs: Any) -> None:
        if type(module) in kinds and inputs and isinstance(inputs[0], Tensor) and torch.is_grad_enabled():
            found["gradients"] += len(inputs[0])

    for name in ARCHITECTURES:
        if name in ("fast-small", "resnet-small", "vgg-small", "resnet18"):
            kinds.add(type(ARCHITECTURES.get(name)(classes=2, channels=3, size=32)))
    kinds.discard(nn.Sequential)
    handle = nn.modules.module.register_module_forward_pre_hook(watch)
    try:
        yield found
    finally:
        handle.remove()


def measured(poison: AnyPoison, data: ImageSet, runtime: Runtime) -> dict[str, Any]:
    """Craft once and return the cost."""
    started, used = time.perf_counter(), time.process_time()
    with counted() as found:
        made = poison.craft(data, runtime)
    seconds, cpu = time.perf_counter() - started, time.process_time() - used
    return {
        "scope": poison.scope,
        "images": len(data),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "gradients": int(found["gradients"]),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "checksum": made.checksum(),
        "threads": torch.get_num_threads(),
    }


def main() -> None:
    """Measure the methods asked for, one process each time for an honest peak, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="*", default=[name for name in POISONS if name != "slots"])
    parser.add_argument("--per-class", type=int)
    chosen = parser.parse_args()
    runtime = Runtime.auto()
    data = load("cifar10")
    if chosen.per_class:
        rows = [np.flatnonzero(data.labels == label)[: chosen.per_class] for label in range(10)]
        data = data.subset(np.sort(np.concatenate(rows)))
    store = HERE / "poisons.json"
    known: dict[str, Any] = json.loads(store.read_text(encoding="utf-8")) if store.is_file() else {}
    for name in chosen.methods:
        kind = POISONS.get(name)
        for scope in kind.scopes if name == "error-min" else kind.scopes[-1:]:
            record = measured(kind(scope=scope), data, runtime)
            known[f"{name}, {scope}, {len(data)}"] = record
            print(name, record, flush=True)
            store.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    peak = matmul_rate(runtime, 5, time.perf_counter)
    write("poisons.md", report(known, runtime, peak.median))


def report(known: dict[str, Any], runtime: Runtime, peak: float) -> str:
    """Return the Markdown report."""
    lines = []
    for name, record in known.items():
        method = name.split(",")[0]
        rate = f"{record['gradients'] / record['seconds']:,.0f}" if record["gradients"] else "-"
        lines.append(
            f"| {method} | {record['scope']} | {record['images']:,} | {record['gradients'] / 1e6:.2f} M | "
            f"{record['seconds']:,.0f} | {rate} | {record['peak_mb']:,} | {RELEASED.get(method, '-')} |"
        )
    return (
        "# What each poison costs\n\nGenerated by `python -m benchmarks.poisons`; do not edit.\n\n"
        f"{machine(runtime)}\n\nMatmul rate {peak / 1e9:,.0f} GFLOP/s. One run each. Image-gradients: images that went "
        "through a whole network with a gradient wanted, those of training a surrogate too. Peak memory is that of "
        "the whole process so far, so it rises down the table.\n\n"
        "| method | scope | images | image-gradients | seconds | image-gradients/s | peak MB | released code, "
        "image-gradients of a ResNet-18 for 50,000 |\n|---|---|---|---|---|---|---|---|\n" + "\n".join(lines) + "\n"
    )


if __name__ == "__main__":
    main()
