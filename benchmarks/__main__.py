"""The benchmarks, one after the other: `make bench`. Each writes its own report beside it.

`released` needs the released code beside it, so it is run by hand.
"""

import subprocess
import sys

for name in ("startup", "protect", "craft", "train", "fit", "busy", "compiled", "memory", "accuracy", "poisons"):
    print(f"== {name}", flush=True)
    subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)
