"""One JSON per trial: settings, hardware, versions and every epoch; written whole, never twice."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from unlearnable._runtime import Runtime, hardware, versions
from unlearnable.training import Epoch, History

RESULTS = Path(__file__).resolve().parents[1] / "results"


def once(
    name: str, run: Callable[[], dict[str, Any]], runtime: Runtime, asked: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Run a trial and write `results/<name>.json`, unless that file is there; return its content.

    `asked` are settings that the name does not say; a file that was made with others is an error, not the answer.
    """
    path = RESULTS / f"{name}.json"
    if path.is_file():
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if asked is not None and found.get("asked", asked) != asked:
            raise SystemExit(f"{path} was made with {found['asked']}, not with {asked}: move it away to run it anew")
        return found
    record = {
        **run(),
        **({"asked": asked} if asked is not None else {}),
        "hardware": {**hardware(runtime.device), "cores": os.cpu_count(), "threads": torch.get_num_threads()},
        "versions": versions(),
        "commit": commit(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)
    return record


def commit() -> str:
    """Return the commit that ran."""
    command = ["git", "-C", str(RESULTS.parent), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def curve(history: History) -> dict[str, Any]:
    """Return every epoch and the summary of a training."""
    return {
        "best": round(history.best.test_acc, 2),
        "last": round(history.last.test_acc, 2),
        "train_acc": round(history.last.train_acc, 2),
        "seconds": round(history.seconds, 1),
        "images_per_second": round(history.images_per_second, 1),
        "epochs": [_rounded(epoch) for epoch in history.epochs],
    }


def _rounded(epoch: Epoch) -> dict[str, Any]:
    values = asdict(epoch)
    del values["test_accs"], values["confusions"]
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}


def say(epoch: Epoch) -> None:
    """Print one epoch."""
    print(
        f"  epoch {epoch.epoch}: loss {epoch.train_loss:.3f} train {epoch.train_acc:.1f} "
        f"test {epoch.test_acc:.2f} ({epoch.seconds:.0f} s)",
        flush=True,
    )
