"""HEIF files, which Pillow reads and writes once an extra is installed."""

from functools import cache

BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")
START = 12
"""Bytes that tell a HEIF file."""


def is_heif(start: bytes) -> bool:
    """Whether a file that begins like this is HEIF (HEIC of a phone, say)."""
    return start[4:8] == b"ftyp" and start[8:12] in BRANDS


@cache
def readable() -> bool:
    """Teach Pillow to read HEIF, once per process; False if the extra is not installed."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener(thumbnails=False)
    return True
