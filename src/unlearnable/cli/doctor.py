"""`unlearnable doctor`: what this machine has and how fast it is."""

import os
import platform
import shutil
import time
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from unlearnable import __version__
from unlearnable.cli._app import OK
from unlearnable.cli._options import AsJson, Device, emit

EXTRAS = {"pillow-heif": "HEIC photos", "simplejpeg": "faster JPEG reading", "scikit-image": "`unlearnable demo`"}
PROBE_SECONDS = 2.0
PROBE_IMAGES = 512
PROOF_PHOTOS = 1000


def doctor(
    *,
    device: Device = "auto",
    folder: Annotated[Path, Parameter(help="Where you would write photos: its free space is told.")] = Path(),
    as_json: AsJson = False,
) -> int:
    """Show device, memory, formats and extras, and measure how fast this machine protects and trains."""
    facts = {**_machine(device, folder), **_formats(), **_protecting(), **_training(device)}
    if as_json:
        emit(facts)
        return OK
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, value in facts.items():
        table.add_row(name, Text(str(value)))
    Console(highlight=False).print(table)
    return OK


def _machine(device: str, folder: Path) -> dict[str, str | int]:
    import torch

    from unlearnable._runtime import Runtime, hardware

    runtime = Runtime.auto(device)
    facts = hardware(runtime.device)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    return {
        "unlearnable": f"{__version__}, torch {torch.__version__}, Python {platform.python_version()}",
        "system": facts["system"],
        "device": f"{facts['processor']} ({facts['device']}, {facts['threads']} threads)",
        "computes in": "bfloat16" if facts["bf16"] else "float32",
        "memory": f"{memory / 2**30:.0f} GiB" if memory else "unknown",
        "free disk": f"{shutil.disk_usage(folder).free / 2**30:.0f} GiB in {folder.resolve()}",
    }


def _formats() -> dict[str, str]:
    from PIL import features

    read = ["JPEG", "PNG", "TIFF"]
    read += [name for name, feature in (("WebP", "webp"), ("AVIF", "avif")) if features.check(feature)]
    facts = {}
    for package, purpose in EXTRAS.items():
        try:
            facts[f"extra {package}"] = f"{version(package)}: {purpose}"
        except PackageNotFoundError:
            facts[f"extra {package}"] = f"not installed: {purpose}"
    if not facts["extra pillow-heif"].startswith("not"):
        read.append("HEIC")
    return {"photo formats": ", ".join(read), **facts}


def _protecting() -> dict[str, str]:
    """Protect one made-up 12-megapixel JPEG in memory, again and again for two seconds."""
    import numpy as np

    from unlearnable import media
    from unlearnable.packs import load_pack, noise_of

    pack = load_pack("photos-64")
    noise = noise_of(pack, 0)
    coarse = np.random.default_rng(0).integers(40, 216, (60, 80, 3), dtype=np.uint8)
    from PIL import Image

    photo = Image.fromarray(coarse).resize((4000, 3000), Image.Resampling.BICUBIC)
    import io

    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", quality=90)
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < PROBE_SECONDS:
        picture = media.decode(buffer.getvalue())
        pattern = media.fit(noise, picture.size, picture.mode, grey=False)
        added = replace(picture, pixels=media.add(picture.pixels, pattern))
        written = media.decode(media.encode(added, "keep")[0])
        media.measure(picture.pixels, written.pixels, pattern)
        count += 1
    rate = 60 * count / (time.perf_counter() - started)
    return {"protecting": f"about {rate:.0f} photos of 12 megapixels a minute and core, in memory"}


def _training(device: str) -> dict[str, str]:
    """Train the exploiter of `prove` on enlarged digits for two epochs; the second is timed."""
    import numpy as np

    from unlearnable._runtime import Runtime
    from unlearnable._words import spoken
    from unlearnable.datasets import load
    from unlearnable.evaluation.photos import EXPORTS, LOADED, STORED
    from unlearnable.training.fit import fit
    from unlearnable.training.recipes import recipe

    photos = recipe("photos")
    assert photos.image_size is not None
    size = round(STORED * photos.image_size)
    grey = load("digits", size=size).subset(np.arange(PROBE_IMAGES))
    data = grey.with_pixels(np.repeat(grey.pixels, 3, axis=1))
    few = data.subset(np.arange(photos.batch_size))
    history = fit(data, test=few, recipe=replace(photos, epochs=2), runtime=Runtime.auto(device))
    rate = len(data) / history.last.seconds
    trainings = (4 + len(EXPORTS) + len(LOADED)) * 2
    proof = PROOF_PHOTOS * photos.epochs * trainings / rate
    return {
        "training": f"{rate:.0f} images of {photos.image_size}x{photos.image_size} a second ({photos.architecture})",
        "a proof": f"about {spoken(proof)} for {PROOF_PHOTOS:,} photos "
        f"({trainings} trainings of {photos.epochs} epochs, and more for what holds)",
    }
