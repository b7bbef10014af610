"""Rebuild docs/reproducing.md and its figures from results/paper-*.jsonl, in seconds.

python -m experiments.paper
"""

from experiments._record import RESULTS
from experiments.paper.figures import draw
from experiments.paper.page import page

DOCS = RESULTS.parent / "docs"

if __name__ == "__main__":
    (DOCS / "reproducing.md").write_text(page(RESULTS), encoding="utf-8")
    for path in draw(RESULTS, DOCS / "figures"):
        print(path.relative_to(DOCS.parent))
