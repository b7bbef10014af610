"""Networks that an exploiter trains once, on other images, and keeps in this user's cache."""

import os
from collections.abc import Callable
from contextlib import suppress

from platformdirs import user_cache_path
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn


def cached(name: str, empty: Callable[[], nn.Module], trained: Callable[[], nn.Module]) -> nn.Module:
    """Return the network kept under `name`, or train it and keep it, whole or not at all, if it can be kept.

    A file that is damaged, or of another network, is made again.

    Args:
        name: of what the weights depend on, without a suffix.
        empty: builds the network that the weights are loaded into.
        trained: builds and trains it.
    """
    file = user_cache_path("unlearnable") / "weights" / f"{name}.safetensors"
    try:
        model = empty()
        model.load_state_dict(load_file(file))
        return model
    except (OSError, SafetensorError, RuntimeError):
        model = trained()
    content = save({key: values.cpu().contiguous() for key, values in model.state_dict().items()})
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    with suppress(OSError):  # a cache that cannot be written costs another training, not this one
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(content)
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)
    return model
