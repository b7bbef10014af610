"""`unlearnable demo`: protect sample photos, prove on scanned digits, one report. Offline."""

import webbrowser
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from unlearnable._extras import require
from unlearnable.cli._app import OK, SOME_FAILED, say
from unlearnable.cli._options import Device, Quiet
from unlearnable.cli._progress import progress

PHOTOS = {
    "people/astronaut.png": ("skimage", "data/astronaut.png"),
    "animals/cat.png": ("skimage", "data/chelsea.png"),
    "food/coffee.png": ("skimage", "data/coffee.png"),
    "places/china.jpg": ("sklearn", "datasets/images/china.jpg"),
    "plants/flower.jpg": ("sklearn", "datasets/images/flower.jpg"),
    "space/rocket.jpg": ("skimage", "data/rocket.jpg"),
    "grey/camera.png": ("skimage", "data/camera.png"),
}
"""Sample photos that scikit-image and scikit-learn ship (public domain, CC0 or CC BY; see their data folders)."""

TRIED = ("resize:0.5", "jpeg:75", "jpeg:10")
"""Countermeasures of the proof."""

SHOWN = ("people/astronaut.png", "places/china.jpg", "animals/cat.png")
OWNER_KEY = b"demo"
MARKER = ".unlearnable-demo"
"""An empty file that says whose folder it is: the key is no secret, so nobody's own photos may get into it."""

SIZE, EPSILON, STEPS, BATCH = 24, 24.0, 60, 128
"""The scans are black and white, so δ may be larger than on photos; at 16 px or ε = 8 the first epoch is too good."""


def demo(
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="A folder for photos and report.")] = Path("demo"),
    open_report: Annotated[bool, Parameter(name="--open", negative="", help="Open the report in a browser.")] = False,
    device: Device = "auto",
    quiet: Quiet = False,
) -> int:
    """Protect a handful of sample photos, then prove a protection by training on scanned digits; under two minutes."""
    for module in ("skimage", "sklearn"):
        require(module, "demo", "run the demo")
    if output.exists() and not output.is_dir():
        raise ValueError(f"--output {output} is a file: name a folder")
    _take(output)
    failed = _protect(output, quiet)
    from unlearnable.cli.prove import tell
    from unlearnable.jobs.proving import write_report

    proof = _prove(output, device, quiet)
    page = write_report(output, proof, [_panel(output, name) for name in SHOWN], _files(output))
    say("Seven sample photos protected; the proof was trained on scanned digits:")
    tell(proof, page)
    if open_report:
        webbrowser.open(page.resolve().as_uri())
    return SOME_FAILED if failed else OK


def _take(output: Path) -> None:
    """Make the folder the demo's and lay the sample photos in it; nothing that is there is written over."""
    of_earlier_version = all(
        (output / name).exists() for name in ("report.json", "photos.protected/manifest.jsonl", "trainings")
    )
    if not (output / MARKER).exists() and not of_earlier_version and output.is_dir() and any(output.iterdir()):
        raise ValueError(f"--output {output} holds files that are not the demo's: name an empty or a new folder")
    output.mkdir(parents=True, exist_ok=True)
    (output / MARKER).touch()
    originals = output.resolve() / "photos"
    for name, (package, path) in PHOTOS.items():
        target, content = originals / name, (files(package) / path).read_bytes()
        if target.resolve() != target or (target.exists() and target.read_bytes() != content):
            raise ValueError(f"{target} is not the demo's photo: move it away, or name another --output")
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{name.replace('/', '-')}.partial")  # what is cut off is no photo
        partial.write_bytes(content)
        partial.replace(target)


def _protect(output: Path, quiet: bool) -> int:
    from unlearnable._types import Progress
    from unlearnable.packs import assign, load_pack, noise_of
    from unlearnable.protect import ProtectOptions, plan
    from unlearnable.protect import protect as run

    originals = output / "photos"
    pack = load_pack("photos-64")
    options = ProtectOptions(pack=pack.name, pack_hash=pack.noise.checksum(), pack_epsilon=pack.noise.budget.epsilon)
    job = plan([originals], output / "photos.protected", options)
    codes = assign(list(job.categories), owner_key=OWNER_KEY, slots=pack.slots)
    noise = {name: noise_of(pack, codes[name]) for name in job.categories}
    with progress("protecting", quiet=quiet) as report:
        done = run(
            job,
            noise,
            codes,
            progress=lambda now: report(Progress(done=now.done, total=now.total, note=now.path.name)),
        )
    for failure in done.failures:
        say(f"{failure.path}: {failure.reason}")
    return len(done.failures)


def _prove(output: Path, device: str, quiet: bool) -> dict[str, Any]:
    from unlearnable._runtime import Runtime
    from unlearnable.datasets import load
    from unlearnable.evaluation.controls import random_control
    from unlearnable.evaluation.photos import EXPORTS
    from unlearnable.evaluation.proof import KNOWN_UNTESTED, Plan, Row, prove
    from unlearnable.exploiters import countermeasure
    from unlearnable.poisons.error_min import ErrorMin
    from unlearnable.training.recipes import recipe

    runtime = Runtime.auto(device)
    train, test = load("digits", size=SIZE), load("digits", split="test", size=SIZE)
    # all frequencies: strokes are slow changes themselves, and slow noise would be learned no sooner
    poison = ErrorMin(epsilon=EPSILON, scope="class-wise", steps=STEPS, batch_size=BATCH, cycles=2 * SIZE)
    with progress("crafting", quiet=quiet) as report:
        noise = poison.craft(train, runtime, report)
    noise.save(output / "digits.safetensors")
    protected = noise.apply(train)
    rows = [
        Row(name="clean", title="Clean scans", kind="control", train=train),
        Row(
            name="random",
            title="Random noise of the same size",
            kind="control",
            train=random_control(train, epsilon=EPSILON, scope="class-wise"),
        ),
        Row(name="protected", title="Protected scans", kind="protected", train=protected),
    ]
    for spec in TRIED:
        hook = countermeasure(spec)
        rows.append(
            Row(
                name=spec,
                title=EXPORTS[spec],
                kind="countermeasure",
                train=protected.with_pixels(hook.sanitize(protected.pixels, protected.labels, runtime)),
                treated_test=test.with_pixels(hook.sanitize(test.pixels, test.labels, runtime)),
            )
        )
    layout = Plan(
        rows=tuple(rows),
        test=test,
        recipe=replace(recipe("tiny"), name="tiny"),
        seeds=(0, 1),
        epsilon=EPSILON,
        untested=("projecting out what a linear classifier sees", *KNOWN_UNTESTED),
        about={
            "name": "the demo",
            "noun": "scans",
            "data": "1,797 scanned digits (UCI), the photos above are not part of this test",
            "method": f"error-minimizing noise, class-wise, crafted on the training scans in {poison.steps} steps",
        },
    )
    with progress("training", quiet=quiet) as report:
        proof = prove(layout, runtime=runtime, store=output / "trainings", report=report)
    proof["date"] = datetime.now(UTC).date().isoformat()
    return proof


def _panel(output: Path, name: str) -> Any:
    from unlearnable.datasets.decode import decode
    from unlearnable.report import panel

    before = decode(output / "photos" / name, size=None)
    after = decode(output / "photos.protected" / name, size=None)
    return panel(name, name.split("/")[0], before, after)


def _files(output: Path) -> dict[str, Any] | None:
    from unlearnable.jobs.proving import file_facts
    from unlearnable.protect import ledger

    return file_facts(list(ledger.read(output / "photos.protected").values()))
