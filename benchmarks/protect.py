"""How fast `protect` is on 12-megapixel JPEGs, against decoding and encoding them alone with the same codecs.

Run with `python benchmarks/protect.py`; writes `benchmarks/protect.md` and `benchmarks/protect.json` beside it.
The photos are made here: octaves of smooth random fields (amplitude halves as the scale does) plus sensor noise
of 6 levels, quality 90, 4:2:0, as phones write. One core: threads of numpy's BLAS are set to one. Times are
processor seconds of this process, which other load on the machine disturbs less than the clock; they leave out
waiting for the disk. A photo's time is its fastest of the rounds; the spread is over the photos.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import io
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from PIL import Image, features

from unlearnable import media
from unlearnable.media import jpeg
from unlearnable.protect import ProtectOptions, plan, protect, worker

WIDTH, HEIGHT = 4000, 3000
PHOTOS, ROUNDS = 8, 7
NOISE_SIDE = 64
SENSOR_NOISE = 6.0  # levels
AIM = 0.8
HERE = Path(__file__).parent


def photo(seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    levels = np.full((HEIGHT, WIDTH, 3), 128, dtype=np.float32)
    for octave in range(9):
        side = 3 * 2**octave
        field = rng.normal(0, 60 / 2**octave, (side, side * 4 // 3, 3)).astype(np.float32)
        for channel in range(3):
            plane = Image.fromarray(np.ascontiguousarray(field[..., channel]))
            levels[..., channel] += np.asarray(plane.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
    levels += rng.normal(0, SENSOR_NOISE, levels.shape).astype(np.float32)
    buffer = io.BytesIO()
    Image.fromarray(levels.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90, subsampling=2)
    return buffer.getvalue()


class Stopwatch:
    """Adds up the seconds spent in functions it has wrapped."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def wrap(self, owner: Any, name: str, label: str) -> None:
        real: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.process_time()
            try:
                return real(*args, **kwargs)
            finally:
                key = label
                if label == "decode" and "decode the original" in self.seconds:
                    key = "decode the result again"
                elif label == "decode":
                    key = "decode the original"
                self.seconds[key] = self.seconds.get(key, 0.0) + time.process_time() - start

        setattr(owner, name, timed)


def alone(data: bytes) -> float:
    """Seconds to decode and encode in memory, with the codecs that `protect` uses and nothing else."""
    start = time.process_time()
    pixels = jpeg.decode_fast(data, grey=False)
    with Image.open(io.BytesIO(data)) as image:
        tables = [list(table) for table in jpeg.tables_of(image)]
        if pixels is None:
            pixels = np.asarray(image)
    Image.fromarray(pixels).save(io.BytesIO(), "JPEG", qtables=tables, subsampling=0)
    return time.process_time() - start


def spread(values: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 5),
        "lowest": round(min(values), 5),
        "highest": round(max(values), 5),
        "n": len(values),
    }


def measure(folder: Path) -> dict[str, Any]:
    source = folder / "in"
    source.mkdir()
    for number in range(PHOTOS):
        (source / f"{number}.jpg").write_bytes(photo(number))
    rng = np.random.default_rng(0)
    noise = rng.choice(np.array([-8, 8], np.int8), (3, NOISE_SIDE, NOISE_SIDE))
    job = plan([source], folder / "tasks", ProtectOptions())
    tasks = [
        worker.Task(
            source=item.source.path,
            key=item.source.key,
            folder=folder / "tasks",
            output=item.output,
            category=item.category,
            code=0,
            noise=noise,
            options=job.options,
            version="benchmark",
            previous=None,
        )
        for item in job.items
    ]
    datas = [task.source.read_bytes() for task in tasks]
    alone(datas[0])
    bare: list[list[float]] = [[] for _ in tasks]
    whole: list[list[float]] = [[] for _ in tasks]
    stages: dict[str, list[list[float]]] = {}
    survivals: list[float] = []
    for _ in range(ROUNDS):
        for photo_number, (data, task) in enumerate(zip(datas, tasks, strict=True)):
            bare[photo_number].append(alone(data))
            (task.folder / task.output).unlink(missing_ok=True)
            start = time.process_time()
            outcome = worker.work(task)
            whole[photo_number].append(time.process_time() - start)
            assert outcome.entry is not None, outcome.failure
            survivals.append(outcome.entry.measured["survival"])
    runs = []
    for number in range(ROUNDS):
        job = plan([source], folder / f"run{number}", ProtectOptions())
        names = job.categories
        start = time.process_time()
        protect(job, dict.fromkeys(names, noise), dict.fromkeys(names, 0))
        runs.append((time.process_time() - start) / PHOTOS)
    watch_stages(tasks, stages)
    fast_bare, fast_whole = ([min(times) for times in photos] for photos in (bare, whole))
    ratios = [quick / slow for quick, slow in zip(fast_bare, fast_whole, strict=True)]
    return {
        "alone": spread(fast_bare),
        "protect": spread(fast_whole),
        "speed_relative_to_alone": spread(ratios),
        "run_per_photo": spread(runs),
        "stages": {name: spread([min(times) for times in photos]) for name, photos in stages.items()},
        "survival": spread(survivals[:PHOTOS]),
        "bytes_in": round(statistics.mean(map(len, datas))),
    }


