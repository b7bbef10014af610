"""HEIF files, which Pillow reads and writes once an extra is installed."""

from collections.abc import Iterator
from functools import cache

BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")
START = 12
"""Bytes that tell a HEIF file."""


def is_heif(start: bytes) -> bool:
    """Whether a file that begins like this is HEIF (HEIC of a phone, say)."""
    return start[4:8] == b"ftyp" and start[8:12] in BRANDS


def boxes(data: bytes) -> Iterator[bytes]:
    """Yield the types of the outermost boxes of a HEIF or AVIF file, as far as they are whole."""
    place = 0
    while place + 8 <= len(data):
        size, kind = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        if size == 1:  # the true size follows
            size = int.from_bytes(data[place + 8 : place + 16], "big")
        yield kind
        if size < 8:  # 0: to the end of the file; less than its own head: damaged
            return
        place += size


def has_film(data: bytes) -> bool:
    """Whether a HEIF or AVIF file is a motion photo: its film is in a box of its own."""
    return b"mpvd" in boxes(data)


@cache
def readable() -> bool:
    """Teach Pillow to read HEIF, once per process; False if the extra is not installed."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener(thumbnails=False)
    return True
