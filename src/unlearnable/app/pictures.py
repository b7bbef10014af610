"""Small pictures for the pages, and three protected samples to look at first."""

import io
import math
import secrets
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from unlearnable._words import shown
from unlearnable.datasets.decode import decode
from unlearnable.jobs.protecting import ProtectJob
from unlearnable.media.heif import readable
from unlearnable.protect import Item, ledger
from unlearnable.protect.check import check_one
from unlearnable.report.panels import amplified

THUMB, SHOWN = 96, 1600
SAMPLES, TRIED = 3, 9
LOOKED_AT = 16_000_000
"""Pixels of a photo that the difference is drawn from."""

MOST_PIXELS = 120_000_000
"""Of a photo that a thumbnail is made of; larger ones are shown without."""
BROWSER_KINDS = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


@lru_cache(maxsize=1024)
def thumbnail(path: Path, changed: float) -> bytes:
    """Return a photo as a small JPEG; `changed` is its time, so that a new version is a new picture.

    Raises:
        ValueError: it cannot be read.
    """
    readable()  # HEIC too, if it is installed
    try:
        with Image.open(path) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise ValueError("it is too large")
            if opened.format in ("JPEG", "MPO"):  # which can be decoded at an eighth of their size
                opened.draft("RGB", (2 * THUMB, 2 * THUMB))
                return _small(ImageOps.exif_transpose(opened).convert("RGB"), THUMB)
    except (Image.DecompressionBombError, SyntaxError) as error:
        raise ValueError(str(error)) from error
    return _encoded(decode(path, size=None), THUMB)


def _encoded(pixels: np.ndarray, side: int) -> bytes:
    return _small(
        Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0))), side
    )


def _small(image: Image.Image, side: int) -> bytes:
    image.thumbnail((side, side), reducing_gap=2.0)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    return file.getvalue()


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One photo before and after, ready to be shown; pictures are keys of `Gallery`."""

    name: str
    size: tuple[int, int]
    before: str
    after: str
    difference: str
    psnr: float
    ssim: float
    linf: float
    seconds: float
    checking: float
    bytes: tuple[int, int]


class Gallery:
    """Pictures the browser may ask for, by a random key each; old ones are forgotten."""

    def __init__(self, most: int = 60) -> None:
        self.most = most
        self.lock = threading.Lock()
        self.held: OrderedDict[str, tuple[bytes, str]] = OrderedDict()

    def add(self, content: bytes, kind: str) -> str:
        """Keep a picture and return its key."""
        key = secrets.token_urlsafe(16)
        with self.lock:
            self.held[key] = (content, kind)
            while len(self.held) > self.most:
                self.held.popitem(last=False)
        return key

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Return a picture and its type, if it is still there."""
        with self.lock:
            return self.held.get(key)


def chosen(items: Sequence[Item], count: int = SAMPLES) -> list[Item]:
    """Return photos evenly spread over the folder, of different categories where there are several."""
    first: dict[str, Item] = {}
    for item in items:
        first.setdefault(item.category, item)
    kinds = list(first.values())
    if len(kinds) >= count:
        return [kinds[place * len(kinds) // count] for place in range(count)]
    rest = [item for item in items if item not in kinds]
    more = [rest[place * len(rest) // (count - len(kinds))] for place in range(min(count - len(kinds), len(rest)))]
    return [*kinds, *more]


def samples(
    job: ProtectJob, gallery: Gallery, stop: Callable[[], bool] = lambda: False
) -> tuple[list[Sample], list[str]]:
    """Protect up to three photos of a job in a temporary folder, for looking; `stop` is asked before each.

    Returns:
        The samples, and for those that could not be protected one sentence each; others take their places.
    """
    made: list[Sample] = []
    problems: list[str] = []
    first = chosen(job.plan.items)
    for item in [*first, *(item for item in chosen(job.plan.items, TRIED) if item not in first)]:
        if len(made) == SAMPLES or stop():
            break
        with tempfile.TemporaryDirectory(prefix="unlearnable-") as folder:
            output = Path(folder) / "out"
            one = replace(job, plan=replace(job.plan, items=(item,), failures=(), output=output))
            started = time.perf_counter()
            summary = one.run(workers=1)
            seconds = time.perf_counter() - started
            if summary.failures:
                problems.append(f"{shown(item.source.key)}: {summary.failures[0].reason}")
                continue
            entry = ledger.read(output)[item.output]
            made.append(_sample(item, output, entry, seconds, gallery))
    return made, problems


def _sample(item: Item, output: Path, entry: ledger.Entry, seconds: float, gallery: Gallery) -> Sample:
    started = time.perf_counter()
    check_one(entry, output, item.source.path)
    checking, written = time.perf_counter() - started, output / item.output
    before, after = decode(item.source.path, size=None), decode(written, size=None)
    step = max(1, math.ceil(math.sqrt(before[0].size / LOOKED_AT)))
    coarse = before[:, ::step, ::step], after[:, ::step, ::step]
    difference = amplified(coarse[0], coarse[1])
    return Sample(
        name=shown(item.source.key),
        size=entry.size,
        before=_shown(item.source.path, before, gallery),
        after=_shown(written, after, gallery),
        difference=gallery.add(_encoded(difference, SHOWN), "image/jpeg"),
        psnr=entry.measured["psnr"],
        ssim=entry.measured["ssim"],
        linf=entry.measured["linf"],
        seconds=seconds,
        checking=checking,
        bytes=(item.source.size, written.stat().st_size),
    )


def _shown(file: Path, pixels: np.ndarray, gallery: Gallery) -> str:
    """Keep the file itself where a browser can show it, so that 100 % is 100 %; others become lossless WebP."""
    kind = BROWSER_KINDS.get(file.suffix.lower())
    if kind is not None:
        return gallery.add(file.read_bytes(), kind)
    image = Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    content = io.BytesIO()
    image.save(content, "WEBP", lossless=True, method=0)
    return gallery.add(content.getvalue(), "image/webp")
