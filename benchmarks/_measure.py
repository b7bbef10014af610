"""Repeat, take the median and the spread, and say on what machine."""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from unlearnable._runtime import Runtime, hardware, versions

HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Rate:
    """Units a second over n repeats: median, slowest, fastest."""

    median: float
    slowest: float
    fastest: float
    repeats: int

    def __str__(self) -> str:
        return f"{self.median:,.0f} ({self.slowest:,.0f} to {self.fastest:,.0f}, n = {self.repeats})"


def clock(kind: str) -> Callable[[], float]:
    """Return the wall clock, or the CPU clock for a machine that other work shares (one thread only).

    Raises:
        ValueError: CPU time was asked for with several threads, whose seconds it would add up.
    """
    if kind == "cpu" and torch.get_num_threads() > 1:
        raise ValueError("CPU time is that of all threads together; set OMP_NUM_THREADS=1")
    return time.process_time if kind == "cpu" else time.perf_counter


def rate(work: Callable[[], object], units: int, repeats: int, now: Callable[[], float]) -> Rate:
    """Return units a second of `work` by the clock `now`, after one unmeasured call."""
    _ended(work)
    rates = []
    for _ in range(repeats):
        started = now()
        _ended(work)
        rates.append(units / (now() - started))
    return Rate(median=statistics.median(rates), slowest=min(rates), fastest=max(rates), repeats=repeats)


def _ended(work: Callable[[], object]) -> None:
    """Do it and wait for a GPU, which only notes what it has to do."""
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def matmul_rate(runtime: Runtime, repeats: int, now: Callable[[], float], size: int = 2048) -> Rate:
    """Return the machine's floating-point operations a second on square products in the autocast type."""
    left, right = (torch.randn(size, size, dtype=runtime.dtype, device=runtime.device) for _ in range(2))
    return rate(lambda: left @ right, 2 * size**3, repeats, now)


def operations(work: Callable[[], object]) -> int:
    """Count the floating-point operations of the convolutions and products in `work`."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def machine(runtime: Runtime) -> str:
    """Describe hardware, load and versions in one Markdown paragraph."""
    parts = {**hardware(runtime.device), "cores": os.cpu_count(), **versions()}
    load = f"load average when it ended {os.getloadavg()[0]:.1f}"
    return "Machine: " + ", ".join(f"{name} {value}" for name, value in parts.items()) + f"; {load}."


def write(name: str, text: str, runtime: Runtime | None = None) -> None:
    """Write a report beside this file, whole.

    Args:
        name: such as `fit.md`; a processor that computes in float32 gets one of its own, `fit-float32.md`.
        text: the report.
        runtime: what it was measured with, where speed depends on it.
    """
    path = HERE / name
    if runtime is not None and runtime.dtype == torch.float32:
        path = path.with_stem(f"{path.stem}-float32")
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
    print(text)
