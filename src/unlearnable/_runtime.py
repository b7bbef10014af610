"""Where and how tensors move: device, autocast type, memory format, seeds."""

import hashlib
import platform
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from unlearnable import __version__, _scratch

ModuleT = TypeVar("ModuleT", bound=nn.Module)


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """A device, an autocast type and a seed; everything that trains or crafts takes one.

    Args:
        device: where tensors live.
        dtype: the autocast type: bf16 where the device computes in it, else float32.
        seed: the seed that every generator of this run is derived from.
        checkpoint: the file a long search keeps its state in, to go on after it was killed; None keeps none.
    """

    device: torch.device
    dtype: torch.dtype
    seed: int = 0
    checkpoint: Path | None = None

    @classmethod
    def auto(cls, device: str = "auto", *, seed: int = 0) -> "Runtime":
        """Pick the fastest device there is, or check the one asked for.

        Raises:
            ValueError: the device is unknown or not there.
        """
        chosen = _device(device)
        return cls(device=chosen, dtype=torch.bfloat16 if has_bf16(chosen) else torch.float32, seed=seed)

    def with_seed(self, seed: int) -> "Runtime":
        """Return the same runtime with another seed."""
        return replace(self, seed=seed)

    def generator(self, stream: str = "") -> torch.Generator:
        """Return a CPU generator for one named stream of random numbers; same seed and stream, same numbers."""
        digest = hashlib.blake2b(f"{self.seed}/{stream}".encode(), digest_size=8).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)

    def autocast(self) -> AbstractContextManager[None]:
        """Compute in `dtype` where that is safe."""
        return torch.autocast(self.device.type, dtype=self.dtype, enabled=self.dtype != torch.float32)

    def images(self, pixels: UInt8[np.ndarray, "n c h w"]) -> UInt8[Tensor, "n c h w"]:
        """Move stored pixels to the device, channels last, still 8-bit; many stay where they are on a CPU."""
        if self.device.type == "cpu" and pixels.nbytes > _scratch.IN_MEMORY:
            return torch.from_numpy(np.ascontiguousarray(pixels))
        tensor = torch.from_numpy(np.ascontiguousarray(pixels)).to(self.device)
        return tensor.contiguous(memory_format=torch.channels_last)

    def to(self, module: ModuleT) -> ModuleT:
        """Move a module to the device, channels last."""
        return module.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def has_bf16(device: torch.device) -> bool:
    """Tell whether the device multiplies bf16 natively (emulated bf16 is slower than float32)."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        mkldnn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        return bool(mkldnn and torch.cpu._is_avx512_bf16_supported())
    return False


def hardware(device: torch.device) -> dict[str, str | int]:
    """Describe the machine for a record: device, processor, cores and threads used, autocast type."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {
        "device": device.type,
        "processor": name,
        "threads": torch.get_num_threads(),
        "bf16": int(has_bf16(device)),
        "system": platform.platform(terse=True),
    }


def versions() -> dict[str, str]:
    """Versions that results depend on."""
    return {
        "unlearnable": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _device(name: str) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device must be auto, cpu, cuda, cuda:N or mps; got {name!r}") from error
    if device.type not in ("cpu", "cuda", "mps"):
        raise ValueError(f"device must be auto, cpu, cuda, cuda:N or mps; got {name!r}")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device {name!r} is not there ({torch.cuda.device_count()} CUDA devices); use auto or cpu")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError(f"device {name!r} is not there; use auto or cpu")
    return device


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
