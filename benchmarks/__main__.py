"""All benchmarks, one after the other: `make bench`. Each writes its own report beside it."""

import subprocess
import sys

for name in ("startup", "protect", "craft", "train", "fit", "accuracy"):
    print(f"== {name}", flush=True)
    subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)
