"""Metadata that is kept, and the pictures that hide in it and must not be.

EXIF is re-serialised tag by tag: a byte-for-byte copy keeps the thumbnail, which shows the unprotected photo.
Left out on purpose: IFD1 and SubIFDs (thumbnails, previews), MakerNote (camera makers put previews in it),
Photoshop resources and layers (thumbnails), XMP thumbnails, gain-map and depth descriptions, and any value
that is long or begins like an image file.
"""

import re
from collections.abc import Mapping
from typing import Any

from PIL import Image

ORIENTATION = 0x0112
EXIF_IFD, GPS_IFD, INTEROP_IFD, MAKER_NOTE = 0x8769, 0x8825, 0xA005, 0x927C
PIXEL_WIDTH, PIXEL_HEIGHT = 0xA002, 0xA003
# description, make, model, resolution, software, date, artist, host, copyright, rating, Windows' XP texts
KEPT_TAGS = frozenset(
    {0x010E, 0x010F, 0x0110, 0x011A, 0x011B, 0x0128, 0x0131, 0x0132, 0x013B, 0x013C, 0x4746, 0x4749, 0x8298}
    | set(range(0x9C9B, 0x9CA0))
)
IPTC_RESOURCE = 0x0404
LONGEST_VALUE = 16_384  # bytes: long user comments are smaller, previews are larger
LARGEST_BLOCK = 65_000  # bytes: what one JPEG segment holds

_IMAGE_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"RIFF", b"II*\x00", b"MM\x00*", b"ftyp", b"8BPS")
_THUMBNAILS = re.compile(rb"<([\w-]+):Thumbnails\b.*?(?:</\1:Thumbnails\s*>|/>)", re.DOTALL)
_LONG_BASE64 = re.compile(rb"[A-Za-z0-9+/]{400}|(?:[A-Za-z0-9+/]{40,}(?:=*\s|&#xA;|&#10;)+){10}")
_COMPANION_PICTURES = re.compile(rb"hdr-gain-map|hdrgm|GImage|GDepth|google\.com/photos/1\.0/(container|image)")
_GONE = rb"[\w-]+:(?:MicroVideo\w*|MotionPhoto\w*|HasExtendedXMP)"
_XMP_POINTERS = re.compile(rb"""\s""" + _GONE + rb"""=(?:"[^"]*"|'[^']*')|<(""" + _GONE + rb""")>[^<]*</\1\s*>""")
"""Properties that say where in the file a film or more XMP is, which is not kept."""

_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:=[\"']|>))\s*[2-8]")


def clean_exif(exif: Image.Exif, size: tuple[int, int]) -> tuple[bytes | None, tuple[str, ...]]:
    """The EXIF block worth keeping, with Orientation 1 and the upright size, and notes on what was left out.

    GPS and copyright stay. `None` when nothing is left to say.
    """
    notes: list[str] = []
    try:
        kept = _kept_exif(exif, size, notes)
        if not len(kept) and not any(kept.get_ifd(ifd) for ifd in (EXIF_IFD, GPS_IFD)):
            return None, tuple(notes)
        kept[ORIENTATION] = 1
        block = kept.tobytes()
    except Exception:  # Pillow raises half a dozen types on malformed EXIF
        return None, ("its EXIF was malformed and was left out",)
    if len(block) > LARGEST_BLOCK:
        return None, (*notes, "its EXIF was too large and was left out")
    return block, tuple(notes)


def _kept_exif(exif: Image.Exif, size: tuple[int, int], notes: list[str]) -> Image.Exif:
    kept = Image.Exif()
    mine = {tag: exif[tag] for tag in KEPT_TAGS & set(exif)}
    for tag, value in mine.items():
        if not hides_picture(value):
            kept[tag] = value
    pointers = {MAKER_NOTE, INTEROP_IFD}
    below = [value for ifd in (EXIF_IFD, GPS_IFD) for tag, value in exif.get_ifd(ifd).items() if tag not in pointers]
    if any(hides_picture(value) for value in [*mine.values(), *below]):
        notes.append("an EXIF value that may hold a picture was left out")
    camera = _kept_values(exif.get_ifd(EXIF_IFD))
    if MAKER_NOTE in exif.get_ifd(EXIF_IFD) or exif.get_ifd(MAKER_NOTE):
        notes.append("the camera maker's private EXIF notes were left out because they may hold a preview")
    if interop := _kept_values(exif.get_ifd(INTEROP_IFD)):
        camera[INTEROP_IFD] = interop
    for tag, value in ((PIXEL_WIDTH, size[0]), (PIXEL_HEIGHT, size[1])):
        if tag in camera:
            camera[tag] = value
    if camera:
        kept.get_ifd(EXIF_IFD).update(camera)
    if gps := _kept_values(exif.get_ifd(GPS_IFD)):
        kept.get_ifd(GPS_IFD).update(gps)
    return kept


def _kept_values(values: Mapping[int, Any]) -> dict[int, Any]:
    pointers = {MAKER_NOTE, INTEROP_IFD}
    return {tag: value for tag, value in values.items() if tag not in pointers and not hides_picture(value)}


def hides_picture(value: object) -> bool:
    """Whether a metadata value is long enough, or begins in a way, to hold an image file."""
    if isinstance(value, str):
        return len(value) > LONGEST_VALUE
    if isinstance(value, tuple | list):
        return len(value) > LONGEST_VALUE // 8
    if isinstance(value, bytes):
        return len(value) > LONGEST_VALUE or any(start in value for start in _IMAGE_STARTS[:2])
    return False


def clean_xmp(xmp: bytes) -> tuple[bytes | None, tuple[str, ...]]:
    """XMP without thumbnails and pointers to what is not kept, and with an upright orientation.

    Dropped whole if a picture may remain in it.
    """
    lighter = _XMP_POINTERS.sub(b"", _THUMBNAILS.sub(b"", xmp))
    if _LONG_BASE64.search(lighter):
        return None, ("its XMP was left out because it may hold a picture",)
    if _COMPANION_PICTURES.search(lighter):
        return None, ("its XMP was left out because it describes a second picture that is not kept",)
    if len(lighter) > LARGEST_BLOCK:
        return None, ("its XMP was too large and was left out",)
    return _XMP_ORIENTATION.sub(rb"\g<1>1", lighter), ()


def clean_iptc(resources: Mapping[int, Any]) -> bytes | None:
    """IPTC captions and credits out of Photoshop's resources, whose thumbnails are left behind."""
    block = resources.get(IPTC_RESOURCE)
    return block if isinstance(block, bytes) and block and not hides_picture(block) else None
