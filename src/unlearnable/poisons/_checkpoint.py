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
SHARE = 10
"""How many times as long as a saving took it is to the next at least: that of many large photos takes minutes."""


class Checkpoint:
    """Named tensors that are saved now and then; a file of another search is not used.

    Args:
        path: the file; None saves nothing.
        identity: what the search depends on, JSON-serialisable: method, settings, seed, data.
        every: seconds between two savings at least; by default EVERY. 0 saves whenever it can.
    """

    def __init__(self, path: Path | None, identity: Mapping[str, Any], every: float | None = None) -> None:
        self.path = path
        text = json.dumps([torch.__version__, dict(identity)], sort_keys=True, default=list)
        self.key = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        self.every = EVERY if every is None else every
        self.last = time.monotonic()
        self.took = 0.0

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
        return self.path is not None and time.monotonic() - self.last >= self._wait

    @property
    def _wait(self) -> float:
        return max(self.every, SHARE * self.took) if self.every else 0.0

    def save(self, tensors: Mapping[str, Tensor]) -> None:
        """Write the file, whole or not at all."""
        if self.path is None:
            return
        begun = time.monotonic()
        kept = {name: each.detach().cpu().contiguous() for name, each in tensors.items()}
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        try:
            save_file(kept, temporary, {KEY: self.key})
            temporary.replace(self.path)
        except SafetensorError as error:
            raise OSError(f"{self.path} cannot be written ({error})") from error
        finally:
            temporary.unlink(missing_ok=True)
        self.last = time.monotonic()
        self.took = self.last - begun


class State:
    """What a search with networks remembers, saved and put back in one go.

    Args:
        checkpoint: where.
        models: their weights and buffers.
        optimisers: what they remember.
        generators: by name; torch's own are always kept, of the CPU and, on CUDA, of the device.
        device: where the search draws; by default where the first model is.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        models: Sequence[nn.Module],
        optimisers: Sequence[torch.optim.Optimizer] = (),
        generators: Mapping[str, torch.Generator] | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.checkpoint, self.models, self.optimisers = checkpoint, models, optimisers
        self.generators = generators or {}
        self.device = device or next(models[0].parameters()).device

    def load(self) -> dict[str, Tensor]:
        """Put back everything and return the search's own tensors too; empty if nothing was saved."""
        saved = self.checkpoint.load()
        if saved:
            restore_weights(self.models, saved)
            restore_momenta(self.optimisers, saved)
            restore_drawn(self.generators, saved, self.device)
        return saved

    def keep(self, tensors: Mapping[str, Tensor]) -> None:
        """Save everything with the search's own tensors, if it is time."""
        if self.checkpoint.due:
            self.save(tensors)

    def save(self, tensors: Mapping[str, Tensor]) -> None:
        """Save everything with the search's own tensors: after what must not be lost."""
        random = drawn(self.generators, self.device)
        self.checkpoint.save({**weights(self.models), **momenta(self.optimisers), **random, **tensors})


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


def _slots(optimiser: torch.optim.Optimizer) -> list[Tensor]:
    return [parameter for group in optimiser.param_groups for parameter in group["params"]]


def momenta(optimisers: Sequence[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """Return what optimisers remember of every parameter: momentum, and with Adam its moments and steps."""
    return {
        f"momentum.{place}.{number}.{name}": each
        for place, optimiser in enumerate(optimisers)
        for number, parameter in enumerate(_slots(optimiser))
        for name, each in optimiser.state.get(parameter, {}).items()
        if each is not None
    }


def restore_momenta(optimisers: Sequence[torch.optim.Optimizer], saved: Mapping[str, Tensor]) -> None:
    """Put back what `momenta` returned."""
    for place, optimiser in enumerate(optimisers):
        for number, parameter in enumerate(_slots(optimiser)):
            start = f"momentum.{place}.{number}."
            for name, each in saved.items():
                if name.startswith(start):
                    # laid out as the parameter is, so that sums go in the same order as before
                    like = torch.empty_like(parameter) if each.shape == parameter.shape else torch.empty_like(each)
                    optimiser.state[parameter][name.removeprefix(start)] = like.copy_(each)


def drawn(generators: Mapping[str, torch.Generator], device: torch.device) -> dict[str, Tensor]:
    """Return the state of generators, and of torch's global ones on the CPU and on a CUDA device."""
    on_device = {"random.cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {}
    return {
        "random.torch": torch.get_rng_state(),
        **on_device,
        **{f"random.{name}": generator.get_state() for name, generator in generators.items()},
    }


def restore_drawn(generators: Mapping[str, torch.Generator], saved: Mapping[str, Tensor], device: torch.device) -> None:
    """Put back what `drawn` returned."""
    torch.set_rng_state(saved["random.torch"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(saved["random.cuda"], device)
    for name, generator in generators.items():
        generator.set_state(saved[f"random.{name}"])
