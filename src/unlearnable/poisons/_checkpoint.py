"""The state of a long search in one file, so that it can be killed and go on."""

import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

KEY = "search"
EVERY = 20.0
"""Seconds between two savings."""


class Checkpoint:
    """Named tensors that are saved now and then; a file of another search is not used.

    Args:
        path: the file; None saves nothing.
        identity: what the search depends on, JSON-serialisable: method, settings, seed, data.
        every: seconds between two savings; by default EVERY.
    """

    def __init__(self, path: Path | None, identity: Mapping[str, Any], every: float | None = None) -> None:
        self.path = path
        text = json.dumps([torch.__version__, dict(identity)], sort_keys=True, default=list)
        self.key = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        self.every = EVERY if every is None else every
        self.last = time.monotonic()

    def load(self) -> dict[str, Tensor]:
        """Return what was saved last by the same search; nothing if there is no such file, or it is damaged."""
        if self.path is None or not self.path.is_file():
            return {}
        try:
            with safe_open(self.path, framework="pt") as file:
                if (file.metadata() or {}).get(KEY) != self.key:
                    return {}
                return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        except (SafetensorError, OSError):
            return {}

    @property
    def due(self) -> bool:
        """Whether it is time to save."""
        return self.path is not None and time.monotonic() - self.last >= self.every

    def save(self, tensors: Mapping[str, Tensor]) -> None:
        """Write the file, whole or not at all."""
        if self.path is None:
            return
        kept = {name: each.detach().cpu().contiguous() for name, each in tensors.items()}
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        try:
            save_file(kept, temporary, {KEY: self.key})
            temporary.replace(self.path)
        finally:
            temporary.unlink(missing_ok=True)
        self.last = time.monotonic()


def weights(models: Sequence[nn.Module]) -> dict[str, Tensor]:
    """Return the state of networks as named tensors."""
    return {
        f"model.{place}.{name}": each for place, model in enumerate(models) for name, each in model.state_dict().items()
    }


def restore_weights(models: Sequence[nn.Module], saved: Mapping[str, Tensor]) -> None:
    """Put back what `weights` returned."""
    for place, model in enumerate(models):
        start = f"model.{place}."
        model.load_state_dict(
            {name.removeprefix(start): each for name, each in saved.items() if name.startswith(start)}
        )


def momenta(optimisers: Sequence[torch.optim.SGD]) -> dict[str, Tensor]:
    """Return the momentum of every parameter that has one."""
    return {
        f"momentum.{place}.{number}": optimiser.state[parameter]["momentum_buffer"]
        for place, optimiser in enumerate(optimisers)
        for number, parameter in enumerate(optimiser.param_groups[0]["params"])
        if optimiser.state.get(parameter, {}).get("momentum_buffer") is not None
    }


def restore_momenta(optimisers: Sequence[torch.optim.SGD], saved: Mapping[str, Tensor]) -> None:
    """Put back what `momenta` returned."""
    for place, optimiser in enumerate(optimisers):
        for number, parameter in enumerate(optimiser.param_groups[0]["params"]):
            momentum = saved.get(f"momentum.{place}.{number}")
            if momentum is not None:
                like = torch.empty_like(parameter).copy_(momentum)
                optimiser.state[parameter]["momentum_buffer"] = like


def drawn(generators: Mapping[str, torch.Generator]) -> dict[str, Tensor]:
    """Return the state of generators, and of torch's global one on the CPU."""
    return {
        "random.torch": torch.get_rng_state(),
        **{f"random.{name}": generator.get_state() for name, generator in generators.items()},
    }


def restore_drawn(generators: Mapping[str, torch.Generator], saved: Mapping[str, Tensor]) -> None:
    """Put back what `drawn` returned."""
    torch.set_rng_state(saved["random.torch"])
    for name, generator in generators.items():
        generator.set_state(saved[f"random.{name}"])
