"""Protect folders of photos, and check them afterwards: plan, worker, manifest."""

from unlearnable.protect.check import CheckProgress, CheckReport, Row, check
from unlearnable.protect.ledger import MANIFEST, Entry
from unlearnable.protect.options import STRENGTHS, ProtectOptions, Strength
from unlearnable.protect.plan import Item, Plan, plan
from unlearnable.protect.run import Progress, Summary, protect
from unlearnable.protect.sources import Failure, Source

__all__ = [
    "MANIFEST",
    "STRENGTHS",
    "CheckProgress",
    "CheckReport",
    "Entry",
    "Failure",
    "Item",
    "Plan",
    "Progress",
    "ProtectOptions",
    "Row",
    "Source",
    "Strength",
    "Summary",
    "check",
    "plan",
    "protect",
]