def watch_stages(tasks: list[worker.Task], stages: dict[str, list[list[float]]]) -> None:
    """More rounds with every stage timed; kept apart from the figures above."""
    watch = Stopwatch()
    watch.wrap(media, "decode", "decode")
    watch.wrap(media, "is_grey", "look whether it is grey")
    watch.wrap(media, "fit", "fit the noise")
    watch.wrap(media, "add", "add the noise")
    watch.wrap(media, "encode", "encode")
    watch.wrap(media, "measure", "measure")
    watch.wrap(worker, "_write", "write")
    watch.wrap(worker, "digest", "hash")
    for _ in range(ROUNDS):
        for number, task in enumerate(tasks):
            (task.folder / task.output).unlink(missing_ok=True)
            watch.seconds = {}
            start = time.process_time()
            worker.work(task)
            watch.seconds["all the rest"] = time.process_time() - start - sum(watch.seconds.values())
            for name, seconds in watch.seconds.items():
                stages.setdefault(name, [[] for _ in tasks])[number].append(seconds)


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def report(found: dict[str, Any]) -> str:
    ratio, total = found["speed_relative_to_alone"], found["protect"]["median"]
    folder = found["alone"]["median"] / found["run_per_photo"]["median"]
    lines = [
        "# Protecting 12-megapixel JPEGs",
        "",
        "Written by `python benchmarks/protect.py`; do not edit.",
        "",
        f"{found['hardware']['processor']}, one core, times in processor seconds; "
        + ", ".join(f"{name} {version}" for name, version in found["versions"].items())
        + f". {PHOTOS} made photos of {WIDTH} x {HEIGHT} pixels, mean {found['bytes_in'] / 1e6:.1f} MB, "
        f"the fastest of {ROUNDS} rounds for each, {found['date']}.",
        "",
        "| | processor seconds a photo, median | lowest to highest | n |",
        "|---|---|---|---|",
    ]
    names = {
        "alone": "decode and encode alone, in memory",
        "protect": "protect: file to verified file",
        "run_per_photo": "protect the whole folder, with manifest",
    }
    for key, name in names.items():
        row = found[key]
        lines.append(f"| {name} | {row['median']:.3f} | {row['lowest']:.3f} to {row['highest']:.3f} | {row['n']} |")
    lines += [
        "",
        f"Speed relative to decoding and encoding alone: **{ratio['median']:.2f}** "
        f"({ratio['lowest']:.2f} to {ratio['highest']:.2f}, n = {ratio['n']}); the aim was {AIM}, "
        + ("reached." if ratio["median"] >= AIM else "not reached: the table says what the time goes to.")
        + f" {60 / total:.0f} photos a minute of one core. With the manifest and its safeguards, a whole folder: "
        f"**{folder:.2f}**, {60 / found['run_per_photo']['median']:.0f} photos a minute of one core.",
        "",
        "| stage (timed in rounds of their own) | milliseconds, median | share |",
        "|---|---|---|",
    ]
    whole = sum(row["median"] for row in found["stages"].values())
    for name, row in sorted(found["stages"].items(), key=lambda pair: -pair[1]["median"]):
        lines.append(f"| {name} | {row['median'] * 1000:.1f} | {row['median'] / whole:.0%} |")
    again = found["stages"]["decode the result again"]["median"]
    bound = found["alone"]["median"] / (found["alone"]["median"] + again)
    lines += [
        "",
        f"Reading every file again, which the promise of a verified file costs, bounds the figure at {bound:.2f} "
        "whatever the rest does.",
        "",
        f"Share of the noise that survived (JPEG, 4:4:4, the input's own tables): {found['survival']['median']:.3f} "
        f"({found['survival']['lowest']:.3f} to {found['survival']['highest']:.3f}).",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder))
    found["hardware"] = {"processor": processor(), "cores_used": 1, "cores": os.cpu_count()}
    found["versions"] = {
        "Python": platform.python_version(),
        "numpy": np.__version__,
        "Pillow": PIL.__version__,
        "libjpeg-turbo": str(features.version("libjpeg_turbo")),
        "simplejpeg": _version("simplejpeg"),
    }
    found["date"] = time.strftime("%Y-%m-%d")
    (HERE / "protect.json").write_text(json.dumps(found, indent=2) + "\n")
    (HERE / "protect.md").write_text(report(found))


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


if __name__ == "__main__":
    main()
