"""Bundled class-wise noise for new photos, and which category gets which of it. Numpy only."""

from unlearnable.packs.codes import SYMMETRIES, assign
from unlearnable.packs.store import Pack, PackError, bundled, load_pack, noise_of, save_pack

__all__ = ["SYMMETRIES", "Pack", "PackError", "assign", "bundled", "load_pack", "noise_of", "save_pack"]
