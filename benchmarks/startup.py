"""How long a person waits for `unlearnable --help`, and what is imported for it: python -m benchmarks.startup."""

import json
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

from unlearnable import __version__

RUNS = 15


def seconds(arguments: list[str]) -> list[float]:
    """Wall seconds of whole processes, after one that is not counted."""
    times = []
    for _ in range(RUNS + 1):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "unlearnable.cli", *arguments], capture_output=True, check=True)
        times.append(time.perf_counter() - started)
    return times[1:]


def main() -> None:
    measured = {"help": seconds(["--help"]), "protect --help": seconds(["protect", "--help"])}
    record = {
        "what": "wall seconds of a whole process; aim: --help under 0.5",
        "machine": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "unlearnable": __version__,
        "n": RUNS,
        "seconds": {
            name: {"median": statistics.median(times), "lowest": min(times), "highest": max(times)}
            for name, times in measured.items()
        },
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record["seconds"], indent=1))


if __name__ == "__main__":
    main()
