"""From the numbers of a proof to one self-contained HTML file. Takes plain JSON; imports no torch."""

from unlearnable.report.page import render, write
from unlearnable.report.panels import Panel, panel

__all__ = ["Panel", "panel", "render", "write"]
